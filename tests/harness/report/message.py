"""
What people read of a message: its own words, without what pytest adds about the values of an expression.

report.json and junit.xml keep the whole; the terminal, the page and the one line of a list show this.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from tests.harness.world.verdict import Verdict

ELLIPSIS = "…"

_EXPECTED = (Verdict.LIBRARY_PROPERTY, Verdict.FIXED_UPSTREAM)
"""The verdicts whose reason is what was expected."""


def stated(message: str) -> list[str]:
    """
    Return the lines of a message that were written by hand.

    Of `assert not ["29 of 30 calls came out of turn"]`, an assertion about a list of faults, those are the faults.
    """
    own, notes = _parts(message)
    return own + notes


def _parts(message: str) -> tuple[list[str], list[str]]:
    """Return the words of the assertion, and the notes that were added to them."""
    own: list[str] = []
    notes: list[str] = []
    about_values = asserted = False
    for line in message.splitlines():
        if line.startswith("assert "):
            about_values = asserted = True
            own += _faults(line)
        elif not about_values or (line.strip() and not line.startswith(" ")):
            about_values = False
            (notes if asserted else own).append(line)
    return own, notes


def _faults(assertion: str) -> list[str]:
    """Return the sentences of an assertion that there are none; no lines where it is about something else."""
    try:
        faults = ast.literal_eval(assertion.removeprefix("assert not "))
    except (SyntaxError, ValueError):
        return []
    sentences = isinstance(faults, list) and all(isinstance(fault, str) and " " in fault for fault in faults)
    return faults if sentences else []


def expectation(message: str) -> str:
    """Return what an assertion without words expected: "40 <= 17"; "" where there is none."""
    found = (line.removeprefix("assert ") for line in message.splitlines() if line.startswith("assert "))
    return next(found, "")


def gist(message: str) -> str:
    """Return a message in one line; one that leads up to what follows, as a traceback does, with how that ends."""
    lines = [line.strip() for line in _parts(message)[0] if line.strip()]
    if not lines:
        return ""
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]


def reason(result: Mapping[str, Any]) -> str:
    """Return in one line why a result is not simply one that holds, "" if it does not say."""
    message, measured, bound = (str(result.get(name) or "") for name in ("message", "measured", "bound"))
    if result.get("verdict") in _EXPECTED and result.get("expected"):
        return str(result["expected"])
    if result.get("suspects") and result.get("seen"):
        return str(result["seen"])
    figures = f"measured: {measured}{f'; bound: {bound}' if bound else ''}" if measured else ""
    expected = expectation(message)
    return gist(message) or figures or (f"expected: {expected}" if expected else "")


def abridged(lines: Sequence[str], limit: int, indent: int = 0) -> list[str]:
    """Return at most `limit` lines and a mark where others stood: the beginning, and more of the end, which tells."""
    if len(lines) <= limit:
        return list(lines)
    head = max(1, limit // 4)
    return [*lines[:head], f"{' ' * indent}{ELLIPSIS}", *lines[len(lines) - (limit - head) :]]
