"""A gateway that exited by itself counts against the behaviour during which or after which it did."""

import json
from pathlib import Path

import pytest

from tests.unit.helpers.inner_run import HEAD, run

DEAD = HEAD + "from tests.unit.helpers.world import DIED, Dead\n"
HOLDS = '\ndef test_{}(orders):\n    """It holds."""\n'

ON_THE_WAY_OUT = (
    DEAD + "def test_a(orders):\n    '''It holds.'''\n    orders.seat.gateway = Dead()\n{}" + HOLDS.format("b")
)
LATER = DEAD + HOLDS.format("a") + "    orders.late = 'gateway exited with status 70; {}'\n" + HOLDS.format("b")

DURING = "    raise SubjectDiedError(DIED)\n"
IN_SETUP = (
    "@pytest.fixture\ndef dying(orders):\n    raise SubjectDiedError(DIED)\ndef test_a(dying):\n    '''It holds.'''\n"
)

DEATHS = {
    "during": (ON_THE_WAY_OUT.format(DURING), "1 failed, 1 passed"),
    "by its end": (ON_THE_WAY_OUT.format(""), "2 passed, 1 error"),
    "by its end, which was inconclusive": (
        ON_THE_WAY_OUT.format("    raise InconclusiveError('the fault was not seen')\n"),
        "1 failed, 1 passed, 1 error",
    ),
    "by its end, which was wrong": (ON_THE_WAY_OUT.format("    assert 3 == 4\n"), "1 failed, 1 passed, 1 error"),
    "before it": (DEAD + IN_SETUP + HOLDS.format("b"), "1 passed, 1 error"),
    "after it": (LATER.format("after a"), "2 passed"),
}


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["here", "in workers"])
@pytest.mark.parametrize("name", DEATHS)
def test_a_gateway_that_exited_by_itself_is_nonconformant(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    """Exit status 1, for that behaviour alone, with its last words, counted once; a replay says the same."""
    suite, counted = DEATHS[name]
    outcome = run(tmp_path, suite, "-p", "no:randomly", *options)
    (died,) = [row for row in outcome.report["behaviours"] if row["verdict"] == "nonconformant"]

    assert counted in outcome.output
    assert outcome.status == outcome.report["exit_status"] == 1
    assert outcome.verdicts == {"test_a": "nonconformant", "test_b": "conformant"}
    assert died["message"].startswith("gateway exited with status 70; ")
    assert died["message"].count("gateway exited") == 1
    assert ("3 == 4" in died["message"]) is (name == "by its end, which was wrong")
    assert "reference gateway: nonconformant" in outcome.output

    if name != "before it":  # what a fixture of this test raises is not in the record
        assert run(tmp_path, suite.replace(DURING, ""), "--replay=report", "--report=again").status == 1


def test_the_record_of_a_behaviour_has_a_death_that_came_after_it(tmp_path: Path) -> None:
    """It is added to the timeline, which had been written by then."""
    outcome = run(tmp_path, LATER.format("out of cheese"), "-p", "no:randomly")
    timeline = outcome.folder / "behaviours" / "test_inner-test_a-loopback" / "timeline.jsonl"
    events = [json.loads(line) for line in timeline.read_text(encoding="utf-8").splitlines()]
    (ended,) = [event for event in events if event["event"] == "gateway ended"]

    (died,) = [row for row in outcome.report["behaviours"] if row["verdict"] == "nonconformant"]

    assert ended["message"] == "gateway exited with status 70; out of cheese"
    assert died["suspects"] == ["gateway_died"]
    assert died["timeline"] == "behaviours/test_inner-test_a-loopback/timeline.jsonl"
    assert 0 < ended["at"] < 60
    assert events[-1]["ended"] == pytest.approx(events[0]["monotonic"] + ended["at"])


def test_a_death_after_the_last_behaviour_is_found_at_the_end(tmp_path: Path) -> None:
    """The environment is taken down after the last report; the result is corrected."""
    late = DEAD + HOLDS.format("a") + "    orders.late = 'gateway exited with status 70; at last'\n"
    for options in ((), ("-n2",)):
        outcome = run(tmp_path, late, *options)

        assert outcome.status == 1
        assert outcome.verdicts == {"test_a": "nonconformant"}


def test_a_skipped_behaviour_after_which_it_died_is_not_left_out(tmp_path: Path) -> None:
    """It has a result now."""
    skips = "    orders.late = 'gateway exited with status 70; idle'\n    pytest.skip('its replies tell no code')\n"
    outcome = run(tmp_path, DEAD + HOLDS.format("a") + skips + HOLDS.format("b"), "-p", "no:randomly")

    assert outcome.status == 1
    assert outcome.verdicts == {"test_a": "nonconformant", "test_b": "conformant"}
    assert outcome.report["counts"]["left_out"] == {}


MUTANT = """
@pytest.mark.catches(LYING)
def test_a(orders):
    '''It tells the truth.'''
    if not orders.right:
        {}
    assert orders.right
"""


@pytest.mark.parametrize("dies", ["orders.seat.gateway = Dead()", "orders.late = 'gateway exited with status 70'"])
def test_a_mutant_that_died_was_not_caught(tmp_path: Path, dies: str) -> None:
    """It has crashed: what it was caught by may be its death."""
    outcome = run(tmp_path, DEAD + MUTANT.format(dies))

    assert outcome.status == 1
    assert outcome.verdicts == {"test_a": "conformant"}
    assert outcome.controls == {("test_a", "lying"): "crashed"}
