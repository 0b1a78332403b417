"""The page folded: themes, cases, causes."""

from pathlib import Path
from typing import Any

from tests.harness.report.html.folding import Theme, causes, themes, worst
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.html.rows import columns, rows
from tests.harness.report.result import Result
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.saved_report import result, save

WRONG: dict[str, Any] = {"verdict": Verdict.NONCONFORMANT, "message": "no"}


def _themes(folder: Path, *results: Result, **not_judged: str) -> list[Theme]:
    reasons = {f"tests/test_retry.py::test_{name}[loopback]": reason for name, reason in not_judged.items()}
    saved = Saved.read(save(folder, results, not_judged=reasons), folder)
    across = list(columns([saved]))
    return list(themes(list(rows(across)), across))


def test_behaviours_stand_by_their_theme_and_cases_together(tmp_path: Path) -> None:
    """A theme counts every case that was judged in each environment, a behaviour is one however many cases it has."""
    codes = [result(f"test_code[{code}]", file="test_retry.py") for code in ("ABORTED", "INTERNAL")]
    retry, name_faults = sorted(
        _themes(
            tmp_path, *codes, result("test_left", file="test_retry.py"), result(file="test_name_faults.py"), out="no"
        ),
        key=lambda theme: -len(theme.behaviours),
    )

    assert [theme.name for theme in (retry, name_faults)] == ["retry", "name faults"]
    assert [behaviour.name for behaviour in retry.behaviours] == ["code: 2 of 2 codes", "left", "out"]
    assert [behaviour.alone for behaviour in retry.behaviours] == [False, True, True]
    assert [cell.counts for cell in retry.cells] == ["3 of 3"]


def test_the_worst_is_what_a_mark_says(tmp_path: Path) -> None:
    """Wrong before unclear, known, right and not judged; only what nobody knew opens."""
    verdicts = [Verdict.CONFORMANT, Verdict.KNOWN_FAILURE, Verdict.INCONCLUSIVE, Verdict.NONCONFORMANT]
    results = [result(f"test_{number}", verdict=verdict) for number, verdict in enumerate(verdicts)]
    (theme,) = _themes(tmp_path / "all", *results)
    (known,) = _themes(tmp_path / "known", *results[:2])
    cards = theme.cells[0].cards

    assert [worst(cards[:end]).mark.word for end in (1, 2, 3, 4)] == ["holds", "known failure", "inconclusive", "fails"]
    assert [behaviour.alarming for behaviour in theme.behaviours] == [False, False, True, True]
    assert (theme.alarming, known.alarming) == (True, False)


def test_a_cause_says_once_what_fails_in_several_places(tmp_path: Path) -> None:
    """One line for a behaviour, with a place for each environment; its cases are counted."""
    results = [
        *(result("test_a", environment=name, **WRONG) for name in ("loopback", "compose")),
        *(result(f"test_code[{code}]", **WRONG) for code in ("ABORTED", "INTERNAL")),
    ]
    saved = Saved.read(save(tmp_path, results), tmp_path)
    (cause,) = causes(list(rows(list(columns([saved])))))

    assert [item.name for item in cause.items] == ["a", "code: 2 cases"]
    assert [[card.column.environment for card in item.places] for item in cause.items] == [
        ["loopback", "compose"],
        ["loopback"],
    ]
    assert cause.count == 2


def test_known_failures_stand_apart_from_others_with_the_same_cause(tmp_path: Path) -> None:
    """What nobody knew comes first."""
    why = {"cause": "pick_first is in effect.", "suspects": ("pick_first",), "seen": "All on one."}
    results = [result("test_a", verdict=Verdict.KNOWN_FAILURE, **why), result("test_b", **WRONG, **why)]
    saved = Saved.read(save(tmp_path, results), tmp_path)
    new, known = causes(list(rows(list(columns([saved])))))

    assert (new.alarming, known.alarming) == (True, False)
    assert new.words == known.words == "pick_first is in effect."
