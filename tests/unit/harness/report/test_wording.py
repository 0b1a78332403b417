"""Words that the terminal, the page and junit.xml share."""

import pytest

from tests.harness.report.wording import cases, counted, cut, many, theme, words
from tests.harness.world.verdict import Verdict


def test_a_name_is_said_in_words() -> None:
    """A behaviour keeps its own parameter, after a colon; a file is the theme of what it holds."""
    assert words("test_a_non_retryable_code_is_not_retried[ABORTED]") == "a non-retryable code is not retried: ABORTED"
    assert words("test_calls_go_round") == "calls go round"
    assert theme("test_name_faults.py") == "name faults"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("calls go round", 14, "calls go round"),
        ("calls go round", 10, "calls go…"),
        ("a non-retryable code is not retried: ABORTED", 30, "a non-retryable code…: ABORTED"),
        ("x: a parameter that leaves no room", 20, "x: a parameter that…"),
    ],
)
def test_a_name_that_is_cut_keeps_what_tells_it_apart(text: str, width: int, shown: str) -> None:
    """The end goes; a parameter stays where it leaves room for half of the line."""
    assert cut(text, width) == shown
    assert len(shown) <= width


def test_cases_are_counted_as_what_they_are() -> None:
    """Codes are written in capitals."""
    assert cases(2, ["ABORTED", "DATA_LOSS"]) == "2 of 2 codes"
    assert cases(1, ["ABORTED", "a silence"]) == "1 of 2 cases"


def test_verdicts_are_counted_in_one_phrase() -> None:
    """What holds comes first, then the worst; one is said differently from several."""
    verdicts = [Verdict.KNOWN_FAILURE, Verdict.NONCONFORMANT, *[Verdict.CONFORMANT] * 2, Verdict.UNEXPECTEDLY_PASSING]

    assert counted(verdicts) == "2 hold, 1 fails, 1 unexpectedly passing, 1 known failure"
    assert counted([Verdict.CONFORMANT, *[Verdict.NONCONFORMANT] * 2]) == "1 holds, 2 fail"
    assert (many(1, "mutant"), many(2, "mutant")) == ("1 mutant", "2 mutants")
