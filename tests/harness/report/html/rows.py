"""The rows of the page: every behaviour of the reports, with the result in each environment of each report."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.harness.evidence.saved_files import UNREADABLE
from tests.harness.report.html.evidence import Evidence, evidence
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.message import reason

MARKS = {
    "conformant": ("✓", "holds", "good"),
    "nonconformant": ("✗", "fails", "bad"),
    "inconclusive": ("?", "inconclusive", "unclear"),
    "known failure": ("≈", "known failure", "known"),
    "unexpectedly passing": ("!", "unexpectedly passing", "bad"),
    "library property": ("≈", "library property", "known"),
    "fixed upstream": ("✓", "fixed upstream", "good"),
    "not judged": ("·", "not judged", "none"),
    "caught": ("✓", "caught", "good"),
    "survived": ("✗", "survived", "bad"),
    "crashed": ("!", "crashed", "bad"),
    "wrong reason": ("✗", "wrong reason", "bad"),
}
"""For each verdict a sign, a word and a class: colour is never the only sign."""


@dataclass(frozen=True)
class Mark:
    """How a verdict looks."""

    sign: str
    word: str
    kind: str


def mark(verdict: str) -> Mark:
    """Return how a verdict looks; one that is unknown here shows as it is."""
    return Mark(*MARKS.get(verdict, ("?", verdict, "unclear")))


@dataclass(frozen=True)
class Column:
    """One column of the matrix: an environment of a report."""

    saved: Saved
    environment: str


@dataclass(frozen=True)
class Card:
    """One run of a behaviour, or that it was not judged and why."""

    column: Column
    result: Mapping[str, Any]
    anchor: str

    @property
    def mark(self) -> Mark:
        """How its verdict looks."""
        return mark(str(self.result["verdict"]))

    @property
    def holds(self) -> bool:
        """Whether there is nothing to explain."""
        return self.mark.kind in {"good", "none"}

    @property
    def link(self) -> str:
        """Where its timeline lies, "" if nowhere."""
        return self.column.saved.link(str(self.result.get("timeline") or ""))

    @cached_property
    def evidence(self) -> Evidence | str | None:
        """What happened while it ran, None where nothing was kept, in words why what was kept cannot be shown."""
        try:
            history = self.column.saved.history(self.result)
            return evidence(history, holds=self.holds) if history else None
        except UNREADABLE as error:
            return f"its timeline cannot be shown: {type(error).__name__}: {error}"

    @property
    def reason(self) -> str:
        """One line about why it does not simply hold."""
        return reason(self.result)


@dataclass(frozen=True)
class Row:
    """One behaviour, and its card in each column; None where that column has none."""

    file: str
    behaviour: str
    claim: str
    cards: Sequence[Card | None]


def columns(reports: Sequence[Saved]) -> Iterator[Column]:
    """Yield every environment of every report."""
    for saved in reports:
        named = [result["environment"] for result in saved.behaviours]
        named += [parts(name)[2] for name in saved.document.get("not_judged", {})]
        yield from (Column(saved, environment) for environment in dict.fromkeys(named))


def rows(across: Sequence[Column]) -> Iterator[Row]:
    """Yield every behaviour that some column has, file by file."""
    cards: dict[tuple[str, str], dict[int, Card]] = {}
    for number, column in enumerate(across):
        for result in _results(column):
            place = cards.setdefault((result["file"], result["behaviour"]), {})
            place[number] = Card(column, result, f"b{len(cards)}-{number}-{slug(result['behaviour'])}")
    for (file, behaviour), found in sorted(cards.items(), key=lambda item: item[0][0]):
        claim = next((card.result["claim"] for card in found.values() if card.result["claim"]), "")
        yield Row(file, behaviour, claim, [found.get(number) for number in range(len(across))])


def _results(column: Column) -> Iterator[Mapping[str, Any]]:
    yield from (result for result in column.saved.behaviours if result["environment"] == column.environment)
    for name, why in column.saved.document.get("not_judged", {}).items():
        file, behaviour, environment = parts(name)
        if environment == column.environment:
            yield {
                "file": file,
                "behaviour": behaviour,
                "claim": "",
                "verdict": "not judged",
                "measured": "",
                "message": why,
            }


def parts(name: str) -> tuple[str, str, str]:
    """Return file, behaviour and environment of what pytest calls "tests/test_x.py::test_y[loopback-CODE]"."""
    path, _, function = name.partition("::")
    function, _, parameters = function.partition("[")
    environment, _, own = parameters.rstrip("]").partition("-")
    return path.rpartition("/")[2], f"{function}[{own}]" if own else function, environment


def slug(text: str) -> str:
    """Return a text as part of an id."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text.removeprefix("test_"))[:80].strip("-")
