"""
Text that a stranger had a say in, made harmless for wherever people read it.

A subject writes replies, logs, names and error messages; an engine, a cluster and a saved report pass on others'. What
steers a terminal, turns text around or shows nothing becomes a visible escape, and so does what makes a line a command
to a CI system. Letters of every script stay.

Evidence stays as it was received, as verdicts depend on it. Text is made harmless where it leaves the evidence: in
results, in errors, in what a subject is called, and when a saved report is read. The way to the terminal (Gate) lets
nothing else through.

It needs Python's standard library alone: the Action's script uses it before anything is installed.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_NOT_PLAIN = re.compile(r"[^\n\t -~]")

_INVISIBLE = re.compile(
    "["
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # joiners and fillers of some scripts
    "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors
    "]"
)
"""What is shown as nothing although its category is that of letters and marks (Default_Ignorable_Code_Point)."""

_COMMAND = re.compile(r"^([^\S\n]*:):", re.MULTILINE)
"""GitHub's runner treats a line that begins with `::`, after blanks, as a command."""

_MARKED = re.compile(r"(##(?:vso|teamcity)?)\[", re.IGNORECASE)
"""GitHub's older form, Azure's and TeamCity's are commands anywhere in a line."""


def harmless(text: str) -> str:
    """Return a text whose every character can be seen, and of which no line is a command; twice is as once."""
    seen = _NOT_PLAIN.sub(_visible, text.replace("\r\n", "\n"))
    return _MARKED.sub(r"\1\\x5b", _COMMAND.sub(r"\1\\x3a", seen))


def in_one_line(text: str) -> str:
    """Return a harmless text with its line breaks as escapes: a name, or a part of a sentence."""
    return harmless(text).replace("\n", "\\n")


def harmless_members(value: Any) -> Any:  # noqa: ANN401, JSON of every kind
    """Return a JSON value with every text in it harmless, the names of members included."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, (list, tuple)):
        return [harmless_members(item) for item in value]
    if isinstance(value, Mapping):
        return {harmless_members(key): harmless_members(item) for key, item in value.items()}
    return value


def _visible(found: re.Match[str]) -> str:
    character = found[0]
    blank = unicodedata.category(character) == "Zs"
    if (character.isprintable() or blank) and not _INVISIBLE.match(character):
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_LONGEST = len("##teamcity")
"""Characters of a command's beginning."""


class HarmlessError(Exception):
    """An error that may quote a subject: its message is harmless."""

    def __str__(self) -> str:
        """Return the message."""
        return harmless(super().__str__())


class Gate:
    """
    What may pass to a terminal or a log, piece by piece: pytest's own colours, and harmless text.

    Where a line begins is known across pieces, so that a line that is wrapped, or written in parts, is not a command.
    """

    _OURS = re.compile(r"(\x1b\[(?:0|1|2|5|7|3[0-7]|4[0-7])m)")
    """What pytest's own markup consists of."""

    def __init__(self) -> None:
        self._line = ""

    def passed(self, text: str) -> str:
        """Return what of a piece passes; a carriage return may begin it, as pytest rewrites a line with that."""
        pieces = self._OURS.split(text)
        return "".join(piece if number % 2 else self._harmless(piece) for number, piece in enumerate(pieces))

    def _harmless(self, piece: str) -> str:
        rewritten = "\r" if piece.startswith("\r") and not piece.startswith("\r\n") else ""
        before = "" if rewritten else self._line
        clean = harmless(before + piece.removeprefix(rewritten))
        self._line = _end(clean.rpartition("\n")[2])
        return rewritten + clean[len(before) :]


def _end(line: str) -> str:
    """Return what has to be known of a line to tell whether what follows makes it a command."""
    return line if len(line) < 2 * _LONGEST else ("x" if line.strip() else "") + line[-_LONGEST:]
