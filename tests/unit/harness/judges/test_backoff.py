"""The judge of reconnect backoffs, on dials made up."""

import random
from itertools import accumulate

import pytest

from tests.harness.judges.backoff import backoff_faults, backoffs, medians, patience, spread

NOMINAL = backoffs(5, 0.1, 0.4)
LAG = 0.1


def dials(*gaps: list[float]) -> dict[str, list[float]]:
    """Return when addresses were dialled that had these gaps between their dials."""
    return {f"127.0.0.{number}": list(accumulate([7.0, *each])) for number, each in enumerate(gaps, start=2)}


def test_backoffs_grow_by_the_multiplier_up_to_the_longest() -> None:
    """As in gRPC's connection backoff: 1.6 times as long each."""
    assert pytest.approx([0.1, 0.16, 0.256, 0.4, 0.4]) == NOMINAL
    assert patience(NOMINAL) == pytest.approx(1.2 * 1.316)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.2])
def test_the_backoffs_with_their_jitter_are_right(factor: float) -> None:
    """A fifth around each is allowed, whatever the lag."""
    assert not backoff_faults(dials([factor * gap for gap in NOMINAL]), NOMINAL, 0.001)


@pytest.mark.parametrize(
    ("gaps", "complaint"),
    [
        ([0.1] * 5, "0.100 s instead of 0.400 s"),
        ([0.4] * 5, "0.400 s instead of 0.100 s"),
        ([0.263] * 5, "0.263 s instead of 0.100 s"),
        ([1.0, 1.6, 2.56, 4.0, 4.0], "1.000 s instead of 0.100 s"),
        ([0.1, 0.16, 0.256, 0.41, 0.655], "0.655 s instead of 0.400 s"),
        ([0.1], "an address was dialled 2 times instead of 6"),
    ],
)
def test_other_gaps_are_not(gaps: list[float], complaint: str) -> None:
    """Steady, without growth, of another beginning, without an end, or no dial at all."""
    assert any(fault.startswith(complaint) for fault in backoff_faults(dials(gaps, gaps, gaps), NOMINAL, LAG))


def test_one_late_address_of_three_changes_no_median() -> None:
    """What a busy machine does to one of them is no fault."""
    late = [NOMINAL[0] + 0.5, *NOMINAL[1:]]

    assert medians(dials(NOMINAL, late, NOMINAL)) == pytest.approx(NOMINAL)
    assert not backoff_faults(dials(NOMINAL, late, NOMINAL), NOMINAL, LAG)


def test_jitter_spreads_what_began_together() -> None:
    """Three backoffs of 16 addresses with a fifth of jitter, over and over: never within 40 ms."""
    chance = random.Random(1)  # noqa: S311, no secret
    for _ in range(2_000):
        rounds = [[0.3 * chance.uniform(0.8, 1.2) for _ in range(3)] for _ in range(16)]
        assert spread(dials(*rounds)) >= 0.04


def test_timers_without_jitter_fire_together() -> None:
    """A few milliseconds between them are the machine's."""
    assert spread(dials(*[[0.3, 0.3, 0.3 + late / 1000] for late in range(16)])) == pytest.approx(0.015)
