"""The page folded: what is open from the start, what is one row, and what is a click away."""

import re
from pathlib import Path

from tests.harness.world.verdict import Verdict
from tests.unit.helpers.page import Page, page_of
from tests.unit.helpers.saved_report import outage, result, save


def _opened(page: Page, name: str) -> list[bool]:
    """Return which of the elements of this class, or whose parent has it, are open."""
    return [
        "open" in attributes
        for tag, attributes in page.elements
        if tag == "details" and name in str(attributes.get("class", "")).split()
    ]


def test_only_what_fails_is_open(tmp_path: Path) -> None:
    """A theme, a behaviour and a card are closed where all is well or known, and open where somebody has to look."""
    wrong = {"verdict": Verdict.NONCONFORMANT, "message": "out of turn"}
    known = {"verdict": Verdict.KNOWN_FAILURE, "message": "issue 123"}
    results = [
        *(result("test_right", environment=name) for name in ("loopback", "compose")),
        *(result("test_wrong", environment=name, file="test_retry.py", **wrong) for name in ("loopback", "compose")),
        result("test_right", file="test_retry.py", environment="compose"),
        *(result("test_known", environment=name, file="test_z.py", **known) for name in ("loopback", "compose")),
    ]
    page = page_of(save(tmp_path, results, outage()))

    assert _opened(page, "theme") == [False, True, False]
    assert _opened(page, "good") == [False, False, True]
    assert _opened(page, "bad") == [True, True]
    assert _opened(page, "expected") == [False]
    assert _opened(page, "known") == [False, False]
    assert _opened(page, "rest") == [False] * 7


def test_codes_are_one_row_that_opens(tmp_path: Path) -> None:
    """It counts those that hold; a code that does not is open in it, and is one line of the failures."""
    codes = [result(f"test_another_code[{code}]") for code in ("ABORTED", "CANCELLED")]
    wrong = {"verdict": Verdict.NONCONFORMANT, "message": "retried"}
    failing = [result(f"test_another_code[{code}]", **wrong) for code in ("DATA_LOSS", "INTERNAL")]
    held, mixed = page_of(save(tmp_path / "held", codes)), page_of(save(tmp_path / "mixed", [*codes, *failing]))

    assert sum(tag == "article" for tag, _ in mixed.elements) == 1
    assert "another code: 2 of 2 codes" in held.words
    assert "another code: 2 of 4 codes" in mixed.words
    assert "✗ 2 of 4 hold" in mixed.words
    assert mixed.words.count("another code: 2 cases") == 1
    assert _opened(held, "card") == [False, False]
    assert _opened(mixed, "card") == [False, False, True, True]


def test_of_many_failures_with_one_cause_the_first_are_listed(tmp_path: Path) -> None:
    """The others are a click away; the number is that of all."""
    wrong = {"verdict": Verdict.NONCONFORMANT, "message": "no", "cause": "pick_first is in effect."}
    results = [result(f"test_{number}", suspects=("pick_first",), seen="All on one.", **wrong) for number in range(9)]
    page = page_of(save(tmp_path, results))

    assert "Most likely cause of 9:" in page.words
    assert re.search(r"\b3 more\b", page.words)


def test_known_failures_are_no_news(tmp_path: Path) -> None:
    """Where nothing else fails the page says so, and lists them folded."""
    known = {"verdict": Verdict.KNOWN_FAILURE, "message": "issue 123"}
    page = page_of(save(tmp_path, [result(), result("test_b", **known)]))

    assert "None apart from the known ones." in page.words
    assert "Known failures 1" in page.words
    assert "None: every behaviour that was judged holds." in page_of(save(tmp_path, [result()])).words


def test_the_end_of_a_traceback_is_on_thepage_of(tmp_path: Path) -> None:
    """Of a gateway that died the card and the list show what it printed last."""
    frames = "\n".join(f'  File "gateway.py", line {number}, in start' for number in range(200))
    died = f"gateway exited with status 1; last output:\nTraceback:\n{frames}\nModuleNotFoundError: No module named 'x'"
    page = page_of(save(tmp_path, [result(verdict=Verdict.INCONCLUSIVE, message=died, measured="")]))

    assert "gateway exited with status 1; last output: ModuleNotFoundError: No module named 'x'" in page.words
    assert page.words.count("ModuleNotFoundError: No module named 'x'") == 2
    assert "line 3, in start" not in page.words
