"""docs/reference/causes.md: made of the data and of what runs named, and complained of when it is neither."""

from pathlib import Path
from typing import Any

import pytest

from tests.harness.causes.settings import CAUSES, LANGUAGES
from tests.harness.commands import causes_page as page
from tests.harness.themes import ALL


def report(**other: list[str]) -> dict[str, Any]:
    """Return the report of a run that named the true cause of each mutant, or these ones."""
    controls = [
        {
            "mutant": mutant.name,
            "environment": mutant.environments[0],
            "verdict": "caught",
            "suspects": other.get(mutant.name, [mutant.cause]),
        }
        for mutant in ALL
        for _ in range(2)
    ]
    return {"negative_controls": controls}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the page from a run that named every true cause, and return where."""
    monkeypatch.setattr(page, "PAGE", tmp_path / "causes.md")
    page.PAGE.write_text(page.page(page.rows_of([report()])), encoding="utf-8")
    return page.PAGE


def test_each_mutant_has_a_row_with_what_was_named(file: Path) -> None:
    """True cause and named cause stand side by side, with how often it was named."""
    rows = page.rows_in(file.read_text(encoding="utf-8"))

    assert len(rows) == len(ALL)
    assert "| `pick_first` | no load-balancing policy | `pick_first` | loopback | `pick_first` (2) |" in rows
    assert page.stale() == []


def test_each_cause_stands_with_its_settings_and_their_sources(file: Path) -> None:
    """Every sentence of the data is on the page."""
    text = file.read_text(encoding="utf-8")

    for cause in CAUSES.values():
        assert cause.text in text
        for key, setting in cause.settings.items():
            assert f"- **{LANGUAGES[key]}**: {setting.text} ({setting.source})" in text


def test_a_changed_word_is_stale(file: Path) -> None:
    """The page is what its data make, or it is complained of."""
    file.write_text(file.read_text(encoding="utf-8").replace("round_robin", "round robin"), encoding="utf-8")

    assert page.stale()[0] == "docs/reference/causes.md is stale: make causes"


def test_a_mutant_that_no_run_has_met_is_missed(file: Path) -> None:
    """A new mutant needs a run."""
    rows = [row for row in page.rows_of([report()]) if "`lying`" not in row]
    file.write_text(page.page(rows), encoding="utf-8")

    assert page.stale() == ["docs/reference/causes.md: no run has named the cause of lying: make causes REPORTS=…"]


@pytest.mark.parametrize("named", [["pick_first"], ["pick_first", "served_by_changed"], []])
def test_another_cause_is_complained_of(file: Path, named: list[str]) -> None:
    """What a run named must be the true cause, alone."""
    file.write_text(page.page(page.rows_of([report(lying=named)])), encoding="utf-8")

    assert page.stale() == ["docs/reference/causes.md: `lying` is not named by its true cause"]
