"""What a run shows while it goes on: one line a behaviour, cases in one, and what is under way."""

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.harness.report.course import Course, Kind
from tests.harness.report.live import Cases, Running, behaviour_line, longest_wait, progress, under_way
from tests.harness.report.result import Result
from tests.harness.world.verdict import Verdict
from tests.harness.world.waits import Wait
from tests.unit.helpers.saved_report import result

LONG = result("test_a_replica_back_to_serving_gets_calls_over_the_same_connection[DEADLINE_EXCEEDED]", seconds=119.97)


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("width", [60, 80, 120, 139, 140, 200, 300])
def test_a_behaviour_is_one_line_that_fits(verdict: Verdict, width: int) -> None:
    """Whatever the verdict and whatever it measured: no line break, and no wider than the terminal."""
    told = replace(LONG, verdict=verdict, measured="a\nb " * 200, message="first\nsecond " * 90, mutant="retries_all")
    line = behaviour_line(told, "100/433", width, where=True)

    assert line.cell_len <= width
    assert "\n" not in line.plain
    assert line.plain.startswith("100/433  retries_")


def test_a_line_says_how_far_what_and_how_long() -> None:
    """Place, name, verdict and seconds; the environment too where there are several."""
    told = result("test_calls_go_round", verdict=Verdict.NONCONFORMANT, environment="compose")

    assert behaviour_line(told, "12/62", 60, where=False).plain == (
        "12/62  calls go round                          FAILS   1.2 s"
    )
    assert "FAILS on compose   1.2 s" in behaviour_line(told, "12/62", 80, where=True).plain


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "30 calls 10/10/10"),
        ({"verdict": Verdict.NONCONFORMANT, "message": "out of turn"}, "out of turn"),
        ({"verdict": Verdict.NONCONFORMANT, "message": "no", "seen": "All to a.", "suspects": ("x",)}, "All to a."),
        ({"verdict": Verdict.NOT_JUDGED, "message": "no health"}, "no health"),
    ],
)
def test_a_wide_terminal_also_shows_why(members: dict[str, Any], said: str) -> None:
    """What was measured where a behaviour holds, the reason where it does not; at 80 columns there is no room."""
    wide, narrow = (behaviour_line(result(**members), "1/2", width, where=False).plain for width in (200, 80))

    assert wide.endswith(f"1.2 s  {said}")
    assert narrow.endswith("1.2 s")


def _codes(*verdicts: Verdict) -> list[Result]:
    names = ("ABORTED", "CANCELLED", "DATA_LOSS")
    return [result(f"test_another[{code}]", verdict=verdict) for code, verdict in zip(names, verdicts, strict=True)]


def _printed(cases: Cases, results: list[Result]) -> list[tuple[str, float]]:
    cases.expect(told.id for told in results)
    return [(shown.behaviour, shown.seconds) for told in results for shown in cases.take(told)]


def test_cases_that_hold_have_one_line_when_the_last_is_over() -> None:
    """It has the seconds of all of them."""
    assert _printed(Cases(), _codes(*[Verdict.CONFORMANT] * 3)) == [("test_another[3 of 3 codes]", 3.75)]


def test_a_case_that_does_not_hold_is_shown_at_once() -> None:
    """By its own name, and the others are counted; where none holds there is no line for them."""
    right, wrong = Verdict.CONFORMANT, Verdict.NONCONFORMANT

    assert _printed(Cases(), _codes(wrong, right, right)) == [
        ("test_another[ABORTED]", 1.25),
        ("test_another[2 of 3 codes]", 2.5),
    ]
    assert [name for name, _ in _printed(Cases(), _codes(wrong, wrong, wrong))] == [
        "test_another[ABORTED]",
        "test_another[CANCELLED]",
        "test_another[DATA_LOSS]",
    ]


def test_one_case_alone_is_a_behaviour_like_others() -> None:
    """So is each where that is wanted, and each environment counts by itself."""
    each = [name for name, _ in _printed(Cases(one_by_one=True), _codes(*[Verdict.CONFORMANT] * 3))]
    apart = [result("test_another[ABORTED]", environment=name) for name in ("loopback", "compose")]

    assert each == ["test_another[ABORTED]", "test_another[CANCELLED]", "test_another[DATA_LOSS]"]
    assert [name for name, _ in _printed(Cases(), apart)] == ["test_another[ABORTED]"] * 2


def test_what_was_gathered_is_not_lost_when_a_run_is_interrupted() -> None:
    """It says of how many that were over, once."""
    cases = Cases()
    results = _codes(*[Verdict.CONFORMANT] * 3)
    cases.expect(told.id for told in results)

    assert [shown for told in results[:2] for shown in cases.take(told)] == []
    assert [shown.behaviour for shown in cases.rest()] == ["test_another[2 of 2 codes]"]
    assert list(cases.rest()) == []


def _course() -> Course:
    course = Course()
    course.expect([Kind.BEHAVIOUR] * 62)
    course.begin(100.0)
    for number in range(12):
        course.finish(Kind.BEHAVIOUR, 2.0, failed=number == 0)
    return course


def test_progress_is_said_in_one_line() -> None:
    """How many of how many, failures, the time that has passed and about how long there is to go."""
    assert progress(_course(), [], 109.6) == "12 of 62 behaviours, 1 failed; 10 s, about 40 s to go"
    assert progress(Course(), [], 100.0) == "0 s"


def test_the_rest_takes_no_less_than_what_has_to_last() -> None:
    """What is watched ends no earlier; what is waited for may."""
    began = time.monotonic()
    watched, waited = (
        Running("it is quiet", Wait("x", 120.0, lasting=lasting, began=began)) for lasting in (True, False)
    )

    assert progress(_course(), [watched, waited], 109.6).endswith("about 2 min to go")
    assert progress(_course(), [waited, Running("x", None)], 109.6).endswith("about 40 s to go")
    assert progress(Course(), [watched], 100.0) == "0 s"


def test_what_is_under_way_has_a_line_for_each_process() -> None:
    """With what it waits for, or watches, and for how long at most; of too many it is said how many."""
    now = time.monotonic()
    waits = Wait("a is ready", 6.0, began=now - 1.4), Wait("nobody asks", 1.5, lasting=True, began=now - 0.5)
    processes = [Running("calls go round", waits[0]), Running("it is quiet", waits[1]), Running("x" * 90, None)]
    lines = [line.plain.rstrip() for line in under_way(_course(), [*processes, *processes], 109.6, 80)]

    assert lines == [
        "12 of 62 behaviours, 1 failed; 10 s, about 40 s to go",
        f"  {'calls go round':<26}  waiting 1.4 of 6 s for: a is ready",
        f"  {'it is quiet':<26}  watching 0.5 of 1.5 s: nobody asks",
        f"  {'x' * 25}…",
        f"  {'calls go round':<26}  waiting 1.4 of 6 s for: a is ready",
        "  and 2 more",
    ]
    assert longest_wait(processes) == "calls go round: waiting 1.4 of 6 s for: a is ready"
    assert longest_wait(processes[2:]) == ""
