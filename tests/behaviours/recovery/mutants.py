"""Worlds in which a gateway cannot find replicas that went down and have returned."""

from tests.harness.subject.mutant import Mutant

CACHED_NAMES = Mutant(
    "cached_names",
    "a world in which a cache in front of the DNS server answers with old addresses",
    target="cached",
    cause="stale_dns_records",
)
