"""Which replica is picked first after a change, on sequences that are known, and the error rates of the bound."""

import math

import pytest

from tests.harness.judges.first_picks import CHANGES, FALSE_ALARM, calls_between, first_pick_faults, most_first

SIZES = range(2, 13)


def _names(count: int) -> list[str]:
    return [f"r{number}" for number in range(count)]


def _more_than(most: int, probability: float) -> float:
    return sum(
        math.comb(CHANGES, count) * probability**count * (1 - probability) ** (CHANGES - count)
        for count in range(most + 1, CHANGES + 1)
    )


@pytest.mark.parametrize("count", SIZES)
def test_a_random_beginning_is_hardly_ever_accused(count: int) -> None:
    """Over all replicas together with a probability of 1e-6 at most."""
    assert count * _more_than(most_first(_names(count)), 1 / count) <= FALSE_ALARM


@pytest.mark.parametrize("count", SIZES)
def test_the_same_beginning_each_time_is_never_missed(count: int) -> None:
    """The bound binds for any number of replicas; 9 of 10 are missed with 3 % for four, 21 % for three."""
    assert most_first(_names(count)) < CHANGES
    assert len(first_pick_faults(["r0"] * CHANGES, _names(count))) == 1
    assert [round(1 - _more_than(most_first(_names(size)), 0.9), 2) for size in (3, 4)] == [0.21, 0.03]


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("retried", [True, False])
def test_a_rotation_that_continues_is_never_accused(count: int, *, retried: bool) -> None:
    """A client that goes on where it was meets all replicas, whether or not the call that was cut is tried again."""
    position, first = 0, []
    for change in range(CHANGES):
        position += 1 + retried
        first.append(f"r{position % count}")
        position += calls_between(change, count)

    assert first_pick_faults(first, _names(count)) == []
