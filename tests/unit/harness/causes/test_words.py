"""What a report says of causes is in the words of an on-call engineer: none of the glossary's left column is left."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.commands import causes_page
from tests.harness.paths import ROOT
from tests.harness.themes import folders

GLOSSARY = {
    r"anew": "again, re-",
    r"mend(s|ed|ing)?": "fix",
    r"heed(s|ed|ing)?": "honour, respect, ignore",
    r"bears?": "tolerate",
    r"besides?": "next to, alongside, in addition to",
    r"who(m)?ever|whatever": "anyone who, anything, regardless of",
    r"(go|goes|going|went) on": "continue, resume, keep",
    r"gone": "removed, down",
    r"told|tells? of": "received, reports",
    r"ask(s|ed|ing)?|questions?": "query, resolve, request, configure",
    r"says|said": "reports, prints",
    r"of (its|their|your|his|[a-z]+'s) own": "separate, own",
    r"for good": "permanently",
    r"at once": "immediately, concurrently",
    r"(?<!there )(is|are|was|were) no(?= (?!longer))": "is not",
    r"taken for|takes? [^.;:]{1,40} for": "treat as",
    r"otherwise": "differently",
    r"for want of": "for lack of",
    r"without a word": "silently ignored",
    r"name server": "DNS",
    r"floor": "minimum re-resolution interval",
    r"in force": "in effect",
    r"under way": "in flight",
    r"all the same(?! one)": "nevertheless",
}
"""The house's glossary and tables of sentences, left column as a pattern; what to write instead."""

FILES = sorted(
    {
        *(file for folder in folders() for file in folder.glob("causes*.py")),
        *(ROOT / "tests/harness/causes").glob("*.py"),
        Path(causes_page.__file__),
    }
)


def refused(text: str) -> list[str]:
    """Return what the glossary has against a text."""
    return [
        f"{found[0]!r} → {instead}, in {text!r}"
        for words, instead in GLOSSARY.items()
        if (found := re.search(rf"\b({words})\b", text, re.IGNORECASE))
    ]


def texts(file: Path) -> Iterator[str]:
    """Yield every text in a file of Python, docstrings included, an f-string with its gaps as one."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_a_cause_and_its_settings_are_in_plain_words(name: str) -> None:
    """Its name too, which is a heading of the documents."""
    cause = CAUSES[name]
    said = [name.replace("_", " "), cause.text, *(setting.text for setting in cause.settings.values())]

    assert [complaint for text in said for complaint in refused(text)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_rules_report_is_in_plain_words(file: Path) -> None:
    """Their sentences and their docstrings."""
    assert [complaint for text in texts(file) for complaint in refused(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "the gateway asked for its name anew",
        "it goes on getting calls",
        "a list that is no name",
        "unknown keys are ignored without a word",
        "a replica takes a slow connection for a dead one",
    ],
)
def test_the_glossary_is_refused(text: str) -> None:
    """Each of these stood in a cause once."""
    assert refused(text)


def test_what_is_not_in_the_glossary_passes() -> None:
    """Words that only contain one of it, and what English says without an article."""
    assert refused("there is no setting; the replica is no longer listed, and tells the gateway apart") == []
