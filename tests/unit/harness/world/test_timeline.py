"""A timeline is what docs/reference/timeline.schema.json says, and the schema refuses what it is not."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.harness.paths import REFERENCE_DOCS
from tests.harness.world import timeline as module
from tests.harness.world.timeline import Timeline

SCHEMA = REFERENCE_DOCS / "timeline.schema.json"
PAGE = SCHEMA.with_name("reports.md")

CONNECTION = {"replica": "a", "peer": "ipv4:127.0.0.1:4"}


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    """Return a validator of one line."""
    document = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def _line(event: str, **members: object) -> dict[str, Any]:
    return {"at": 0.5, "time": 1.7e9, "event": event, **members}


@pytest.mark.parametrize(
    "line",
    [
        _line("replica connection_opened", **CONNECTION),
        _line("replica connection_opened", **CONNECTION, earlier=True),
        _line("replica frame", **CONNECTION, direction="sent", frame="GOAWAY", detail="last stream 1, NO_ERROR"),
        _line("dialled", address="127.0.0.5", then="close"),
        _line("channelz", subchannels=[{"replica": "a", "state": "READY", "started": 3, "succeeded": 2, "failed": 1}]),
        _line("proxy tunnel", wanted="order-service:5000"),
        _line("gateway log", stream="stderr", line="", left_out=3),
        _line("cut", of="dns", left_out=3),
        _line("asked", verb="start", on="a", moved=True, DRAIN_GRACE_MS="0"),
        _line("operation", on="a", name="kill", arguments={}, ended=1.5, result=1.25),
        _line("operation", on="a", name="evict", arguments={}, ended=1.5, result={"$tuple": [None]}),
    ],
)
def test_a_line_that_is_right_is_taken(schema: Draft202012Validator, line: dict[str, Any]) -> None:
    """Members that belong to the event are taken, and what only some drivers say."""
    assert [error.message for error in schema.iter_errors(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        {"at": 0.5, "event": "replica exit", "replica": "a"},
        _line("replica vanished", replica="a"),
        _line("replica connection_opened", replica="a"),
        _line("replica connection_opened", **CONNECTION, earlier=False),
        _line("replica connection_closed", **CONNECTION, reason="none is known"),
        _line("replica frame", **CONNECTION, direction="lost", frame="GOAWAY", detail=""),
        _line("dialled", address="127.0.0.5"),
        _line("channelz", subchannels=[{"replica": "a"}]),
        _line("proxy tunnel", wanted=None),
        _line("gateway log", stream="syslog", line=""),
        _line("cut", of="dns", left_out=0),
        _line("waited", what="it is so"),
    ],
)
def test_a_line_that_is_wrong_is_refused(schema: Draft202012Validator, line: dict[str, Any]) -> None:
    """A missing member, one of another type or event, and one that nobody documents are refused."""
    assert list(schema.iter_errors(line))


def test_a_written_timeline_is_sorted_and_fits(schema: Draft202012Validator, tmp_path: Path) -> None:
    """Whatever the order in which events are recorded, the lines are in that of their times."""
    timeline = Timeline()
    timeline.record("replica exit", timeline.began + 0.2, replica="a")
    timeline.record("published", timeline.began + 0.1, addresses=["127.0.0.2"])
    timeline.write(tmp_path / "timeline.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "timeline.jsonl").read_text(encoding="utf-8").splitlines()]

    assert [line["at"] for line in lines] == [0.1, 0.2]
    assert [error for line in lines for error in schema.iter_errors(line)] == []


def test_every_event_is_on_the_page() -> None:
    """docs/reference/reports.md names each event that the schema has."""
    page = PAGE.read_text(encoding="utf-8")
    document = json.loads(SCHEMA.read_text(encoding="utf-8"))

    for event in document["properties"]["event"]["enum"]:
        assert f"`{event}`" in page or f"`{event.removeprefix('replica ')}`" in page, event


def test_of_too_many_events_the_first_are_kept_and_the_others_counted(
    schema: Draft202012Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source by itself; those of earlier behaviours do not count."""
    monkeypatch.setattr(module, "MOST_EVENTS", 3)
    timeline = Timeline()
    before = [{"event": "dialled", "monotonic": timeline.began - 1, "address": "127.0.0.5"}]
    flood = [{"event": "dialled", "monotonic": timeline.began + n, "address": "127.0.0.5"} for n in range(5)]
    timeline.keep("door ", before + flood)
    timeline.keep("other ", flood[:3])
    timeline.write(tmp_path / "timeline.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "timeline.jsonl").read_text(encoding="utf-8").splitlines()]

    assert [line["at"] for line in lines if line["event"] == "door dialled"] == [0, 1, 2]
    assert [(line["of"], line["left_out"]) for line in lines if line["event"] == "cut"] == [("door", 2)]
    assert [error for line in lines if line["event"] == "cut" for error in schema.iter_errors(line)] == []
