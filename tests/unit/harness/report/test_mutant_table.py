"""The table of the mutants, and the verdict on the subject that a run comes to."""

from dataclasses import replace

import pytest

from tests.harness.report.result import overall
from tests.harness.report.table import mutant_table
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.saved_report import result

WIDTH = 80


def test_a_mutant_stands_with_the_behaviours_that_caught_it() -> None:
    """Each mutant has one entry, in the order of names, with a line per behaviour."""
    controls = [
        result("test_two", verdict=Verdict.CAUGHT, mutant="pick_first"),
        result("test_one", verdict=Verdict.CAUGHT, mutant="pick_first"),
        result("test_one", verdict=Verdict.CAUGHT, mutant="lying"),
    ]

    assert mutant_table(controls, WIDTH).splitlines() == [
        "lying: caught by 1 of 1",
        "  one",
        "pick_first: caught by 2 of 2",
        "  two",
        "  one",
        "2 mutants, 3 negative controls, 0 not caught",
    ]


def test_a_mutant_stands_with_the_causes_that_were_named() -> None:
    """Each cause that its behaviours named is told once."""
    caught = result("test_one", verdict=Verdict.CAUGHT, mutant="pick_first")
    controls = [
        replace(caught, suspects=("pick_first",)),
        replace(caught, suspects=("pick_first",)),
        replace(caught, suspects=("pick_first", "one_address")),
    ]

    assert mutant_table(controls, WIDTH).splitlines()[:3] == [
        "pick_first: caught by 3 of 3",
        "  cause named: pick_first",
        "  cause named: pick_first or one_address",
    ]


@pytest.mark.parametrize("verdict", [Verdict.SURVIVED, Verdict.CRASHED, Verdict.WRONG_REASON])
def test_a_mutant_that_was_not_caught_stands_out(verdict: Verdict) -> None:
    """A control that survived or crashed is marked in capitals and counted."""
    controls = [
        result("test_one", verdict=verdict, mutant="lying"),
        result("test_two", verdict=Verdict.CAUGHT, mutant="lying"),
    ]

    assert mutant_table(controls, WIDTH).splitlines() == [
        "lying: caught by 1 of 2",
        f"  {verdict.upper()} one",
        "  two",
        "1 mutant, 2 negative controls, 1 not caught",
    ]


def test_the_codes_that_all_caught_a_mutant_are_one_line() -> None:
    """One that did not is named with its code."""
    codes = [result(f"test_code[{code}]", verdict=Verdict.CAUGHT, mutant="lying") for code in ("ABORTED", "INTERNAL")]
    missed = replace(codes[1], verdict=Verdict.SURVIVED)

    assert mutant_table(codes, WIDTH).splitlines()[1:-1] == ["  code: 2 of 2 codes"]
    assert mutant_table([codes[0], missed], WIDTH).splitlines()[1:-1] == [
        "  code: ABORTED",
        "  SURVIVED code: INTERNAL",
    ]


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ([Verdict.CONFORMANT, Verdict.KNOWN_FAILURE], Verdict.CONFORMANT),
        ([Verdict.CONFORMANT, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.INCONCLUSIVE, Verdict.NONCONFORMANT], Verdict.NONCONFORMANT),
        ([Verdict.CONFORMANT, Verdict.UNEXPECTEDLY_PASSING], Verdict.NONCONFORMANT),
        ([], Verdict.INCONCLUSIVE),
    ],
)
def test_wrong_beats_could_not_judge_and_that_beats_right(verdicts: list[Verdict], verdict: Verdict) -> None:
    """The verdict on the subject is the worst of its behaviours; nothing judged is no success."""
    assert overall(verdicts) == verdict
