"""
What users read is English as an on-call engineer would say it: the left column of the glossary is refused.

The glossary is data (language.toml). What is read comes from `SOURCES`: functions that yield texts, each with where it
stands. A new kind of text is one more function there.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.commands import causes_page
from tests.harness.commands.catalogue import behaviours
from tests.harness.commands.failures import failures
from tests.harness.paths import ROOT, TESTS
from tests.harness.themes import mutants

GLOSSARY = tomllib.loads(Path(__file__).with_name("language.toml").read_text(encoding="utf-8"))

Text = tuple[str, str]
"""Where a text stands, and the text."""

INLINE = re.compile(r"language: (?P<words>[^,]+), \S")
"""In a comment on the same line: words that are allowed there, and why."""


@dataclass(frozen=True)
class Word:
    """A word of the left column, and what to say instead; `refused` and `fine` are examples of both."""

    pattern: str
    instead: str
    refused: tuple[str, ...]
    fine: tuple[str, ...] = ()

    def found_in(self, text: str) -> str:
        """Return the first use in a text, "" if there is none."""
        found = re.search(rf"(?<![\w-])(?:{self.pattern})(?!\w)", text, re.IGNORECASE)
        return found[0] if found else ""


@dataclass(frozen=True)
class Allowed:
    """A use that is right: a part of the text that has it, and why."""

    text: str
    why: str


WORDS = [Word(**{**entry, "refused": tuple(entry["refused"])}) for entry in GLOSSARY["word"]]
ALLOWED = [Allowed(**entry) for entry in GLOSSARY.get("allowed", [])]


def complaints(where: str, text: str) -> list[str]:
    """Return each use of a refused word in a text that is not allowed there."""
    inline = INLINE.search(text)
    for allowed in ALLOWED:
        text = text.replace(allowed.text, "…")
    uses = [(found, word) for word in WORDS if (found := word.found_in(text))]
    return [
        f"{where}: {found!r}: say {word.instead}: {text}"
        for found, word in uses
        if not inline or found.lower() not in inline["words"].lower()
    ]


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


def strings_of_themes() -> Iterator[Text]:
    """Yield measured words, bounds, complaints and docstrings of behaviours, mutants and their gateways."""
    themes = [file for file in (TESTS / "behaviours").rglob("*.py") if not file.name.startswith("causes")]
    kinds = ("compose/test_*.py", "kind/test_*.py", "kind/mutants*.py")
    drivers = [file for kind in kinds for file in TESTS.glob(kind)]
    for file in sorted([*themes, *drivers]):
        yield from strings(file)


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
    """Yield what our own gateways are known to fail for."""
    for file in sorted(ROOT.glob("services/**/subject*.toml")):
        known = tomllib.loads(file.read_text(encoding="utf-8")).get("known_failures", {})
        yield from ((f"{file.relative_to(ROOT)}, {behaviour}", reason) for behaviour, reason in known.items())


SOURCES: tuple[Callable[[], Iterator[Text]], ...] = (
    names_of_behaviours,
    claims,
    faults_of_mutants,
    strings_of_themes,
    causes_and_remedies,
    strings_of_causes,
    reported_failures,
    known_failures,
)


def strings(file: Path) -> Iterator[Text]:
    """Yield the strings of a module that are more than one word; "…" stands in for the values of an f-string."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        if " " in text.strip():
            yield f"{file.relative_to(ROOT)}:{node.lineno}", " ".join(text.split())  # type: ignore[attr-defined]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_what_users_read_has_nothing_of_the_left_column(source: Callable[[], Iterator[Text]]) -> None:
    """And each source has texts: an empty one would hide a mistake."""
    texts = list(source())

    assert texts
    assert [complaint for where, text in texts for complaint in complaints(where, text)] == []


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.instead)
def test_each_word_of_the_glossary_is_found(word: Word) -> None:
    """In its examples, in either case, and not in what looks alike."""
    assert [text for text in word.refused if not word.found_in(text) or not word.found_in(text.upper())] == []
    assert [text for text in word.fine if word.found_in(text)] == []


def test_each_allowed_use_is_used() -> None:
    """An exception that nothing needs any more would hide the next mistake."""
    texts = [text for source in SOURCES for _, text in source()]

    assert [allowed.text for allowed in ALLOWED if not any(allowed.text in text for text in texts)] == []
    assert all(allowed.why for allowed in ALLOWED)


def test_a_justified_use_is_allowed_where_it_stands() -> None:
    """By a comment on its line that names the word and says why."""
    assert complaints("a.md:1", "the question is <!-- language: question, of the RFC -->") == []
    assert complaints("a.md:1", "the question is <!-- language: question -->") != []
    assert complaints("a.md:1", "the question is told <!-- language: question, of the RFC -->") != []
