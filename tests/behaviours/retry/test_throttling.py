"""Retry throttling: failures cost tokens, successes refill them, and below half of them nothing is retried."""

import pytest

from tests.behaviours.retry import causes, causes_throttling
from tests.behaviours.retry.mutants_throttling import (
    COUNTS_EVERY_FAILURE,
    EXAMPLE_RATIO,
    NO_THROTTLING,
    NO_THROTTLING_OF_A_WHOLE_RATIO,
    OTHER_CODES,
    REFILLED,
    SLOW_REFILL,
    THROTTLED,
    TOLERATED,
    WHOLE_RATIO,
)
from tests.harness.behaviour import InconclusiveError, Measured, Orders, Replica, explained_by, written

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("retries", "no application retries", "no ejection", "no hedging"),
]

MOST_TOKENS = 10
"""The most that any behaviour here configures."""

MANY = 20
"""Failures that would use up all tokens if each cost one."""


@pytest.fixture
def full(orders: Orders) -> Orders:
    """
    Return a caller of a gateway with all its tokens: one success for each fills them up, and no further.

    Raises InconclusiveError if an order is not served.
    """
    if orders.place(MOST_TOKENS).failed:
        raise InconclusiveError("an order without a fault plan failed, and cost a token")
    return orders


def attempts(orders: Orders, count: int, plan: str = "UNAVAILABLE") -> list[int]:
    """Return how many attempts each of so many serial orders made."""
    return [len(trail) for trail in orders.place(count, plan=plan).trails]


@pytest.mark.claims("RT-13", "F51", source="gRFC A6, Throttling Retry Attempts and Hedged RPCs")
@pytest.mark.catches(NO_THROTTLING)
@explained_by(causes.unnumbered, causes_throttling.other_throttling)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(THROTTLED))
def test_retries_stop_once_half_the_tokens_are_used(full: Orders, measured: Measured) -> None:
    """Each failed attempt costs one of ten tokens, and with five of them left calls are no longer retried."""
    made = attempts(full, 5)
    measured(f"attempts {made}", bound="2, 2, then 1 each")

    assert made == [2, 2, 1, 1, 1]


@pytest.mark.claims("RT-14", source="gRFC A6, Throttling Retry Attempts and Hedged RPCs")
@pytest.mark.catches(COUNTS_EVERY_FAILURE)
@explained_by(causes.unnumbered, causes_throttling.other_throttling)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(OTHER_CODES))
def test_non_retryable_codes_cost_no_retry_tokens(full: Orders, measured: Measured) -> None:
    """After many failures with a non-retryable code, calls with a retryable code are retried as before."""
    before = attempts(full, 1)
    others = attempts(full, MANY, plan="INVALID_ARGUMENT")
    after = attempts(full, 2)
    measured(f"attempts {before} before {len(others)} failures with INVALID_ARGUMENT, {after} after", bound="2; 2, 1")

    assert others == [1] * MANY
    assert [*before, *after] == [2, 2, 1]


@pytest.mark.claims("RT-15", source="gRFC A6, Throttling Retry Attempts and Hedged RPCs")
@pytest.mark.catches(SLOW_REFILL)
@explained_by(causes.unnumbered, causes_throttling.other_throttling)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(REFILLED))
def test_successes_refill_the_retry_tokens(full: Orders, measured: Measured) -> None:
    """With none of four tokens left, three successes are too few for a retry, and two more are enough."""
    drained = attempts(full, 5)  # the first call costs two
    full.place(3)
    with_three = attempts(full, 1)  # costs one of them
    full.place(2)
    with_four = attempts(full, 1)
    measured(f"attempts {drained}, {with_three} with 3 tokens, {with_four} with 4", bound="1 attempt with 3, 2 with 4")

    assert drained == [2, 1, 1, 1, 1]
    assert with_three == [1]
    assert with_four == [2]


@pytest.mark.claims("RT-13", "RT-24", "F52", source="gRFC A6, Throttling Retry Attempts and Hedged RPCs")
@pytest.mark.catches(EXAMPLE_RATIO)
@explained_by(causes.unnumbered, causes_throttling.other_throttling)
@pytest.mark.promised("round_robin")
@pytest.mark.given_spread_calls
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(TOLERATED))
def test_retry_throttling_tolerates_one_failing_replica(
    full: Orders, struck: Replica, names: list[str], measured: Measured
) -> None:
    """When successes refill as many tokens as one failing replica costs, its failures stay invisible permanently."""
    block = full.place(8 * len(names), plan=f"UNAVAILABLE@{struck.name}")
    retried = [trail for trail in block.trails if len(trail) > 1]
    measured(f"{len(block.failed)} of {len(block.replies)} calls failed, {len(retried)} retried", bound="none failed")

    assert not block.failed
    if len(retried) <= MOST_TOKENS // 2:
        raise InconclusiveError("too few calls hit the failing replica for a refill to matter")


@pytest.mark.claims("RT-15", source="gRFC A6, Throttling Retry Attempts and Hedged RPCs")
@pytest.mark.catches(NO_THROTTLING_OF_A_WHOLE_RATIO)
@explained_by(causes.unnumbered, causes_throttling.other_throttling)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WHOLE_RATIO))
def test_an_integer_token_ratio_is_honoured(orders: Orders, measured: Measured) -> None:
    """A tokenRatio of 1, without a decimal point, refills one token for each success."""
    drained = attempts(orders, MOST_TOKENS)
    orders.place(MOST_TOKENS)
    refilled = attempts(orders, 3)
    measured(
        f"attempts {drained[-1:]} with no token left, {refilled} after {MOST_TOKENS} successes", bound="1; 2, 2, 1"
    )

    assert drained[-1] == 1
    assert refilled == [2, 2, 1]
