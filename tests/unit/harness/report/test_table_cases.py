"""The table of a run: the cases of a behaviour, such as codes, in one row that opens where they differ."""

from dataclasses import replace

from tests.harness.report.result import Result
from tests.harness.report.table import verdict_table
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.saved_report import result

WIDTH = 80
CODES = ("ABORTED", "CANCELLED", "DATA_LOSS")


def _codes(*verdicts: Verdict, **members: str) -> list[Result]:
    pairs = zip(CODES, verdicts, strict=True)
    return [
        result(
            f"test_a_non_retryable_code_is_not_retried[{code}]",
            verdict=verdict,
            **{"measured": "", "bound": "", "claim": "Calls go round.", **members},
        )
        for code, verdict in pairs
    ]


def test_codes_are_one_row() -> None:
    """Where the verdicts agree one row says how many there are, and what all of them measured."""
    table = verdict_table(_codes(*[Verdict.CONFORMANT] * 3, measured="attempts [1, 1, 1]"), {}, WIDTH)

    assert table.splitlines()[2:] == [
        "  a non-retryable code is not retried: 3 of 3 codes                holds   3.8 s",
        "    measured: attempts [1, 1, 1]",
        "",
        "3 behaviours: 3 hold",
    ]


def test_a_row_opens_where_codes_differ() -> None:
    """The codes that do not hold are named by their verdict and cause, with one explanation; the others are counted."""
    right, *wrong = _codes(Verdict.CONFORMANT, Verdict.NONCONFORMANT, Verdict.NONCONFORMANT, measured="attempts [3]")
    wrong = [replace(result, message="retried", suspects=("retries_all",), cause="All is retried.") for result in wrong]
    lines = verdict_table([right, *wrong], {}, WIDTH).splitlines()

    assert lines[2:5] == [
        "  a non-retryable code is not retried: 1 of 3 codes                FAILS   3.8 s",
        "    FAILS: CANCELLED, DATA_LOSS",
        "    promise: Calls go round.",
    ]
    assert sum("All is retried." in line for line in lines) == 1


def test_codes_that_all_fail_alike_are_explained_once() -> None:
    """One row, and no list of names: it would be all of them."""
    lines = verdict_table(_codes(*[Verdict.NONCONFORMANT] * 3, message="retried"), {}, WIDTH).splitlines()

    assert lines[2:5] == [
        "  a non-retryable code is not retried: 0 of 3 codes                FAILS   3.8 s",
        "    promise: Calls go round.",
        "    retried",
    ]


def test_codes_that_measure_differently_show_the_first() -> None:
    """It says whose measure that is."""
    first, *others = _codes(*[Verdict.CONFORMANT] * 3, measured="['ABORTED']")
    table = verdict_table([first, *(replace(other, measured="['OTHER']") for other in others)], {}, WIDTH)

    assert "    measured: ['ABORTED'] for ABORTED\n" in table


def test_codes_in_several_environments_are_one_row_too() -> None:
    """Three codes on two environments that hold are one line."""
    results = [*_codes(*[Verdict.CONFORMANT] * 3), *_codes(*[Verdict.CONFORMANT] * 3, environment="compose")]

    assert "  a non-retryable code is not retried: 3 of 3 codes                 holds on all\n" in verdict_table(
        results, {}, WIDTH
    )
