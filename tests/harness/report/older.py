"""What older reports call differently, said as today's do."""

from collections.abc import Mapping
from typing import Any

VERDICTS = {"mended": "unexpectedly passing"}
"""The verdicts that have another word now."""


def today(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result of a report with today's word for its verdict."""
    verdict = str(result["verdict"])
    return {**result, "verdict": VERDICTS.get(verdict, verdict)}


def todays(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole report so."""
    renamed = {
        name: [today(result) for result in document.get(name, ())] for name in ("behaviours", "negative_controls")
    }
    return {**document, **renamed}
