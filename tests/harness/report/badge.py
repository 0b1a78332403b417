"""A badge for a README: badge.json for shields.io's endpoint, and badge.svg for where no service is wanted."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment

LABEL = "gRPC load balancing"

_COLOURS = {"conformant": "2e7d32", "nonconformant": "c62828", "inconclusive": "8a6d00"}
_GREY = "616161"

_CHARACTER = 6.6
"""Units that a character of 11 units' height takes on average; textLength makes it exact."""

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{{ label + message }}" height="20" role="img" aria-label="{{ words }}">
<title>{{ words }}</title>
<rect width="{{ label + message }}" height="20" rx="3" fill="#{{ colour }}"/>
<path d="M3 0H{{ label }}V20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#424242"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="8" y="14" textLength="{{ label - 16 }}">{{ texts[0] }}</text>
<text x="{{ label + 8 }}" y="14" textLength="{{ message - 16 }}">{{ texts[1] }}</text>
</g>
</svg>
"""


def badge(report: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the badge of a report in the format of shields.io's endpoint.

    A part of a run, selected by options, is not green, even if it is conformant.
    """
    verdict, selected = str(report["verdict"]), bool(report["selection"])
    return {
        "schemaVersion": 1,
        "label": LABEL,
        "message": ", ".join([verdict, *_about(report)]),
        "color": _GREY if selected and verdict == "conformant" else _COLOURS.get(verdict, _GREY),
        "isError": verdict != "conformant",
    }


def _about(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield how many of how many behaviours hold, and what makes that less than all there is to judge."""
    counts = report["counts"]
    if report["broken_off"]:
        yield report["reason"].partition(":")[0]
    else:
        yield f"{counts['holds']} of {counts['applicable']}"
    if report["selection"]:
        yield "selected"
    if counts["left_out"]:
        yield f"{sum(counts['left_out'].values())} left out"


def write_badge(folder: Path, report: Mapping[str, Any]) -> None:
    """Write badge.json and badge.svg."""
    made = badge(report)
    (folder / "badge.json").write_text(json.dumps(made) + "\n", encoding="utf-8")
    texts = (made["label"], made["message"])
    label, message = (round(len(text) * _CHARACTER) + 16 for text in texts)
    words = ": ".join(texts)
    drawn = (
        Environment(autoescape=True)
        .from_string(_SVG)
        .render(label=label, message=message, texts=texts, words=words, colour=made["color"])
    )
    (folder / "badge.svg").write_text(drawn + "\n", encoding="utf-8")
