"""A part of a run: which options make it one, and that it does not read like a whole one."""

import json
from pathlib import Path

import pytest

from tests.unit.helpers.inner_run import HEAD, Outcome, run

SUITE = (
    HEAD
    + '''
def test_even(names):
    """It is even."""

def test_retried(names):
    """It is retried."""

@pytest.mark.extended
def test_waits(names):
    """It waits."""

@pytest.mark.catches(LYING)
@pytest.mark.gateway(CALL_TIMEOUT_MS="100")
def test_configured(orders):
    """It can be configured."""
    assert orders.right
'''
)

BLACK_BOX = '[subject]\nname = "outside"\n[loopback]\ncommand = ["./gateway"]\n'

LAST_FAILED = """
def pytest_addoption(parser):
    parser.addoption("--odd", action="store_true")
def pytest_collection_modifyitems(items):
    del items[1:]
"""

PARTS: dict[str, tuple[tuple[str, ...], list[str], int, int]] = {
    # options, what is named, how many of how many
    "whole": ((), [], 4, 4),
    "kind of run": (("-m", "loopback and not extended and not negative_control"), [], 3, 3),
    "extended alone": (("-m", "extended"), [], 1, 1),
    "-k": (("-k", "even"), ["-k even"], 1, 4),
    "-k with words": (("-k", "even or waits"), ["-k 'even or waits'"], 2, 4),
    "-k in the core": (("-m", "not extended", "-k", "even"), ["-k even"], 1, 3),
    "-m": (("-m", "gateway and loopback"), ["-m 'gateway and loopback'"], 1, 4),
    "deselected": (("--deselect=test_inner.py::test_even",), ["--deselect=test_inner.py::test_even"], 3, 4),
    "a plugin": (("-p", "last_failed"), ["a plugin"], 1, 4),
    "with workers": (("-k", "even", "-n2"), ["-k even"], 1, 4),
}


def badge(outcome: Outcome) -> tuple[str, str]:
    """Return message and colour of the badge."""
    made = json.loads((outcome.folder / "badge.json").read_text(encoding="utf-8"))
    return made["message"], made["color"]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_run_is_told_from_a_whole_one(tmp_path: Path, name: str) -> None:
    """Terminal, report, page and badge name how many of how many, and what chose them."""
    options, selection, judged, applicable = PARTS[name]
    (tmp_path / "last_failed.py").write_text(LAST_FAILED, encoding="utf-8")
    outcome = run(tmp_path, SUITE, "-p", "no:randomly", *options)
    words = f"judged {judged} of {applicable}"
    chosen = f", selected by {selection[0]}" if selection else ""
    said = " ".join(outcome.output.split())

    assert outcome.status == 0
    assert outcome.report["selection"] == selection
    assert (outcome.report["counts"]["judged"], outcome.report["counts"]["applicable"]) == (judged, applicable)
    assert f"reference gateway: conformant ({words}{', selected' * bool(selection)}" in said
    assert f"{words} applicable behaviour{'s' * (applicable > 1)}{chosen}" in said
    page = (outcome.folder / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    assert f"{words}{chosen}" in page
    assert badge(outcome)[0] == f"conformant, {judged} of {applicable}{', selected' * bool(selection)}"
    assert (badge(outcome)[1] == "2e7d32") is not bool(selection)


def test_paths_are_a_part_of_the_whole_suite(tmp_path: Path) -> None:
    """What the given paths do not collect is counted, too: all behaviours of this suite, and those given."""
    outcome = run(tmp_path, SUITE, "test_inner.py::test_even", "-m", "loopback and not extended")

    assert outcome.status == 0
    assert outcome.report["selection"] == ["test_inner.py::test_even"]
    assert outcome.report["counts"]["judged"] == 1
    assert 50 < outcome.report["counts"]["applicable"] < 100


def test_what_was_left_out_is_counted_for_the_selected(tmp_path: Path) -> None:
    """By reason, on the terminal and on the badge; it does not count as applicable."""
    outcome = run(tmp_path, SUITE, subject=BLACK_BOX)

    assert outcome.status == 0
    assert outcome.report["counts"]["left_out"] == {"black box": 1}
    assert "judged 3 of 3 applicable behaviours; 1 left out: 1 black box" in outcome.output
    assert badge(outcome)[0] == "conformant, 3 of 3, 1 left out"


def test_negative_controls_alone_have_no_verdict_on_the_subject(tmp_path: Path) -> None:
    """Exit status 0 if each was caught; the report does not call the subject conformant."""
    outcome = run(tmp_path, SUITE, "-m", "negative_control")

    assert outcome.status == 0
    assert set(outcome.controls.values()) == {"caught"}
    assert outcome.report["verdict"] == "inconclusive"
    assert outcome.report["reason"] == "no behaviour of the subject was run"
    assert "reference gateway: " not in outcome.output


@pytest.mark.parametrize("chosen", [("-k", "even or retried"), ()])
def test_a_replay_is_as_much_a_part_as_what_it_replays(tmp_path: Path, chosen: tuple[str, ...]) -> None:
    """What chose then is named again, and what was not judged then is not judged now."""
    recorded = run(tmp_path, SUITE, *chosen)
    run(tmp_path, SUITE, "--replay=report", "-k", "names or even or retried", "--report=again")
    again = Outcome(0, "", tmp_path / "again").report

    assert again["counts"]["applicable"] == recorded.report["counts"]["applicable"] == 4
    assert again["counts"]["judged"] == 2
    assert again["selection"] == [*(["-k 'even or retried'"] if chosen else []), "-k 'names or even or retried'"]


def test_a_replay_of_a_run_that_was_broken_off_is_inconclusive(tmp_path: Path) -> None:
    """As the run was: its end is not in the record."""
    ends = SUITE + "\n@pytest.mark.extended\ndef test_z(names):\n    '''It ends.'''\n    raise KeyboardInterrupt\n"
    recorded = run(tmp_path, ends, "-p", "no:randomly", "-k", "not configured")
    replayed = run(tmp_path, SUITE, "--replay=report", "--report=again")
    again = Outcome(0, "", tmp_path / "again").report

    assert recorded.report["reason"] == "broken off after 3 of 4: interrupted"
    assert replayed.status == again["exit_status"] == 6
    assert again["reason"] == "broken off after 3 of 4: the saved run was: interrupted"
