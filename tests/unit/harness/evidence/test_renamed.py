"""Reports of older versions: what they call by another name is found under today's."""

import json
from pathlib import Path

import pytest

from tests.harness.causes.settings import CAUSES as PRESENT_CAUSES
from tests.harness.commands.catalogue import behaviours
from tests.harness.evidence.history import History
from tests.harness.evidence.playback import Tape
from tests.harness.evidence.renamed import (
    BEHAVIOURS,
    CAUSES,
    FILES,
    MUTANTS,
    present_events,
    present_id,
    present_key,
    present_mutant,
    present_row,
)
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.subject.subject import Subject
from tests.harness.themes import mutants
from tests.unit.helpers.saved_report import result, save


def test_what_was_renamed_is_called_what_exists() -> None:
    """A name in the table that no behaviour has would lead nowhere, and an old one that exists would be taken."""
    files = {behaviour.file for behaviour in behaviours()}
    present = {(behaviour.file, behaviour.name) for behaviour in behaviours()}
    old = {tuple(key.split("::")) for key in BEHAVIOURS}

    assert set(FILES.values()) <= files
    assert set(FILES) & files == set()
    assert {(FILES.get(file, file), BEHAVIOURS[f"{file}::{name}"]) for file, name in old} <= present
    assert old & present == set()


def test_a_cause_that_was_renamed_is_called_what_exists() -> None:
    """The same holds for the causes."""
    assert set(CAUSES.values()) <= set(PRESENT_CAUSES)
    assert set(CAUSES) & set(PRESENT_CAUSES) == set()


def test_a_row_names_its_causes_as_they_are_called_now() -> None:
    """One that kept its name stays, and so does a row without any."""
    about = {"id": "tests/test_liveness.py::test_x[loopback]", "file": "test_liveness.py", "behaviour": "test_x"}

    assert present_row({**about, "suspects": ["address_list", "resolution_floor"]})["suspects"] == [
        "address_list",
        "long_resolution_interval",
    ]
    assert "suspects" not in present_row(about)


def test_what_a_mutant_was_renamed_to_is_a_mutant() -> None:
    """And no mutant has an old name."""
    present = {mutant.name for mutant in mutants()}

    assert set(MUTANTS.values()) <= present
    assert set(MUTANTS) & present == set()


def test_an_id_and_a_row_have_the_mutants_name_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other parameters of the behaviour stay."""
    monkeypatch.setitem(MUTANTS, "old", "new")
    row = {
        "id": "test_x.py::test_y[loopback-old-NXDOMAIN]",
        "file": "test_x.py",
        "behaviour": "test_y",
        "mutant": "old",
    }

    assert present_id("test_x.py::test_y[loopback-old-NXDOMAIN]@g") == "test_x.py::test_y[loopback-new-NXDOMAIN]"
    assert present_row(row)["mutant"] == present_mutant("old") == "new"
    assert present_row({**row, "mutant": None})["mutant"] is None


@pytest.mark.parametrize(
    ("old", "present"),
    [
        ("tests/test_liveness.py::test_x[loopback]", "tests/behaviours/keepalive/test_keepalive.py::test_x[loopback]"),
        ("tests/test_retry.py::test_x[loopback]@group", "tests/behaviours/retry/test_retry.py::test_x[loopback]"),
        ("tests/kind/test_kind.py::test_x[kind]", "tests/kind/test_kind.py::test_x[kind]"),
        ("test_inner.py::test_x", "test_inner.py::test_x"),
    ],
)
def test_an_id_leads_to_where_the_behaviour_lies_now(old: str, present: str) -> None:
    """Whatever folders stood before it."""
    assert present_id(old) == present_id(present) == present


def test_a_known_failure_may_have_its_old_name() -> None:
    """With a parameter or without."""
    assert present_key("test_liveness.py::test_x[ABORTED]") == "test_keepalive.py::test_x[ABORTED]"


def test_a_row_has_todays_names() -> None:
    """Its id, its file and its behaviour agree."""
    row = present_row(
        {"id": "tests/test_liveness.py::test_x[loopback]", "file": "test_liveness.py", "behaviour": "test_x"}
    )

    assert row["id"] == "tests/behaviours/keepalive/test_keepalive.py::test_x[loopback]"
    assert row["file"] == "test_keepalive.py"


def test_a_timeline_is_found_under_the_name_that_it_has_in_the_report(tmp_path: Path) -> None:
    """Also of a behaviour that could not be judged, which has no row."""
    name = "tests/test_liveness.py::test_x[loopback]"
    folder = save(tmp_path, [result("test_even")], not_judged={name: "its codes cannot be told"})
    file = folder / "behaviours" / "test_liveness-test_x-loopback" / "timeline.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("", encoding="utf-8")

    saved = SavedRun.at(folder)

    assert saved.timeline("tests/behaviours/keepalive/test_keepalive.py::test_x[loopback]") == str(
        file.relative_to(folder)
    )
    assert saved.timeline("tests/behaviours/keepalive/test_keepalive.py::test_y[loopback]") == ""
    assert isinstance(saved.subject(), Subject)


def lines(**about: object) -> list[dict[str, object]]:
    """Return a timeline in which the environment was asked for a query, and a replica for its readiness."""
    asked = {"on": "environment", "name": "wait_for_query", "arguments": {"since": 1.0, "within": 2.0}, "result": None}
    taken = {"on": "order-service-1", "name": "take_readiness", "arguments": {}, "result": 5.0}
    return [
        {"at": 0.0, "event": "began", "monotonic": 10.0, "environment": "kind", "slack": 2.0, **about},
        {"at": 0.5, "event": "read", "on": "environment", "name": "asked_name", "value": "order-service"},
        {"at": 1.0, "event": "operation", "ended": 12.0, **asked},
        {"at": 3.0, "event": "operation", "ended": 15.0, **taken},
        {"at": 4.0, "event": "order", "id": "o-1"},
    ]


def test_what_was_asked_of_the_environment_is_found_with_its_part() -> None:
    """A replica that a verb was asked of is an argument of the part that has the verb now."""
    history = History.of(json.loads(json.dumps(lines())))
    _, read, asked, taken, order = [event.members for event in present_events(history.events)]

    assert (read["on"], read["name"]) == ("dns", "queried_name")
    assert (asked["on"], asked["name"], asked["arguments"]) == ("dns", "wait_for_query", {"since": 1.0, "within": 2.0})
    assert (taken["on"], taken["name"]) == ("cluster", "take_readiness")
    assert taken["arguments"] == {"replica": {"$replica": "order-service-1"}}
    assert order["id"] == "o-1"


@pytest.mark.parametrize(("about", "on"), [({}, "dns"), ({"parts": True}, "environment")])
def test_only_an_older_recording_is_read_so(about: dict[str, object], on: str) -> None:
    """One of today says itself of which part each operation was asked."""
    tape = Tape(History.of(lines(**about)[:3]))

    assert tape.step is not None
    assert tape.step.members["on"] == on
