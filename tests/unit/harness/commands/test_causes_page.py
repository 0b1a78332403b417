"""docs/reference/causes.md: made of the causes and of what runs named, and complained of when it is neither."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.causes.settings import CAUSES, LANGUAGES
from tests.harness.commands import causes_page
from tests.harness.themes import mutants


def report(**other: list[str]) -> dict[str, Any]:
    """Return the report of a run that named the true cause of each mutant, or these ones."""
    controls = [
        {
            "mutant": mutant.name,
            "environment": mutant.environments[0],
            "verdict": "caught",
            "suspects": other.get(mutant.name, [mutant.cause]),
        }
        for mutant in mutants()
        for _ in range(2)
    ]
    return {"negative_controls": controls}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the page from a run that named every true cause, and return where."""
    monkeypatch.setattr(causes_page, "PAGE", tmp_path / "causes.md")
    monkeypatch.setattr(causes_page, "DATA", tmp_path / "causes.json")
    causes_page.keep([report()])
    causes_page.PAGE.write_text(causes_page.page(), encoding="utf-8")
    return causes_page.PAGE


def test_each_mutant_has_a_row_with_what_was_named(page: Path) -> None:
    """True cause and named cause stand side by side, with how often it was named."""
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    assert len(rows) == len(mutants())
    assert "| `pick_first` | has no load-balancing policy | `pick_first` | loopback | `pick_first` (2) |" in rows
    assert causes_page.stale() == []


def test_each_cause_stands_with_its_settings_and_their_sources(page: Path) -> None:
    """Every sentence of the data is on the page."""
    text = page.read_text(encoding="utf-8")

    for cause in CAUSES.values():
        assert cause.text in text
        for key, setting in cause.settings.items():
            assert f"- **{LANGUAGES[key]}**: {setting.text} ({setting.source})" in text


def test_a_changed_word_is_stale(page: Path) -> None:
    """The page is what its data make, or it is complained of."""
    page.write_text(page.read_text(encoding="utf-8").replace("round_robin", "round robin"), encoding="utf-8")

    assert causes_page.stale() == ["docs/reference/causes.md is stale: make docs"]


def test_a_mutant_that_no_run_has_met_is_missed(page: Path) -> None:
    """A new mutant needs a run."""
    named = json.loads(causes_page.DATA.read_text(encoding="utf-8"))
    del named["lying"]
    causes_page.DATA.write_text(json.dumps(named), encoding="utf-8")
    page.write_text(causes_page.page(), encoding="utf-8")

    assert causes_page.stale() == ["causes.json: no run has named the cause of lying: make causes REPORTS=…"]


@pytest.mark.parametrize("named", [["pick_first"], ["pick_first", "served_by_changed"], []])
def test_another_cause_is_complained_of(page: Path, named: list[str]) -> None:
    """What a run named must be the true cause, alone."""
    causes_page.keep([report(lying=named)])
    page.write_text(causes_page.page(), encoding="utf-8")

    assert causes_page.stale() == ["causes.json: lying on loopback was not given its true cause"]


def test_a_run_of_one_environment_leaves_what_others_named(page: Path) -> None:
    """What was named on Kubernetes stays, until a run there names something else."""
    control = {"mutant": "pick_first", "environment": "kind", "verdict": "caught", "suspects": ["pick_first"]}
    causes_page.keep([{"negative_controls": [control]}])
    causes_page.keep([report()])

    assert json.loads(causes_page.DATA.read_text(encoding="utf-8"))["pick_first"] == {
        "loopback": {"pick_first": 2},
        "kind": {"pick_first": 1},
    }
    assert page.exists()


def test_an_older_report_names_causes_and_mutants_by_older_names(page: Path) -> None:
    """They are kept under the names that they have now."""
    control = {"mutant": "unanswered_is_well", "environment": "loopback", "verdict": "caught"}
    causes_page.keep([{"negative_controls": [{**control, "suspects": ["address_list", "resolution_floor"]}]}])

    named = json.loads(causes_page.DATA.read_text(encoding="utf-8"))["unanswered_is_healthy"]["loopback"]
    assert named == {"address_list or long_resolution_interval": 1}
    assert page.exists()
