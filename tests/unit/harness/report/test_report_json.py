"""report.json as its published schema has it, and the badge made of it."""

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from tests.harness.paths import REFERENCE_DOCS
from tests.harness.report import report_json
from tests.harness.report.badge import badge, write_badge
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.every_verdict import SUITE
from tests.unit.helpers.inner_run import run
from tests.unit.helpers.saved_report import result, save

SCHEMA = json.loads((REFERENCE_DOCS / "report.schema.json").read_text(encoding="utf-8"))


def _strict(schema: Any) -> Any:  # noqa: ANN401, JSON
    """Return the schema with no member allowed that it does not describe; the published one lets members be added."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(each) for name, each in schema.items()}
    if "properties" in made and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def _complaints(document: dict[str, Any], schema: dict[str, Any] = SCHEMA) -> list[str]:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    return [error.message for error in validator.iter_errors(document)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the report of a run in which every verdict comes up but those about known failures."""
    return run(tmp_path_factory.mktemp("run"), SUITE).report


def test_the_schema_is_one() -> None:
    """It is valid against the draft that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_run_writes_what_the_schema_describes(report: dict[str, Any]) -> None:
    """report.json is valid, and has no member that the schema does not describe."""
    assert _complaints(report) == []
    assert _complaints(report, _strict(SCHEMA)) == []
    assert {one["verdict"] for one in report["behaviours"]} == {"conformant", "nonconformant", "inconclusive"}
    assert {one["verdict"] for one in report["negative_controls"]} == {"caught", "survived", "crashed"}
    assert report["mutants"] == {"lying": "fabricates served_by", "pick_first": "has no load-balancing policy"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("verdict",), "fine"),
        (("exit_status",), "0"),
        (("started",), 1795502309),
        (("subject", "tier"), 3),
        (("promises", "keepalive"), None),
        (("behaviours", 0, "verdict"), "caught"),
        (("behaviours", 0, "mutant"), "lying"),
        (("behaviours", 0, "seconds"), None),
        (("behaviours", 0, "cause"), 1),
        (("negative_controls", 0, "mutant"), None),
        (("not_judged", "x"), 1),
    ],
)
def test_the_schema_refuses_what_is_wrong(report: dict[str, Any], path: tuple[str | int, ...], value: object) -> None:
    """One member with another value than it can have is one complaint or more."""
    wrong = copy.deepcopy(report)
    place: Any = wrong
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    assert _complaints(wrong) != []


@pytest.mark.parametrize("member", ["version", "verdict", "behaviours", "mutants", "promises"])
def test_the_schema_misses_what_is_missing(report: dict[str, Any], member: str) -> None:
    """Without one of its members it is no report."""
    assert _complaints({name: value for name, value in report.items() if name != member}) != []


@pytest.mark.parametrize(
    ("verdicts", "message", "error"),
    [
        ([Verdict.CONFORMANT, Verdict.CONFORMANT], "conformant, 2 of 2", False),
        ([Verdict.CONFORMANT, Verdict.NONCONFORMANT], "nonconformant, 1 of 2", True),
        ([Verdict.INCONCLUSIVE], "inconclusive, 0 of 1", True),
        ([], "inconclusive, 0 of 0", True),
    ],
)
def test_the_badge_says_the_verdict_and_how_many_hold(
    tmp_path: Path, verdicts: list[Verdict], message: str, *, error: bool
) -> None:
    """The format of shields.io's endpoint, and the same as a picture that is well-formed and says it in words."""
    folder = save(tmp_path, [result(f"test_{number}", verdict=one) for number, one in enumerate(verdicts)])
    made = badge(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    write_badge(folder, json.loads((folder / "report.json").read_text(encoding="utf-8")))
    drawn = ET.parse(folder / "badge.svg").getroot()  # noqa: S314, our own file
    kept = json.loads((folder / "badge.json").read_text(encoding="utf-8"))

    assert made == kept
    assert (made["schemaVersion"], made["message"], made["isError"]) == (1, message, error)
    assert drawn.get("aria-label") == f"gRPC load balancing: {message}"
    assert int(drawn.get("width", "0")) > 200


def test_a_bug_in_the_diagnosis_costs_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named as one in the report, which is valid, and the verdicts stand."""

    def _broken(*_: object) -> None:
        raise KeyError("no such cause")

    monkeypatch.setattr(report_json, "diagnoses", _broken)
    folder = save(tmp_path, [result(verdict=Verdict.NONCONFORMANT, suspects=("pick_first",), cause="No policy.")])
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))

    (diagnosis,) = document["diagnosis"]
    assert diagnosis["sentence"].endswith("a bug of the suite: KeyError('no such cause')")
    assert [one for one in _complaints(document) if "diagnosis" in one or "environment" in one] == []
    assert (document["verdict"], document["causes"][0]["cause"]) == ("nonconformant", "No policy.")
