"""How far a run is, and the estimate of what is left."""

import pytest

from tests.harness.report.course import Course, Kind, about


def _course(*expected: tuple[Kind, int]) -> Course:
    course = Course()
    course.expect(kind for kind, number in expected for _ in range(number))
    course.begin(100.0)
    return course


def test_what_is_done_is_counted_by_kind() -> None:
    """A kind that does not run is not mentioned; a failure is."""
    course = _course((Kind.BEHAVIOUR, 62), (Kind.OTHER, 2700))
    course.finish(Kind.BEHAVIOUR, 1.0, failed=True)
    course.finish(Kind.OTHER, 0.1, failed=False)

    assert course.counts() == ["1 of 62 behaviours, 1 failed", "1 of 2700 tests"]


def test_what_is_left_costs_what_its_kind_did_on_as_many_workers() -> None:
    """Four behaviours of 2 s in 4 s of two workers: six more take 6 s."""
    course = _course((Kind.BEHAVIOUR, 10))
    for _ in range(4):
        course.finish(Kind.BEHAVIOUR, 2.0, failed=False)

    assert course.elapsed(104.0) == 4.0
    assert course.left(104.0) == pytest.approx(6.0)


def test_kinds_have_their_own_cost() -> None:
    """Behaviours take long, tests do not; of a kind that has not run yet the mean of all is assumed."""
    course = _course((Kind.BEHAVIOUR, 2), (Kind.OTHER, 11), (Kind.CONTROL, 2))
    course.finish(Kind.BEHAVIOUR, 9.0, failed=False)
    for _ in range(2):
        course.finish(Kind.OTHER, 0.5, failed=False)

    assert course.left(110.0) == pytest.approx(9.0 + 9 * 0.5 + 2 * 10 / 3)


def test_there_is_no_estimate_before_there_is_anything_to_tell_by() -> None:
    """Not before the first test, nor after two."""
    course = Course()
    assert course.left(100.0) is None
    course = _course((Kind.BEHAVIOUR, 10))
    for _ in range(2):
        assert course.left(103.0) is None
        course.finish(Kind.BEHAVIOUR, 1.0, failed=False)
    assert course.left(103.0) is None
    course.finish(Kind.BEHAVIOUR, 1.0, failed=False)

    assert course.left(103.0) is not None


def test_the_clock_begins_with_the_first_test() -> None:
    """A second worker's first test does not set it back; more than expected leaves nothing."""
    course = _course((Kind.OTHER, 1))
    course.begin(105.0)
    for _ in range(3):
        course.finish(Kind.OTHER, 1.0, failed=False)

    assert course.elapsed(110.0) == 10.0
    assert course.left(110.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 5 s"),
        (41, "about 40 s"),
        (57, "about 55 s"),
        (58, "about 1 min"),
        (170, "about 3 min"),
        (4200, "about 1 h 10 min"),
    ],
)
def test_an_estimate_is_said_as_one(seconds: float, words: str) -> None:
    """In steps that nobody takes for a promise."""
    assert about(seconds) == words
