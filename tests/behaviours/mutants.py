"""The mutants that behaviours of several themes convict."""

from tests.behaviours.elsewhere import called_by, elsewhere, untold
from tests.harness.subject.mutant import EVERYWHERE, Mutant, config

FROZEN_LIST = Mutant(
    "frozen_list",
    "has a fixed address list instead of a DNS name",
    target="frozen",
    environments=EVERYWHERE,
    cause="address_list",
    like=("long_resolution_interval",),
)
SLOW_RESOLUTION = Mutant(
    "slow_resolution",
    "queries DNS at most every 300 s",
    variables={"DNS_MIN_RESOLUTION_INTERVAL_MS": "300000"},
    environments=("loopback", "compose"),  # on Kubernetes a frozen list stands in for it: a pod takes seconds
    cause="long_resolution_interval",
    like=("address_list",),
)
SLOW_RESOLUTION_BY_ITSELF = called_by("self", SLOW_RESOLUTION)
SLOW_RECONNECT = Mutant(
    "slow_reconnect",
    "waits 60 s before it redials a lost replica",
    variables={"INITIAL_RECONNECT_BACKOFF_MS": "60000", "MAX_RECONNECT_BACKOFF_MS": "60000"},
    environments=EVERYWHERE,
    cause="reconnect_backoff",
)
SLOW_RECONNECT_BY_ITSELF = called_by("self", SLOW_RECONNECT)
NO_KEEPALIVE = Mutant(
    "no_keepalive",
    "has no keepalive",
    variables={"KEEPALIVE_TIME_MS": "0"},
    environments=EVERYWHERE,
    cause="no_keepalive",
)
POLLING = Mutant(
    "polling",
    "polls DNS without a trigger",
    gateway="polling",
    cause="polling",
)

ABRUPT_STOP = Mutant(
    "abrupt_stop",
    "a world in which replicas stop on SIGTERM without draining",
    replicas={"DRAIN_GRACE_MS": "0"},
    environments=("loopback", "kind"),
    cause="not_drained",
)
ONE_ADDRESS = Mutant(
    "one_address",
    "its DNS name resolves to one address, as that of a ClusterIP Service does",
    target="one",
    environments=("loopback", "compose"),
    cause="one_address",
    like=("pick_first",),
)
CHANNEL_PER_REQUEST = Mutant(
    "channel_per_request",
    "opens a channel for each request",
    gateway="channel_per_request",
    cause="channel_per_request",
)
NAIVE_ROTATION = Mutant(
    "naive_rotation",
    "rotates over the addresses by hand, whether or not they answer",
    gateway="naive_rotation",
    cause="picks_unconnected_replicas",
)
CALLS_TWICE = Mutant(
    "calls_twice",
    "makes each call twice",
    gateway="calls_twice",
    cause="called_twice",
)
CALLS_TWICE_ELSEWHERE = elsewhere(CALLS_TWICE)
NO_RETRY = Mutant(
    "no_retry",
    "has no retry policy",
    variables=config(lambda config, _: config.pop("methodConfig")),
    environments=EVERYWHERE,
    cause="no_retry_policy",
)
NO_RETRY_UNTOLD = untold(NO_RETRY)
NO_RETRY_BY_GRPC = called_by("grpc", NO_RETRY)
NO_RETRY_BY_STDIO = called_by("stdio", NO_RETRY)
NO_DEADLINE = Mutant(
    "no_deadline",
    "its calls have no deadline",
    variables={"CALL_TIMEOUT_MS": "0"},
    cause="no_deadline",
)
WAITS_FOR_READY = Mutant(
    "waits_for_ready",
    "its calls wait for a ready replica instead of failing fast",
    variables={"WAIT_FOR_READY": "true"},
    environments=("loopback", "compose"),
    cause="wait_for_ready",
)
