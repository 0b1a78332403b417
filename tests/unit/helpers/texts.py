"""
What people read, by source: functions that yield texts, each with where it stands.

A new kind of text is one more function here, named in `SOURCES`.
"""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.harness.causes.settings import CAUSES
from tests.harness.commands import causes_page
from tests.harness.commands.catalogue import behaviours
from tests.harness.commands.failures import failures
from tests.harness.paths import ROOT, TESTS
from tests.harness.subject.library_properties import properties
from tests.harness.themes import mutants
from tests.unit.helpers.readable import Text, comments, lines, paragraphs, scalars, strings, template

CODE = ("services", "tests/behaviours", "tests/harness", "tests/loopback", "tests/compose", "tests/kind", "tests/suite")
"""Folders whose modules are read: all but the unit tests, which quote what is refused."""

DOCS = ROOT / "docs"
TEMPLATES = TESTS / "harness" / "report" / "html" / "templates"


def names_of_behaviours() -> Iterator[Text]:
    """Yield the promise of each behaviour, the words of its name."""
    for behaviour in behaviours():
        yield f"{behaviour.file}::{behaviour.name}", behaviour.promise


def claims() -> Iterator[Text]:
    """Yield what each behaviour claims, and where that is written."""
    for behaviour in behaviours():
        yield f"{behaviour.file}::{behaviour.name}", behaviour.claim
        yield f"{behaviour.file}::{behaviour.name}, source", behaviour.source


def faults_of_mutants() -> Iterator[Text]:
    """Yield what is wrong with each mutant, and its name in words."""
    for mutant in mutants():
        yield mutant.name, mutant.wrong
        yield mutant.name, mutant.name.replace("_", " ")


def modules() -> Iterator[Text]:
    """Yield measured words, bounds, complaints, messages, help, docstrings and comments of every module."""
    for file in sorted(file for folder in CODE for file in (ROOT / folder).rglob("*.py")):
        if not file.name.endswith(("_pb2.py", "_pb2_grpc.py")) and "node_modules" not in file.parts:
            yield from strings(file)
            yield from comments(file)


def causes_and_remedies() -> Iterator[Text]:
    """Yield the name of each cause in words, its sentence, and what fixes it in each language."""
    for cause in CAUSES.values():
        yield cause.name, f"{cause.name.replace('_', ' ')}: {cause.text}"
        yield from ((f"{cause.name}, {language}", setting.text) for language, setting in cause.settings.items())


def strings_of_causes() -> Iterator[Text]:
    """Yield what rules report, the page of causes, and their docstrings."""
    rules = [file for folder in ("behaviours", "kind") for file in (TESTS / folder).rglob("causes*.py")]
    for file in sorted([*rules, *(TESTS / "harness" / "causes").glob("*.py"), Path(causes_page.__file__)]):
        yield from strings(file)


def reported_failures() -> Iterator[Text]:
    """Yield the failures that people had, and why no environment shows some of them."""
    for failure in failures():
        yield f"failures.toml, {failure.id}", f"{failure.saw} {failure.unhosted}"


def known_failures() -> Iterator[Text]:
    """Yield what our own gateways are known to fail for, and what libraries do."""
    for file in sorted(ROOT.glob("services/**/subject*.toml")):
        known = tomllib.loads(file.read_text(encoding="utf-8")).get("known_failures", {})
        yield from ((f"{file.relative_to(ROOT)}, {behaviour}", str(reason)) for behaviour, reason in known.items())
    for row in properties():
        yield f"library_properties.toml, {row.behaviours[0]}", f"{row.does}; {row.varies}"


def documents() -> Iterator[Text]:
    """Yield the paragraphs of every document written by hand; what is generated is checked where it comes from."""
    folders = [DOCS, ROOT / "services", ROOT / ".github"]
    for file in sorted([*ROOT.glob("*.md"), *(file for folder in folders for file in folder.rglob("*.md"))]):
        if "node_modules" not in file.parts and ": do not edit." not in file.read_text(encoding="utf-8"):
            yield from paragraphs(file)


def templates() -> Iterator[Text]:
    """Yield the text of the report's page and of the matrix's."""
    for file in sorted(TEMPLATES.glob("*.jinja")):
        yield from template(file)


def forms() -> Iterator[Text]:
    """Yield what the action and the issue templates describe, and `make help`, marks and the catalogue."""
    for file in (ROOT / "action.yml", *sorted((ROOT / ".github" / "ISSUE_TEMPLATE").iterdir())):
        yield from scalars(file)
    for file in (ROOT / "Makefile", ROOT / "pyproject.toml", DOCS / "reference" / "catalogue.toml"):
        yield from lines(file)


SOURCES: tuple[Callable[[], Iterator[Text]], ...] = (
    names_of_behaviours,
    claims,
    faults_of_mutants,
    modules,
    causes_and_remedies,
    strings_of_causes,
    reported_failures,
    known_failures,
    documents,
    templates,
    forms,
)
