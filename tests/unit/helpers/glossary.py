"""The glossary of tests/unit/language.toml: words that are refused, what to say instead, and justified uses."""

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from tests.harness.paths import TESTS

INLINE = re.compile(r"language: (?P<words>[^,]+), \S")
"""In a comment within the text: words that are allowed there, and why."""


@dataclass(frozen=True)
class Word:
    """
    A word of the left column, and what to say instead; `refused` and `fine` are examples of both.

    `only` names the sources in which it is refused, none if it is refused in all of them.
    """

    pattern: str
    instead: str
    refused: tuple[str, ...]
    fine: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def found_in(self, text: str) -> str:
        """Return the first use in a text, "" if there is none."""
        found = re.search(rf"(?<![\w-])(?:{self.pattern})(?!\w)", text, re.IGNORECASE)
        return found[0] if found else ""


@dataclass(frozen=True)
class Allowed:
    """A use that is right: a part of the text that has it, and why."""

    text: str
    why: str


_GLOSSARY = tomllib.loads((TESTS / "unit" / "language.toml").read_text(encoding="utf-8"))


def _word(entry: dict[str, Any]) -> Word:
    members: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    return Word(**members)


WORDS = [_word(entry) for entry in _GLOSSARY["word"]]
ALLOWED = [Allowed(**entry) for entry in _GLOSSARY["allowed"]]


def complaints(where: str, text: str, source: str = "") -> list[str]:
    """Return each use of a refused word in a text of this source that is not allowed there."""
    inline = INLINE.search(text)
    for allowed in ALLOWED:
        text = text.replace(allowed.text, "…")
    uses = [
        (found, word) for word in WORDS if (found := word.found_in(text)) and (not word.only or source in word.only)
    ]
    return [
        f"{where}: {found!r}: say {word.instead}: {text}"
        for found, word in uses
        if not inline or found.lower() not in inline["words"].lower()
    ]
