"""Keepalive that does not detect dead connections, or that is not wanted."""

from tests.harness.subject.mutant import Mutant

KEEPALIVE_UNTIMED = Mutant(
    "keepalive_untimed",
    "waits a minute for a ping acknowledgement, as C-core does unless grpc.http2.ping_timeout_ms is set",
    variables={"KEEPALIVE_TIMEOUT_MS": "60000"},
    cause="no_keepalive",
)
KEEPALIVE_MISSPELT = Mutant(
    "keepalive_misspelt",
    "misspells its keepalive argument, which gRPC silently ignores",
    gateway="keepalive_misspelt",
    cause="no_keepalive",
)
KEEPALIVE_ANYWAY = Mutant(
    "keepalive_anyway",
    "drops an unresponsive connection within a second, although keepalive is off",
    variables={"KEEPALIVE_TIME_MS": "300", "KEEPALIVE_TIMEOUT_MS": "100"},
    cause="unrequested_keepalive",
)
IDLE_UNWATCHED = Mutant(
    "idle_unwatched",
    "does not ping idle connections",
    variables={"KEEPALIVE_PERMIT_WITHOUT_CALLS": "false"},
    cause="idle_connections_not_pinged",
)
IDLE_PINGED = Mutant(
    "idle_pinged",
    "pings idle connections without permission",
    variables={"KEEPALIVE_PERMIT_WITHOUT_CALLS": "true"},
    cause="idle_connections_pinged",
)
KEEPALIVE_HASTY = Mutant(
    "keepalive_hasty",
    "treats a connection as dead when a ping is not acknowledged within 0.1 s",
    variables={"KEEPALIVE_TIMEOUT_MS": "100"},
    cause="short_keepalive_timeout",
)
LEAST_LOADED = Mutant(
    "least_loaded",
    "sends each call to the replica with the fewest calls in flight",
    gateway="least_loaded",
    cause="wrong_policy",
)
NEVER_LEARNS = Mutant(
    "never_learns",
    "opens a new channel for each lost connection, and so forgets too_many_pings",
    gateway="never_learns",
    cause="keepalive_time_not_doubled",
)
