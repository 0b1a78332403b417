"""Gateways that break the contract of every subject."""

from tests.behaviours.elsewhere import elsewhere
from tests.harness.subject.mutant import Mutant

CACHES_ORDERS = Mutant(
    "caches_orders",
    "answers an order that it has served before from memory",
    gateway="caches_orders",
    cause="answers_from_memory",
)
CACHES_ORDERS_ELSEWHERE = elsewhere(CACHES_ORDERS)
COALESCES_ORDERS = Mutant(
    "coalesces_orders",
    "lets concurrent requests for the same order share one call",
    gateway="coalesces_orders",
    cause="answers_from_memory",
)
OWN_CALLS = Mutant(
    "own_calls",
    "makes calls that no one ordered",
    gateway="own_calls",
    cause="own_calls",
)
REPEATS_SLOW_CALLS = Mutant(
    "repeats_slow_calls",
    "makes a call again when there is no answer within 0.1 s",
    gateway="repeats_slow_calls",
    cause="repeated_call",
)
FAILURES_AS_SUCCESS = Mutant(
    "failures_as_success",
    "answers failed calls with HTTP 200 and an empty order",
    gateway="failures_as_success",
    cause="failures_as_success",
)
FAILURES_AS_SUCCESS_ELSEWHERE = elsewhere(FAILURES_AS_SUCCESS)
ADDRESS_AS_AUTHORITY = Mutant(
    "address_as_authority",
    "sends the address of a replica as the :authority",
    gateway="address_as_authority",
    cause="address_as_authority",
)
ADDS_HALF_A_SECOND = Mutant(
    "adds_half_a_second",
    "adds half a second to every call",
    gateway="adds_half_a_second",
    cause="overhead",
)
IGNORES_SIGTERM = Mutant(
    "ignores_sigterm",
    "does not stop on SIGTERM",
    gateway="ignores_sigterm",
    cause="ignores_sigterm",
)
STOPS_IMMEDIATELY = Mutant(
    "stops_immediately",
    "drops the requests in flight on SIGTERM",
    gateway="stops_immediately",
    cause="drops_requests_on_sigterm",
)
FAILS_BY_ITSELF = Mutant(
    "fails_by_itself",
    "raises an exception for every seventh order",
    gateway="fails_by_itself",
    cause="own_error",
)
