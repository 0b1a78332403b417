"""
The report as one page: no script, no network, nothing but this file.

Everything that a subject had a say in reaches the page through one template environment that escapes it and makes
visible what is unseen (text.py). The page's own policy forbids scripts and everything from elsewhere.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tests.harness.causes.one_config import written
from tests.harness.report.extent import coverage, headline
from tests.harness.report.html import figures
from tests.harness.report.html.evidence import Evidence
from tests.harness.report.html.folding import SHOWN, alarming, causes, label, themes
from tests.harness.report.html.prices import bills
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.html.rows import Card, Column, columns, mark, rows, slug
from tests.harness.report.html.text import cut, shown
from tests.harness.report.message import abridged, stated
from tests.harness.report.price_table import TITLE
from tests.harness.report.wording import case, counted, many, words
from tests.harness.world.verdict import Verdict

TEMPLATES = Path(__file__).with_name("templates")

SAYS = {
    "conformant": "conforms",
    "nonconformant": "does not conform",
    "inconclusive": "could not be judged",
}


LINES, LINE = 12, 240
"""Lines of a message that a card shows, and characters of each; report.json has them all."""


def render(reports: Sequence[Saved]) -> str:
    """Return the page about one report, or about several side by side."""
    across = list(columns(reports))
    down = list(rows(across))
    return filled(
        "page.html.jinja",
        reports=reports,
        columns=across,
        themes=list(themes(down, across)),
        causes=causes(down),
        remedies=[found["remedy"] for saved in reports for found in saved.document["diagnosis"]],
        configs=[_config(saved, found) for saved in reports if (found := saved.document.get("service_config"))],
        bills=list(bills(reports, down)),
        price_title=TITLE,
        controls=[Matrix.of(saved, number) for number, saved in enumerate(reports) if saved.controls],
    )


def _config(saved: Saved, found: Mapping[str, Any]) -> Mapping[str, Any]:
    fixes = ", ".join(str(name).replace("_", " ") for name in found["fixes"])
    return {**found, "name": saved.name, "fixes": fixes, "text": written(found["config"], pretty=True)}


def filled(template: str, **members: object) -> str:
    """Return a page: this template, with the one style sheet and its digest for the page's policy."""
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _templates().get_template(template)
    return page.render(**members, style=Markup(style), digest=digest)  # noqa: S704, our own file


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "stated": _message,
        "case": case,
        "many": many,
        "words": words,
        "cut": cut,
        "extras": figures.extras,
        "seconds": lambda value: f"{value:.2f} s",
    }
    made.globals |= {"described": described, "sentence": sentence, "mark": mark, "window": figures.window}
    made.globals |= {"headline": headline}
    made.globals |= {"alarming": alarming, "label": label, "most": SHOWN}
    return made


def _message(text: str) -> list[str]:
    """Return the lines of a message that people read, each cut, and of too many the beginning and the end."""
    return [cut(line, LINE) for line in abridged(stated(text), LINES)]


_HOLD = {verdict.value for verdict in Verdict if verdict.holds}


def sentence(saved: Saved) -> str:
    """Return the verdict on a subject in one sentence."""
    reason, about = saved.document.get("reason", ""), coverage(saved.document)
    if not saved.behaviours:
        return f"{saved.name}: {'; '.join(filter(None, [reason or 'no behaviour was judged', about]))}."
    parts = [reason] if reason else []
    for environment in dict.fromkeys(result["environment"] for result in saved.behaviours):
        here = [str(result["verdict"]) for result in saved.behaviours if result["environment"] == environment]
        others = [verdict for verdict in here if verdict != "conformant"]
        held = sum(verdict in _HOLD for verdict in here)
        hold = f"{held} of {many(len(here), 'behaviour')} hold" + "s" * (len(here) == 1)
        parts.append(f"on {environment} {hold}" + (f", {counted(others)}" if others else ""))
    untested = sum(bool(result.get("untested")) for result in saved.behaviours)
    parts += [f"{untested} of those that hold are untested"] if untested else []
    parts += [about] if about else []
    parts += [f"correlation: {found}"] if (found := saved.document.get("correlation")) else []
    return f"{saved.name} {SAYS.get(saved.document['verdict'], 'was judged')}: {'; '.join(parts)}."


def described(seen: Evidence) -> str:
    """Return what a timeline's picture shows, for anyone who cannot see it."""
    parts = [f"{seen.calls} calls, {seen.failed} failed, {seen.attempts} attempts"]
    parts += [f"{share.replica}: {share.attempts} attempts, {share.refused} not OK" for share in seen.shares.rows]
    parts += [f"{scene.verb.verb} {scene.verb.on} confirmed at {scene.verb.confirmed:.2f} s" for scene in seen.scenes]
    return f"{'; '.join(parts)}; {seen.queries.total} DNS queries."


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
            anchor = f"c{number}-{index}-{slug(control['behaviour'])}"
            name = control["behaviour"].partition("[")[0]
            card = Card(Column(saved, control["environment"]), control, anchor)
            cards.setdefault(str(control["mutant"]), {}).setdefault(name, []).append(card)
        wrong = saved.document.get("mutants", {})
        return cls(
            saved,
            behaviours,
            [
                (mutant, str(wrong.get(mutant, "")), [caught.get(name, []) for name in behaviours])
                for mutant, caught in sorted(cards.items())
            ],
            sum(control["verdict"] != "caught" for control in saved.controls),
        )
