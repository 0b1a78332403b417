"""The judges of the shape of retry backoffs, on waits made up."""

import random
from collections.abc import Callable

import pytest

from tests.harness.judges.retry_backoff import (
    FALSE_ALARM,
    allowed_growth,
    at_least,
    crowded,
    growth_faults,
    jitter_faults,
    kept,
    spreads,
    waits_of,
)
from tests.harness.subject.promises import Promises
from tests.harness.world.ledger import Attempt

CALLS = 80
LAG = 0.1
GRPC, FULL = Promises(), Promises(jitter="full")
CHANCE = random.Random(7)  # noqa: S311, no secret


def fired(promises: Promises, retry: int, late: Callable[[], float] = lambda: 0.0) -> float:
    """Return how long a right gateway waits before a retry, on a machine that is so late."""
    return CHANCE.uniform(*promises.waits(retry)) + late()


def right(promises: Promises, late: Callable[[], float] = lambda: 0.0) -> list[list[float]]:
    """Return the waits of a right gateway."""
    return [[fired(promises, 1, late), fired(promises, 2, late)] for _ in range(CALLS)]


def busy() -> float:
    """Return by how much a busy machine is late: mostly little, sometimes much."""
    return CHANCE.expovariate(1 / 0.02)


def attempt(arrived: float) -> Attempt:
    """Return an attempt that arrived then."""
    return Attempt("o1", "a", "GetOrder", None, "pa", None, "UNAVAILABLE", arrived)


def test_waits_are_those_between_attempts() -> None:
    """One fewer than attempts, for each call."""
    trails = [[attempt(7.0), attempt(7.1), attempt(7.3)], [attempt(8.0)]]

    assert waits_of(trails) == [pytest.approx([0.1, 0.2]), []]


@pytest.mark.parametrize("calls", [40, 60, CALLS, 120])
def test_the_bound_on_jitter_has_its_false_alarm(calls: int) -> None:
    """A window from any of the waits holds that many of the others with less than that probability, all together."""
    share = crowded(calls)

    assert calls * at_least(kept(calls) - 1, calls - 1, share) <= FALSE_ALARM
    assert calls * at_least(kept(calls) - 1, calls - 1, 1.02 * share) > FALSE_ALARM
    assert 0.2 < share < 0.5


def test_one_call_has_no_bound() -> None:
    """A single wait is as close to itself as it can be."""
    assert crowded(1) == 0
    assert not jitter_faults([[0.1]], GRPC)


@pytest.mark.parametrize("promises", [GRPC, FULL, Promises(jitter=0.5), Promises(initial_backoff=0.5)])
@pytest.mark.parametrize("late", [lambda: 0.0, busy], ids=["quiet", "busy"])
def test_promised_jitter_is_seen(promises: Promises, late: Callable[[], float]) -> None:
    """On a quiet machine and on a busy one, over and over."""
    for _ in range(200):
        assert not jitter_faults(right(promises, late), promises)


def test_timers_that_tick_leave_jitter_as_it_is() -> None:
    """A gateway whose timers fire every 10, 50 or 100 ms is right too."""
    for tick in (0.01, 0.05, 0.1):
        phases = [number / 60 % tick for number in range(CALLS)]
        first = [(phase + fired(GRPC, 1)) // tick * tick + tick - phase for phase in phases]

        assert not jitter_faults([[wait] for wait in first], GRPC)


@pytest.mark.parametrize("late", [0.0, 0.001, 0.005], ids=str)
def test_waits_without_jitter_are_not(late: float) -> None:
    """Even if the machine delays each, and a tenth of them by half a second."""
    first = [0.1 + CHANCE.expovariate(1 / late) if late else 0.1 for _ in range(CALLS)]
    first[:8] = [0.6] * 8

    assert jitter_faults([[wait] for wait in first], GRPC)
    ((spread, least),) = spreads([[wait] for wait in first], GRPC)
    assert spread < least == pytest.approx(0.01415, abs=1e-5)


def test_the_longest_waits_tell_on_a_busy_machine() -> None:
    """With a lag that hides the jitter of a backoff of 100 ms, that of 200 ms is missed all the same."""
    lags = [0.025 * number / CALLS for number in range(CALLS)]

    (fault,) = jitter_faults([[0.1 + lag, 0.2 + lag] for lag in lags], GRPC)
    assert fault.startswith("three quarters of the waits before retry 2 lie within 18.4 ms, at least 28.3 ms")


def test_jitter_as_short_as_timers_are_exact_is_not_judged() -> None:
    """With a promised jitter of 5 ms in all, waits may as well be equal."""
    assert not jitter_faults([[0.1]] * CALLS, Promises(jitter=0.025))


def test_a_jitter_of_a_twentieth_is_not_a_fifth() -> None:
    """Waits of 95 to 105 ms, where 80 to 120 are promised."""
    assert jitter_faults([[0.1 * CHANCE.uniform(0.95, 1.05)] for _ in range(CALLS)], GRPC)


@pytest.mark.parametrize("promises", [GRPC, FULL, Promises(backoff_multiplier=1.6), Promises(jitter=0.5)])
@pytest.mark.parametrize("late", [lambda: 0.0, lambda: 0.05, busy], ids=["quiet", "late", "busy"])
def test_promised_growth_is_seen(promises: Promises, late: Callable[[], float]) -> None:
    """Also if the machine, or slow timers, delay every retry by half the first backoff."""
    for _ in range(200):
        assert not growth_faults(right(promises, late), promises, LAG)


def test_timers_that_tick_leave_growth_as_it_is() -> None:
    """With timers of 100 ms, the first wait is 150 ms in the median, and the second 200 or 300 ms."""
    for _ in range(100):
        waits = []
        for number in range(CALLS):
            phase = number / 60 % 0.1
            first = (phase + fired(GRPC, 1)) // 0.1 * 0.1 + 0.1 - phase
            waits.append([first, fired(GRPC, 2) // 0.1 * 0.1 + 0.1])

        assert not growth_faults(waits, GRPC, LAG)


@pytest.mark.parametrize(
    ("first", "second"), [(0.1, 0.1), (0.2, 0.2), (0.1, 0.3), (0.2, 0.1), (0.15, 0.15), (0.1, 0.13)]
)
@pytest.mark.parametrize("late", [lambda: 0.0, lambda: 0.01 * CHANCE.random()], ids=["quiet", "late"])
def test_other_growth_is_not(first: float, second: float, late: Callable[[], float]) -> None:
    """None, none from twice the backoff, three times, or a backoff that shrinks."""
    waits = [[each * CHANCE.uniform(0.8, 1.2) + late() for each in (first, second)] for _ in range(CALLS)]

    (fault,) = growth_faults(waits, GRPC, LAG)
    assert fault.endswith("ms longer than the first, not 49 to 151 ms")


@pytest.mark.parametrize(("jitter", "due"), [(0.2, 0.1), ("full", 0.05), (0, 0.1)])
def test_the_bounds_of_growth_lie_around_what_is_due(jitter: float | str, due: float) -> None:
    """Without jitter just the quarter of the lag is left."""
    least, most = allowed_growth(CALLS, Promises(jitter=jitter), LAG)

    assert (least + most) / 2 == pytest.approx(due)
    assert (most - least == pytest.approx(LAG / 2)) == (jitter == 0)
    assert most - least > 0.99 * LAG / 2


@pytest.mark.parametrize("promises", [GRPC, FULL])
def test_the_bound_on_growth_has_its_false_alarm(promises: Promises) -> None:
    """Of a million differences, the bound without lag is exceeded by so few that half of 80 calls never do it."""
    draws, (_, most) = 200_000, allowed_growth(CALLS, promises, 0.0)
    beyond = sum(fired(promises, 2) - fired(promises, 1) > most for _ in range(draws)) / draws

    assert 0.17 < beyond < 0.21
    assert 2 * at_least(CALLS // 2, CALLS, beyond - 0.005) <= FALSE_ALARM
