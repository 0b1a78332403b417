"""What limits retries: the limit of the library, server pushback, a switch, a buffer."""

from itertools import pairwise
from statistics import median

import pytest

from tests.behaviours.retry import causes, causes_limits, causes_missing
from tests.behaviours.retry.mutants_limits import (
    BACKOFF_KEEPS_GROWING,
    IGNORES_PUSHBACK,
    LARGE_RETRY_BUFFER,
    MILLISECOND_BACKOFF,
    NO_RETRY_WITHIN_A_MILLISECOND,
    PUSHBACK_FOR_ANY_CODE,
    RETRIES_STAY_ON,
    STEEP_BACKOFF,
    TEN_ATTEMPTS,
    UNLIMITED_ATTEMPTS,
)
from tests.harness.behaviour import JITTER, TIMER, Block, Budgets, Measured, Orders, Promises, explained_by, written

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("retries", "no application retries", "sustained retries", "no hedging"),
]

LIBRARY_LIMIT = 5
"""Attempts; a greater maxAttempts is capped at this (gRFC A6, Limits on Retries and Hedges)."""

LARGE_PLAN = ",".join(["UNAVAILABLE"] * 400)
"""A plan of 4.8 kB, which makes the order id as large: every attempt fails."""


def gaps(block: Block) -> list[list[float]]:
    """Return the seconds between the attempts of each order."""
    return [[b.arrived - a.arrived for a, b in pairwise(trail)] for trail in block.trails]


def lengths(block: Block) -> list[int]:
    """Return the number of attempts of each order."""
    return [len(trail) for trail in block.trails]


@pytest.mark.claims("RT-03", "F48", source="gRFC A6, Limits on Retries and Hedges")
@pytest.mark.catches(UNLIMITED_ATTEMPTS)
@explained_by(causes_missing.no_retry, causes.unnumbered, causes_limits.limit_raised)
@pytest.mark.feature("retry-limit")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(TEN_ATTEMPTS))
def test_max_attempts_above_5_is_capped_at_5(orders: Orders, measured: Measured) -> None:
    """With maxAttempts 10, a call that fails every time makes 5 attempts, the limit of the gRPC libraries."""
    block = orders.place(3, plan="UNAVAILABLE", callers=3)
    measured(f"attempts {lengths(block)}", bound=f"{LIBRARY_LIMIT} each")

    assert lengths(block) == [LIBRARY_LIMIT] * 3


@pytest.mark.claims("RT-10", source="gRFC A6, Pushback")
@pytest.mark.catches(IGNORES_PUSHBACK)
@explained_by(causes.unnumbered, causes_limits.pushback_ignored)
def test_a_retry_honours_the_pushback_delay(
    orders: Orders, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A failure with a pushback is retried after exactly the pushback delay, instead of the backoff."""
    pushback = round(2.5 * promises.initial_backoff, 3)
    block = orders.place(5, plan=f"UNAVAILABLE:pushback={pushback * 1000:.0f}", callers=5)
    first = [waits[0] for waits in gaps(block) if waits]
    measured(
        f"retried after {', '.join(f'{gap * 1000:.0f}' for gap in first)} ms",
        bound=f"{pushback * 1000:.0f} ms, the median at most {budgets.lag * 1000:.0f} ms late",
    )

    assert len(first) == 5
    assert min(first) >= pushback - TIMER
    assert median(first) <= pushback + budgets.lag


@pytest.mark.claims("RT-10", source="gRFC A6, Pushback")
@pytest.mark.catches(BACKOFF_KEEPS_GROWING)
@explained_by(causes.unnumbered, causes_limits.pushback_ignored, causes_limits.backoff_not_restarted)
@pytest.mark.feature("previous-attempts")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(STEEP_BACKOFF))
def test_a_pushback_resets_the_retry_backoff(orders: Orders, budgets: Budgets, measured: Measured) -> None:
    """The retry after a pushback waits the initial backoff again, not a grown one."""
    pushback, backoff = 0.05, 0.2
    block = orders.place(5, plan="UNAVAILABLE:pushback=50,UNAVAILABLE", callers=5)
    measured(f"attempts {lengths(block)}", bound="3 each")
    assert lengths(block) == [3] * 5
    first, second = (median(waits) for waits in zip(*gaps(block), strict=True))
    measured(f"retried after {first * 1000:.0f} ms, then {second * 1000:.0f} ms", bound="50 ms, then 160 to 240 ms")

    assert pushback - TIMER <= first < backoff * (1 - JITTER)
    assert backoff * (1 - JITTER) - TIMER <= second <= backoff * (1 + JITTER) + budgets.lag


@pytest.mark.claims("RT-12", source="gRFC A6, Pushback; grpc/grpc#41036")
@pytest.mark.catches(IGNORES_PUSHBACK)
@explained_by(causes.unnumbered, causes_limits.pushback_ignored, causes_limits.instant_retry_hangs)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(STEEP_BACKOFF))
def test_a_zero_pushback_retries_immediately(orders: Orders, budgets: Budgets, measured: Measured) -> None:
    """A failure with a pushback of 0 ms is retried immediately, instead of after the backoff."""
    block = orders.place(5, plan="UNAVAILABLE:pushback=0", callers=5)
    waited = [gap for waits in gaps(block) for gap in waits]
    measured(
        f"attempts {lengths(block)}, waits {', '.join(f'{gap * 1000:.0f}' for gap in waited) or 'none'} ms",
        bound=f"3 each, the median wait at most {budgets.lag * 1000:.0f} ms",
    )

    assert lengths(block) == [3] * 5
    assert median(waited) <= budgets.lag


@pytest.mark.claims("RT-11", source="gRFC A6, Pushback")
@pytest.mark.catches(IGNORES_PUSHBACK)
@explained_by(causes.unnumbered, causes_limits.pushback_ignored)
@pytest.mark.vacuous_without("retries")
def test_a_negative_pushback_ends_the_retries(orders: Orders, measured: Measured) -> None:
    """A failure with a negative pushback is not retried, although its code is retryable."""
    block = orders.place(3, plan="UNAVAILABLE:pushback=-1")
    measured(f"attempts {lengths(block)}", bound="1 each")

    assert lengths(block) == [1, 1, 1]


@pytest.mark.claims("RT-10", "F53", source="gRFC A6, Pushback, Retryable Status Codes")
@pytest.mark.catches(PUSHBACK_FOR_ANY_CODE)
@explained_by(causes.unnumbered, causes_limits.pushback_retries_any_code)
@pytest.mark.vacuous_without("retries")
def test_pushback_does_not_make_a_code_retryable(orders: Orders, promises: Promises, measured: Measured) -> None:
    """A failure with a non-retryable code is not retried, although it carries a pushback."""
    block = orders.place(3, plan=f"{promises.other_codes[-1]}:pushback=10")
    measured(f"attempts {lengths(block)} with {promises.other_codes[-1]}", bound="1 each")

    assert lengths(block) == [1, 1, 1]


@pytest.mark.claims("RT-26", source="gRFC A6, Validation of retryPolicy; grpc/grpc#41036")
@pytest.mark.catches(NO_RETRY_WITHIN_A_MILLISECOND)
@explained_by(causes_limits.instant_retry_hangs)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(MILLISECOND_BACKOFF))
def test_a_1_ms_backoff_still_retries(orders: Orders, measured: Measured) -> None:
    """With an initialBackoff of 1 ms, every call that fails every time makes all its attempts."""
    # if every backoff that jitter makes shorter than 1 ms hangs, a run without one occurs once in 10^9
    block = orders.place(15, plan="UNAVAILABLE", callers=15)
    measured(f"attempts {lengths(block)}", bound="3 each")

    assert lengths(block) == [3] * 15


@pytest.mark.claims("RT-17", source="gRFC A6, Disabling Retries")
@pytest.mark.catches(RETRIES_STAY_ON)
@explained_by(causes.unnumbered, causes_limits.switched_off)
@pytest.mark.feature("retries-switch")
@pytest.mark.gateway(ENABLE_RETRIES="false")
@pytest.mark.vacuous_without("retries")
def test_retries_can_be_switched_off(orders: Orders, measured: Measured) -> None:
    """With retries switched off, a call makes one attempt, although the service config has a retry policy."""
    block = orders.place(3, plan="UNAVAILABLE")
    measured(f"attempts {lengths(block)}", bound="1 each")

    assert lengths(block) == [1, 1, 1]


@pytest.mark.claims("RT-21", source="gRFC A6, Memory Management (Buffering)")
@pytest.mark.catches(LARGE_RETRY_BUFFER)
@explained_by(causes.unnumbered, causes_limits.buffer_larger)
@pytest.mark.feature("retry-buffer")
@pytest.mark.gateway(RETRY_BUFFER_BYTES="1024")
@pytest.mark.vacuous_without("retries")
def test_a_call_larger_than_the_retry_buffer_is_not_retried(
    orders: Orders, promises: Promises, measured: Measured
) -> None:
    """A call larger than the retry buffer makes one attempt, and a small call is retried as promised."""
    large, small = orders.place(3, plan=LARGE_PLAN), orders.place(3, plan="UNAVAILABLE", callers=3)
    size = len(large.replies[0].id)
    measured(
        f"attempts {lengths(large)} with {size} bytes, {lengths(small)} with few",
        bound=f"1 each above 1024 bytes, {promises.max_attempts} each below",
    )

    assert lengths(small) == [promises.max_attempts] * 3
    assert lengths(large) == [1, 1, 1]
