"""Worlds in which a gateway cannot find replicas that are gone and have returned."""

from tests.harness.subject.mutant import Mutant

CACHED_NAMES = Mutant(
    "cached_names",
    "a world in which a cache before the name server answers with old addresses",
    target="cached",
    cause="stale_dns_records",
)
