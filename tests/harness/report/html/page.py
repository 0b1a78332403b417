"""
The report as one page: no script, no network, nothing but this file.

Everything that a subject had a say in reaches the page through one template environment that escapes it and makes
visible what is unseen (text.py). The page's own policy forbids scripts and everything from elsewhere.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tests.harness.evidence.renamed import present_id
from tests.harness.report.html import figures
from tests.harness.report.html.evidence import Evidence, evidence
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.html.text import cut, first_line, shown
from tests.harness.report.words import words

TEMPLATES = Path(__file__).with_name("templates")

MARKS = {
    "conformant": ("✓", "holds", "good"),
    "nonconformant": ("✗", "fails", "bad"),
    "inconclusive": ("?", "inconclusive", "unclear"),
    "known failure": ("≈", "known failure", "known"),
    "mended": ("!", "mended", "bad"),
    "not judged": ("·", "not judged", "none"),
    "caught": ("✓", "caught", "good"),
    "survived": ("✗", "survived", "bad"),
    "crashed": ("!", "crashed", "bad"),
    "wrong reason": ("✗", "wrong reason", "bad"),
}
"""For each verdict a sign, a word and a class: colour is never the only sign."""

SAYS = {
    "conformant": "conforms",
    "nonconformant": "does not conform",
    "inconclusive": "could not be judged",
}


_SEVERAL = {"fails": "fail", "inconclusive": "could not be judged"}


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
        except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
            return f"its timeline cannot be shown: {type(error).__name__}: {error}"

    @property
    def reason(self) -> str:
        """One line about why it does not simply hold."""
        seen = self.result.get("seen") if self.result.get("suspects") else ""
        return str(seen or "") or first_line(str(self.result.get("message") or ""))


@dataclass(frozen=True)
class Row:
    """One behaviour, and its card in each column; None where that column has none."""

    file: str
    behaviour: str
    claim: str
    cards: Sequence[Card | None]


def render(reports: Sequence[Saved]) -> str:
    """Return the page about one report, or about several side by side."""
    across = list(columns(reports))
    down = list(rows(across))
    return filled(
        "page.html.jinja",
        reports=reports,
        columns=across,
        rows=down,
        failing=_failing(down),
        controls=[Matrix.of(saved, number) for number, saved in enumerate(reports) if saved.controls],
    )


def filled(template: str, **members: object) -> str:
    """Return a page: this template, with the one style sheet and its digest for the page's policy."""
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _templates().get_template(template)
    return page.render(**members, style=Markup(style), digest=digest)  # noqa: S704, our own file


def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"words": words, "cut": cut, "extras": figures.extras, "seconds": lambda value: f"{value:.2f} s"}
    made.globals |= {"described": described, "sentence": sentence, "mark": mark, "window": figures.window}
    return made


def sentence(saved: Saved) -> str:
    """Return the verdict on a subject in one sentence."""
    if not saved.behaviours:
        return f"{saved.name}: no behaviour was judged."
    parts = []
    for environment in dict.fromkeys(result["environment"] for result in saved.behaviours):
        here = [result for result in saved.behaviours if result["environment"] == environment]
        counts = Counter(mark(result["verdict"]).word for result in here)
        others = [f"{count} {_SEVERAL.get(word, word)}" for word, count in counts.items() if word != "holds"]
        parts.append(
            f"on {environment} {counts['holds']} of {len(here)} behaviours hold, {', '.join(others)}"
            if others
            else f"on {environment} all {len(here)} behaviours hold"
        )
    left_out = len(saved.document.get("not_judged", {}))
    parts += [f"{left_out} were not judged"] if left_out else []
    return f"{saved.name} {SAYS.get(saved.document['verdict'], 'was judged')}: {'; '.join(parts)}."


def described(seen: Evidence) -> str:
    """Return what a timeline's picture shows, for who cannot see it."""
    parts = [f"{seen.calls} calls, {seen.failed} failed, {seen.attempts} attempts"]
    parts += [f"{share.replica}: {share.attempts} attempts, {share.refused} not OK" for share in seen.shares.rows]
    parts += [f"{each.verb.verb} {each.verb.on} confirmed at {each.verb.confirmed:.2f} s" for each in seen.scenes]
    return f"{'; '.join(parts)}; {seen.queries.total} DNS queries."


def columns(reports: Sequence[Saved]) -> Iterator[Column]:
    """Yield every environment of every report."""
    for saved in reports:
        named = [result["environment"] for result in saved.behaviours]
        named += [_parts(name)[2] for name in saved.document.get("not_judged", {})]
        yield from (Column(saved, environment) for environment in dict.fromkeys(named))


def rows(across: Sequence[Column]) -> Iterator[Row]:
    """Yield every behaviour that some column has, file by file."""
    cards: dict[tuple[str, str], dict[int, Card]] = {}
    for number, column in enumerate(across):
        for result in _results(column):
            place = cards.setdefault((result["file"], result["behaviour"]), {})
            place[number] = Card(column, result, f"b{len(cards)}-{number}-{_slug(result['behaviour'])}")
    for (file, behaviour), found in sorted(cards.items(), key=lambda item: item[0][0]):
        claim = next((card.result["claim"] for card in found.values() if card.result["claim"]), "")
        yield Row(file, behaviour, claim, [found.get(number) for number in range(len(across))])


def _results(column: Column) -> Iterator[Mapping[str, Any]]:
    yield from (result for result in column.saved.behaviours if result["environment"] == column.environment)
    for name, reason in column.saved.document.get("not_judged", {}).items():
        file, behaviour, environment = _parts(name)
        if environment == column.environment:
            yield {
                "file": file,
                "behaviour": behaviour,
                "claim": "",
                "verdict": "not judged",
                "measured": "",
                "message": reason,
            }


def _parts(name: str) -> tuple[str, str, str]:
    """Return file, behaviour and environment of what pytest calls "tests/test_x.py::test_y[loopback-CODE]"."""
    path, _, function = name.partition("::")
    function, _, parameters = function.partition("[")
    environment, _, own = parameters.rstrip("]").partition("-")
    return path.rpartition("/")[2], f"{function}[{own}]" if own else function, environment


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text.removeprefix("test_"))[:80].strip("-")


@dataclass(frozen=True)
class Cause:
    """A cause, "" where none is known, what mends it, and the behaviours that it explains."""

    words: str
    remedy: str
    cards: list[tuple[Row, Card]]


def _failing(rows: Sequence[Row]) -> list[Cause]:
    """Return what does not hold by its causes, the one that explains most first, what is unexplained last."""
    found: dict[str, Cause] = {}
    for row in rows:
        for card in row.cards:
            if card and not card.holds:
                words, remedy = _cause(card)
                found.setdefault(words, Cause(words, remedy, [])).cards.append((row, card))
    return sorted(found.values(), key=lambda cause: (not cause.words, -len(cause.cards)))


def _cause(card: Card) -> tuple[str, str]:
    """Return the cause of a behaviour in words and its remedy: that of the run, which several may have in common."""
    result = card.result
    for common in card.column.saved.document.get("causes", ()):
        explained = [present_id(name) for name in (*common["behaviours"], *common["agree"])]
        if common["suspects"] and result.get("id") in explained:
            return str(common["cause"]), str(common["remedy"])
    known = result.get("suspects")
    return (str(result.get("cause") or ""), str(result.get("remedy") or "")) if known else ("", "")


@dataclass(frozen=True)
class Matrix:
    """Mutants by behaviours: which of them caught which mutant."""

    saved: Saved
    behaviours: Sequence[str]
    mutants: Sequence[tuple[str, str, Sequence[Sequence[Card]]]]
    missed: int

    @classmethod
    def of(cls, saved: Saved, number: int) -> "Matrix":
        """Make the matrix of a report."""
        behaviours = list(dict.fromkeys(control["behaviour"].partition("[")[0] for control in saved.controls))
        cards: dict[str, dict[str, list[Card]]] = {}
        for index, control in enumerate(saved.controls):
            anchor = f"c{number}-{index}-{_slug(control['behaviour'])}"
            name = control["behaviour"].partition("[")[0]
            card = Card(Column(saved, control["environment"]), control, anchor)
            cards.setdefault(str(control["mutant"]), {}).setdefault(name, []).append(card)
        return cls(
            saved,
            behaviours,
            [
                (mutant, saved.mutants.get(mutant, ""), [caught.get(name, []) for name in behaviours])
                for mutant, caught in sorted(cards.items())
            ],
            sum(control["verdict"] != "caught" for control in saved.controls),
        )
