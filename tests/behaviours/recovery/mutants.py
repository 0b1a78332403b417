"""Gateways and worlds in which replicas that went down and returned are not found, or calls wait."""

from tests.harness.subject.mutant import Mutant

CACHED_NAMES = Mutant(
    "cached_names",
    "a world in which a cache in front of the DNS server answers with old addresses",
    target="cached",
    cause="stale_dns_records",
)
HOLDS_ALL_CALLS = Mutant(
    "holds_all_calls",
    "holds all calls for 2 s whenever a replica is lost or returns, and then serves them",
    gateway="holds_all_calls",
    cause="holds_calls",
)
HOLDS_SOME_CALLS = Mutant(
    "holds_some_calls",
    "holds every third call for 2 s whenever a replica is lost or returns, and then serves it",
    gateway="holds_some_calls",
    cause="holds_calls",
)
LOSES_WAKEUPS = Mutant(
    "loses_wakeups",
    "never wakes some of the calls that an outage caught",
    gateway="loses_wakeups",
    cause="left_waiting",
)
RECOVERS_ONCE = Mutant(
    "recovers_once",
    "gives an address up when it is lost for the second time",
    gateway="recovers_once",
    cause="address_given_up",
)
GIVES_UP = Mutant(
    "gives_up",
    "gives an address up once it has been down for 5 s",
    gateway="gives_up",
    cause="address_given_up",
)
RESOLVES_TWICE = Mutant(
    "resolves_twice",
    "re-resolves its name twice, and never again",
    gateway="resolves_twice",
    cause="long_resolution_interval",
)
NEVER_REDIALS = Mutant(
    "never_redials",
    "never connects again to a replica that has closed a connection",
    gateway="never_redials",
    cause="not_redialled",
)
WAITS_FOR_DIALS = Mutant(
    "waits_for_dials",
    "sends calls to a lost replica, where they wait while it is dialled",
    gateway="waits_for_dials",
    cause="waits_for_lost_replica",
)
BREAKS_ALONE = Mutant(
    "breaks_alone",
    "fails every call while just one replica is left",
    gateway="breaks_alone",
    cause="needs_several_replicas",
)
EXCLUDES_TRIED = Mutant(
    "excludes_tried",
    "retries on replicas that were not tried yet, and fails when none is left",
    gateway="excludes_tried",
    cause="tried_replicas_excluded",
)
HALF_A_SHARE = Mutant(
    "half_a_share",
    "gives a replica that has returned half its share",
    gateway="half_a_share",
    cause="smaller_share_after_return",
)
QUERIES_WHEN_ALL_ARE_LOST = Mutant(
    "queries_when_all_are_lost",
    "re-resolves only once it has lost all its connections",
    gateway="queries_when_all_are_lost",
    cause="resolves_when_all_are_lost",
)
