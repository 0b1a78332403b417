"""
A behaviour's name in words: its function's name, with the capitals, hyphens and signs that no function can have.

It needs Python's standard library alone, as wording.py does.
"""

import re

SPELLINGS = {
    "aaaa": "AAAA",
    "all dead": "all-dead",
    "application utilization": "application_utilization",
    "applied and the next": "applied, and the next",
    "calls deadline": "call's deadline",
    "cpu utilization": "cpu_utilization",
    "dns": "DNS",
    "goaway": "GOAWAY",
    "goaways": "GOAWAY's",
    "grpc config": "grpc_config",
    "happy eyeballs": "Happy Eyeballs",
    "load balancing config": "loadBalancingConfig",
    "load balancing policy": "loadBalancingPolicy",
    "max attempts": "maxAttempts",
    "max ejection percent": "maxEjectionPercent",
    "method level": "method-level",
    "no proxy": "no_proxy",
    "non retryable": "non-retryable",
    "not serving": "NOT_SERVING",
    "pick first": "pick_first",
    "re established": "re-established",
    "re resolution": "re-resolution",
    "re resolves": "re-resolves",
    "ring hash": "ring_hash",
    "served by": "served_by",
    "service config timeout": "service-config timeout",
    "service level": "service-level",
    "shuffle address list": "shuffleAddressList",
    "tcp": "TCP",
    "to serving": "to SERVING",
    "token ratio": "tokenRatio",
    "too many pings": "too_many_pings",
    "ttl": "TTL",
    "txt": "TXT",
    "wait for ready": "wait_for_ready",
    "wait for ready false": "wait_for_ready=false",
}
"""What a name's words are written as where they are a field's, a policy's or a protocol's own, or need punctuation."""

_LONGEST_FIRST = sorted(SPELLINGS, key=len, reverse=True)
_SPELT = re.compile(rf"\b(?:{'|'.join(_LONGEST_FIRST)})\b")


def spelt(name: str) -> str:
    """Return a name in words: "test_a_ttl_expires" is "a TTL expires"."""
    return _SPELT.sub(lambda found: SPELLINGS[found[0]], name.removeprefix("test_").replace("_", " "))
