"""The page of gateways that a judge lets through: nothing on it is only claimed."""

import pytest

from tests.harness import themes
from tests.harness.commands import adversaries
from tests.harness.commands.adversaries import Kind, kinds
from tests.harness.commands.catalogue import behaviours


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.id)
def test_each_class_is_shown_or_says_what_is_missing(kind: Kind) -> None:
    """Every mutant that it names is convicted by a behaviour, and every control that it names exists."""
    convicted = {mutant.name for one in kind.judged_by(list(behaviours())) for mutant in one.mutants}

    assert set(kind.mutants) <= {mutant.name for mutant in themes.mutants()}
    assert set(kind.mutants) <= convicted
    assert set(kind.controls) <= {control.name for control in themes.controls()}
    assert kind.mutants or kind.controls or kind.open


def test_the_page_counts_only_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class without a mutant or a control is on the page, with what is missing, and is not counted."""
    shown, missing = Kind("A1", "is slow", mutants=["slow_reconnect"]), Kind("A2", "is late", open="not built")
    monkeypatch.setattr(adversaries, "kinds", lambda: [shown, missing])
    page = adversaries.page()

    assert "| A2 | is late |  |  |  | not built |" in page
    assert "`slow_reconnect` | loopback" in page
    assert page.endswith("Shown in every run: 1 of 2.\n")


def test_a_stale_page_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`make fresh` names the page and the command."""
    monkeypatch.setattr("sys.argv", ["adversaries", "--check"])
    assert adversaries.main() == 0
    monkeypatch.setattr(adversaries, "kinds", list)
    assert adversaries.main() == 1
    assert "adversaries.md is stale: run `make docs`" in capsys.readouterr().err
