"""Causes say the same thing by the same word: DNS, the minimum re-resolution interval, in effect, in flight."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.commands import causes_page
from tests.harness.paths import TESTS

WORDS = {
    r"name server": "DNS, the DNS server",
    r"floor": "minimum re-resolution interval",
    r"in force": "in effect",
    r"under way": "in flight",
    r"tried again": "retried",
    r"(sent|dialled|connected to) again": "resent, redialled, reconnected",
    r"all the same(?! one)": "nevertheless",
}
"""What causes do not say, and what they say instead; the glossary of the whole tree is tests/unit/language.toml."""

FILES = sorted(
    [
        *(file for folder in ("behaviours", "kind") for file in (TESTS / folder).rglob("causes*.py")),
        *(TESTS / "harness" / "causes").glob("*.py"),
        Path(causes_page.__file__),
    ]
)


def refused(text: str) -> list[str]:
    """Return each use of one of these words in a text."""
    return [
        f"{found[0]!r}: say {instead}: {text}"
        for words, instead in WORDS.items()
        if (found := re.search(rf"\b({words})\b", text, re.IGNORECASE))
    ]


def texts(file: Path) -> Iterator[str]:
    """Yield the strings of a module, those in f-strings too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_a_cause_and_its_settings_use_the_words_of_all_causes(name: str) -> None:
    """Its name too, which is a heading of the documents."""
    cause = CAUSES[name]
    read = [name.replace("_", " "), cause.text, *(setting.text for setting in cause.settings.values())]

    assert [complaint for text in read for complaint in refused(text)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_rules_report_uses_the_words_of_all_causes(file: Path) -> None:
    """Their sentences and their docstrings."""
    assert [complaint for text in texts(file) for complaint in refused(text)] == []


@pytest.mark.parametrize("text", ["the name server was silent", "no policy is in force", "calls that were tried again"])
def test_another_word_is_refused(text: str) -> None:
    """Each of these stood in a cause once."""
    assert refused(text)


def test_words_that_only_look_like_one_of_them_pass() -> None:
    """They are other words, or mean something else."""
    assert refused("callers that all reached the same one, enforced by the server under load") == []
