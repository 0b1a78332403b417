"""Names that have changed since older reports (renamed.toml), so that those still replay and compare."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.harness.evidence.history import Event
from tests.harness.paths import ROOT
from tests.harness.themes import behaviour_files

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

FILES: Mapping[str, str] = _TABLES["files"]
BEHAVIOURS: Mapping[str, str] = _TABLES["behaviours"]
CAUSES: Mapping[str, str] = _TABLES["causes"]
MUTANTS: Mapping[str, str] = _TABLES["mutants"]


def present_file(file: str) -> str:
    """Return the current name of a file of behaviours."""
    return FILES.get(file, file)


def present_behaviour(file: str, behaviour: str) -> str:
    """Return the current name of a behaviour in a file; of its parameters, "[loopback-lying]", only mutants change."""
    name, bracket, parameters = behaviour.partition("[")
    present = present_file(file)
    name = BEHAVIOURS.get(f"{file}::{name}", BEHAVIOURS.get(f"{present}::{name}", name))
    mutants = "-".join(map(present_mutant, parameters.removesuffix("]").split("-")))
    return f"{name}[{mutants}]" if bracket else name


def present_mutant(mutant: str) -> str:
    """Return what a mutant is called now."""
    return MUTANTS.get(mutant, mutant)


def present_key(key: str) -> str:
    """Return the current name of "test_x.py::test_y", or "test_x.py::test_y[ABORTED]", in a subject file."""
    file, separator, behaviour = key.partition("::")
    return f"{present_file(file)}{separator}{present_behaviour(file, behaviour)}"


def present_id(node_id: str) -> str:
    """Return the current id of a behaviour in an older report, "tests/…/test_x.py::test_y[loopback]"."""
    path, separator, behaviour = node_id.partition("@")[0].partition("::")  # xdist adds @group
    folder, _, file = path.rpartition("/")
    present = present_file(file)
    lies = _lies().get(present, f"{folder}/{present}" if folder else present)
    return f"{lies}{separator}{present_behaviour(file, behaviour)}"


def present_causes(causes: Iterable[str]) -> list[str]:
    """Return what these causes are called now."""
    return [CAUSES.get(cause, cause) for cause in causes]


@cache
def _lies() -> Mapping[str, str]:
    """Return the path of each file of behaviours, relative to the root of the tree, by its name."""
    return {file.name: str(file.relative_to(ROOT)) for file in behaviour_files()}


def present_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of an older report with the current names."""
    names = {"file": present_file(row["file"]), "behaviour": present_behaviour(row["file"], row["behaviour"])}
    suspects = {"suspects": present_causes(row["suspects"])} if "suspects" in row else {}
    mutant = row.get("mutant") and present_mutant(row["mutant"])
    return {**row, **names, **suspects, "id": present_id(row["id"]), "mutant": mutant}


def present_events(events: tuple[Event, ...]) -> Iterator[Event]:
    """Yield the events of an older timeline as if its capabilities had been separate parts."""
    for event in events:
        yield replace(event, members=_present(event.members)) if event.event in {"operation", "read"} else event


def _present(members: Mapping[str, Any]) -> Mapping[str, Any]:
    on, name = members["on"], members["name"]
    part, _, present = _TABLES["parts"].get(f"{on}.{name}", "").partition(".")
    if part:
        return {**members, "on": part, "name": present}
    part, _, present = _TABLES["verbs"].get(name, "").partition(".")
    if part and "arguments" in members:
        return {**members, "on": part, "name": present, "arguments": {"replica": {"$replica": on}}}
    return members
