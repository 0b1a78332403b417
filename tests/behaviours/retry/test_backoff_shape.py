"""The shape of the retry backoff: its jitter, its growth and its maximum, on many calls that fail every time."""

from statistics import median

import pytest

from tests.behaviours.retry import causes_backoff, causes_missing
from tests.behaviours.retry.controls_application import FULL_JITTER, LOOP
from tests.behaviours.retry.mutants import FIXED_BACKOFF
from tests.behaviours.retry.mutants_backoff import (
    CAPPED_BACKOFF,
    CONSTANT_BACKOFF,
    NO_RETRY_JITTER,
    SLOW_GROWTH,
    TRIPLE_BACKOFF,
    UNCAPPED_BACKOFF,
)
from tests.harness.behaviour import (
    Budgets,
    Measured,
    Orders,
    Promises,
    allowed_growth,
    explained_by,
    growth_faults,
    jitter_faults,
    spreads,
    waits_of,
    written,
)

pytestmark = [pytest.mark.extended, pytest.mark.promised("retries", "sustained retries", "no hedging")]

CALLS, RATE = 80, 60
"""How many calls fail, and how many are sent in a second: a pause of the machine meets a few of them."""

ENOUGH = CALLS // 2
"""Calls that have made the attempts that are judged; how many attempts a call makes is judged elsewhere."""


def failing(orders: Orders, retries: int) -> list[list[float]]:
    """Return the waits of those calls, all of which fail, that made so many retries."""
    waits = waits_of(orders.place(CALLS, plan="UNAVAILABLE", rate=RATE).trails)
    return [each for each in waits if len(each) >= retries]


@pytest.mark.claims("RT-05", source="gRFC A6, Exponential Backoff")
@pytest.mark.catches(NO_RETRY_JITTER)
@pytest.mark.acquits(FULL_JITTER)
@explained_by(causes_missing.no_retry, causes_backoff.no_retry_jitter)
@pytest.mark.promised("jitter")
def test_retry_backoff_has_jitter(orders: Orders, promises: Promises, measured: Measured) -> None:
    """Calls that fail do not all wait equally long for a retry: the promised jitter sets them apart."""
    waits = failing(orders, 1)
    assert len(waits) >= ENOUGH
    seen = spreads(waits, promises)
    measured(
        f"three quarters of {len(waits)} waits within {', '.join(f'{spread * 1000:.0f}' for spread, _ in seen)} ms",
        bound=f"at least {', '.join(f'{least * 1000:.0f}' for _, least in seen)} ms",
    )

    assert not jitter_faults(waits, promises)


@pytest.mark.claims("RT-05", source="gRFC A6, Exponential Backoff")
@pytest.mark.catches(CONSTANT_BACKOFF, FIXED_BACKOFF, TRIPLE_BACKOFF, SLOW_GROWTH)
@pytest.mark.acquits(FULL_JITTER, LOOP)
@explained_by(causes_missing.no_retry, causes_backoff.other_growth)
@pytest.mark.promised("growing backoff")
def test_retry_backoff_grows_by_its_multiplier(
    orders: Orders, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """The second retry of a call waits longer than the first, by as much as the promised multiplier makes of it."""
    waits = failing(orders, 2)
    assert len(waits) >= ENOUGH
    first, second = (median(each[retry] for each in waits) for retry in (0, 1))
    measured(
        f"median waits {first * 1000:.0f} ms and {second * 1000:.0f} ms, a factor of {second / first:.2f}",
        bound="the second longer by {:.0f} to {:.0f} ms".format(
            *(1000 * growth for growth in allowed_growth(len(waits), promises, budgets.lag))
        ),
    )

    assert not growth_faults(waits, promises, budgets.lag)


@pytest.mark.claims("RT-05", source="gRFC A6, Exponential Backoff")
@pytest.mark.catches(UNCAPPED_BACKOFF)
@explained_by(causes_missing.no_retry, causes_backoff.not_capped)
@pytest.mark.promised("no application retries")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(CAPPED_BACKOFF))
def test_retry_backoff_never_exceeds_its_maximum(
    orders: Orders, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """With a backoff that would grow from 50 to 500 ms, and a maxBackoff of 100 ms, no retry waits for longer."""
    longest = 0.1 * promises.spread[1] + budgets.lag
    waits = waits_of(orders.place(15, plan="UNAVAILABLE", rate=20).trails)
    second = [each[1] for each in waits if len(each) > 1]
    assert len(second) > len(waits) / 2
    measured(f"median second wait {median(second) * 1000:.0f} ms", bound=f"at most {longest * 1000:.0f} ms")

    assert median(second) <= longest
