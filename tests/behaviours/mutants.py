"""No discovery, or a slow one; and worlds that give the gateway a reason to ask, or take replicas from it at once."""

from tests.harness.subject.mutant import EVERYWHERE, Mutant

FROZEN_LIST = Mutant(
    "frozen_list",
    "has an address list instead of a name and never asks again",
    target="frozen",
    environments=EVERYWHERE,
    cause="address_list",
    like=("resolution_floor",),
)
SLOW_RESOLUTION = Mutant(
    "slow_resolution",
    "asks the name server at most every 300 s",
    variables={"DNS_MIN_RESOLUTION_INTERVAL_MS": "300000"},
    environments=("loopback", "compose"),  # on Kubernetes a frozen list stands for it: a pod takes seconds
    cause="resolution_floor",
    like=("address_list",),
)
CACHED_NAMES = Mutant(
    "cached_names",
    "a world in which a cache before the name server answers with old addresses",
    target="cached",
    cause="old_records",
)
SLOW_RECONNECT = Mutant(
    "slow_reconnect",
    "waits 60 s before it dials a lost replica again",
    variables={"INITIAL_RECONNECT_BACKOFF_MS": "60000", "MAX_RECONNECT_BACKOFF_MS": "60000"},
    cause="reconnect_backoff",
)
NO_KEEPALIVE = Mutant(
    "no_keepalive",
    "never asks a silent connection whether it is alive",
    variables={"KEEPALIVE_TIME_MS": "0"},
    environments=EVERYWHERE,
    cause="no_keepalive",
)
POLLING = Mutant(
    "polling",
    "asks the name server again and again, unasked",
    gateway="polling",
    cause="polling",
)
AGEING_CONNECTIONS = Mutant(
    "ageing_connections",
    "a world in which replicas end connections by age, so that the gateway has a reason to ask",
    replicas={"MAX_CONNECTION_AGE_MS": "300"},
    cause="connections_age",
)

ABRUPT_STOP = Mutant(
    "abrupt_stop",
    "a world in which replicas end on SIGTERM without draining",
    replicas={"DRAIN_GRACE_MS": "0"},
    environments=("loopback", "kind"),
    cause="not_drained",
)
