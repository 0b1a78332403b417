"""Keepalive that does not find what is dead, or that nobody asked for."""

from tests.harness.subject.mutant import Mutant

KEEPALIVE_UNTIMED = Mutant(
    "keepalive_untimed",
    "waits a minute for the answer to its ping, as C-core does unless grpc.http2.ping_timeout_ms is set",
    variables={"KEEPALIVE_TIMEOUT_MS": "60000"},
    cause="no_keepalive",
)
KEEPALIVE_MISSPELT = Mutant(
    "keepalive_misspelt",
    "misspells its keepalive argument, which gRPC ignores without a word",
    gateway="keepalive_misspelt",
    cause="no_keepalive",
)
KEEPALIVE_ANYWAY = Mutant(
    "keepalive_anyway",
    "gives a silent connection up after a second at most, whatever it is told",
    variables={"KEEPALIVE_TIME_MS": "300", "KEEPALIVE_TIMEOUT_MS": "100"},
    cause="unrequested_keepalive",
)
IDLE_UNWATCHED = Mutant(
    "idle_unwatched",
    "never asks whether a connection is alive that carries no call",
    variables={"KEEPALIVE_PERMIT_WITHOUT_CALLS": "false"},
    cause="idle_connections_not_pinged",
)
IDLE_PINGED = Mutant(
    "idle_pinged",
    "pings connections that carry no call, whatever it is told",
    variables={"KEEPALIVE_PERMIT_WITHOUT_CALLS": "true"},
    cause="idle_connections_pinged",
)
KEEPALIVE_HASTY = Mutant(
    "keepalive_hasty",
    "takes a connection for dead whose ping is not answered in a tenth of a second",
    variables={"KEEPALIVE_TIMEOUT_MS": "100"},
    cause="short_keepalive_timeout",
)
LEAST_LOADED = Mutant(
    "least_loaded",
    "sends each call to the replica that has the fewest under way",
    gateway="least_loaded",
    cause="wrong_policy",
)
NEVER_LEARNS = Mutant(
    "never_learns",
    "opens a channel for each connection that it loses, which knows of no too_many_pings",
    gateway="never_learns",
    cause="keepalive_time_not_doubled",
)
