"""Keepalive that does not find what is dead, or that nobody asked for."""

from tests.mutants.mutant import Mutant

KEEPALIVE_UNTIMED = Mutant(
    "keepalive_untimed",
    "waits a minute for the answer to its ping, as C-core does unless grpc.http2.ping_timeout_ms is set",
    variables={"KEEPALIVE_TIMEOUT_MS": "60000"},
    cause="no_keepalive",
)
KEEPALIVE_ANYWAY = Mutant(
    "keepalive_anyway",
    "gives a silent connection up after a second at most, whatever it is told",
    variables={"KEEPALIVE_TIME_MS": "300", "KEEPALIVE_TIMEOUT_MS": "100"},
    cause="keepalive_unasked",
)
