"""When a replica counts as ejected, and what gRFC A50 makes of a call that ends after that."""

from typing import Any

import pytest

from tests.behaviours.outliers.mutants import COUNTED, POLICY, RETURNING
from tests.harness.judges.outliers import INTERVAL, RATE, absences

Trail = list[tuple[float, str]]


def load(since: float, until: float, *names: str) -> Trail:
    """Return a load of 100 calls a second, in turn over these replicas."""
    count = round((until - since) * 100)
    return [(since + number / 100, names[number % len(names)]) for number in range(count)]


def gaps(*parts: Trail) -> list[float]:
    """Return a's absences of more than 0.2 s, rounded."""
    trail = [each for part in parts for each in part]
    return [round(each, 2) for each in absences(trail, "a", over=3, longer_than=0.2)]


def test_a_replica_is_absent_from_its_last_call_to_its_next() -> None:
    """While the others go on, twice."""
    parts = load(0.0, 0.3, *"abc"), load(0.3, 0.9, *"bc"), load(0.9, 1.2, *"abc"), load(1.2, 2.4, *"bc")

    assert gaps(*parts, load(2.4, 2.7, *"abc")) == [0.63, 1.23]


def test_an_absence_that_has_not_ended_is_none_yet() -> None:
    """Nobody knows how long it will be."""
    assert gaps(load(0.0, 0.3, *"abc"), load(0.3, 2.0, *"bc")) == []


def test_one_that_was_never_there_was_not_absent() -> None:
    """Its first call ends nothing."""
    assert gaps(load(0.0, 1.0, *"bc"), load(1.0, 1.3, *"abc")) == []


def test_a_time_in_which_nobody_got_calls_is_no_absence() -> None:
    """Everything stood still for half a second."""
    assert gaps(load(0.0, 0.3, *"abc"), load(0.8, 1.1, *"abc")) == []


def test_a_short_gap_is_no_absence() -> None:
    """As one round is."""
    assert gaps(load(0.0, 0.3, *"abc"), load(0.3, 0.45, *"bc"), load(0.45, 0.6, *"abc")) == []


def multiplier(calls: list[float]) -> int:
    """Return by how many ejections gRFC A50 counts a replica whose calls end at these times, all of them failed."""
    policy: dict[str, Any] = RETURNING["loadBalancingConfig"][0][POLICY]
    looks = [[at for at in calls if number <= at / INTERVAL < number + 1] for number in range(3)]
    return sum(len(look) >= policy[COUNTED]["requestVolume"] for look in looks)


@pytest.mark.parametrize("under_way", [0, 1, 2])
def test_calls_under_way_at_the_look_that_ejects_do_not_eject_again(under_way: int) -> None:
    """A replica is ejected once for the calls of one look, if it is no more than two that end after it."""
    before = [number / RATE for number in range(int(RATE * INTERVAL))]
    after = [INTERVAL + (number + 1) / RATE for number in range(under_way)]

    assert multiplier(before[under_way:] + after) == 1
