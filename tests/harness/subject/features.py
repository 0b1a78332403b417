"""What a gateway may lack, or have in addition: [features] of a subject file (docs/reference/contract.md)."""

from collections.abc import Mapping
from typing import Any

from tests.harness.subject.tables import Kind, refuse_unknown, strings

FEATURES = {
    "addresses-outlive-names": "a name that disappears does not take the known addresses with it (no gRFC)",
    "client-health-checking": "NOT_SERVING replicas get no calls (gRFC A17)",
    "weighted-round-robin": "weighted_round_robin: shares follow the load that replicas report (gRFC A58)",
    "named-metrics": "metricNamesForComputingUtilization of weighted_round_robin (gRFC A114)",
    "outlier-detection": "outlier_detection_experimental around round_robin (gRFC A50)",
    "ring-hash": "ring_hash_experimental with requestHashHeader, and HASH_HEADER (gRFC A76)",
    "service-config-of-its-own": "a service config in the name server's TXT record does not replace it (gRFC A2)",
    "previous-attempts": "a retry carries how many attempts preceded it (gRFC A6, grpc-previous-rpc-attempts)",
    "retry-buffer": "RETRY_BUFFER_BYTES limits the size of requests that are retried (gRFC A6, Memory Management)",
    "retry-limit": "the library makes at most 5 attempts (gRFC A6, Limits on Retries and Hedges)",
    "address-shuffling": "pick_first with shuffleAddressList tries the addresses in a random order (gRFC A62)",
    "channelz": "CHANNELZ_ADDRESS serves channelz of the channel that carries the orders (gRFC A14)",
    "connect-timeout": "CONNECT_TIMEOUT_MS bounds how long a connection attempt may take (connection-backoff.md)",
    "connects-ahead": "round_robin makes a lost connection again before a call needs it (doc/load-balancing.md)",
    "connection-scaling": "connectionScaling opens more connections once all streams are in use (gRFC A105)",
    "happy-eyeballs": "pick_first tries the next address in parallel to one that does not connect (gRFC A61)",
    "idle-timeout": "CLIENT_IDLE_TIMEOUT_MS makes the channel go idle (connectivity-semantics-and-api.md)",
    "reconnect-backoff": "INITIAL_ and MAX_RECONNECT_BACKOFF_MS with gRPC's growth and jitter (connection-backoff.md)",
    "txt-service-config": "TXT_SERVICE_CONFIG=true lets the name server's TXT record replace it (gRFC A2)",
    "short-keepalive": "a KEEPALIVE_TIME_MS below 10 s is kept as given (gRFC A8 lets libraries raise it)",
    "streams": "GET /streams/{id} or [stream] opens a stream, and passes on its messages (gRFC A6 for its retries)",
    "tls": "CA_FILE makes it speak TLS to the service, with CERT_FILE and KEY_FILE for mutual TLS (gRFC A29)",
    "retries-switch": "ENABLE_RETRIES=false switches retries off (gRFC A6, Disabling Retries)",
}

OPTIONAL = frozenset({"streams", "tls"})
"""The features that only a subject has whose file names them."""

KEYS: dict[str, Kind] = {"unsupported": list, "supported": list}


def unsupported(table: Mapping[str, Any], *, has_stream: bool) -> frozenset[str]:
    """Return what a subject lacks by its table, whose keys were checked; `has_stream` with a [stream]."""
    lacking = strings("[features] unsupported", table.get("unsupported", []))
    having = strings("[features] supported", table.get("supported", []))
    refuse_unknown("feature", lacking, list(FEATURES))
    refuse_unknown("feature in [features] supported", having, sorted(OPTIONAL))
    streams = {"streams"} if has_stream else set()
    return frozenset(lacking) | (OPTIONAL - {*having, *streams})
