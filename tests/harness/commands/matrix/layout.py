"""The content of the matrix pages, without their appearance: gateways, tables, cells and their notes."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.harness.report.html.rows import mark
from tests.harness.report.wording import words
from tests.harness.subject.not_judged import NOT_HOSTED, word_for
from tests.harness.world.verdict import Verdict

LETTERS = {"loopback": "L", "compose": "C", "kind": "K"}

FEW = 3
"""How many parameters of a behaviour are named; more are counted."""

NOTHING = "·"
"""What an empty cell shows."""

LEGEND = (
    ("holds", "judged, and the promise was kept"),
    ("fails", "judged, and it was not; the note has what was observed and the most likely cause"),
    ("known failure", "it fails as listed in the subject file; the note has the reason"),
    ("library property", "it fails, as every gateway on this version of the library does; the note has the reason"),
    ("fixed upstream", "it holds, although the library was known to fail it"),
    ("unexpectedly passing", "a known failure that holds: the subject file is out of date"),
    ("inconclusive", "something kept the suite from judging"),
    ("unsupported", "the subject file declares that the library lacks the feature"),
    ("not promised", "the gateway does not promise it"),
    ("black box", "needs a configurable gateway (tier 2), and this one is a black box (tier 1)"),
    ("not judged", "skipped for the reason in the note"),
    (NOTHING, "not run: in containers only the core is judged, and no environment can host every behaviour"),
)
"""The meaning of the words in the cells."""

COUNTED = {
    "holds": (Verdict.CONFORMANT, Verdict.FIXED_UPSTREAM),
    "fails": (Verdict.NONCONFORMANT, Verdict.UNEXPECTEDLY_PASSING),
    "known failures": (Verdict.KNOWN_FAILURE,),
    "library properties": (Verdict.LIBRARY_PROPERTY,),
    "inconclusive": (Verdict.INCONCLUSIVE,),
    "not judged": (Verdict.NOT_JUDGED,),
}
"""The figures of a run, and the verdicts that each of them counts."""

NOT_RUN = "left out"
"""The verdict of a run that was impossible."""

_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")
"""Characters that no name of the suite has, and no anchor can have."""

_ISSUE = re.compile(r"\b([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+)#([0-9]+)")

Entry: TypeAlias = "Mapping[str, Any]"
Given: TypeAlias = "str | Entry"
"""A verdict in the document: a word, or an object with details."""


@dataclass(frozen=True)
class Note:
    """Why a verdict is not simply "holds"; `links` are the upstream issues that its reason names."""

    number: int
    gateway: str
    word: str
    reason: str
    seen: str
    suspects: Sequence[str]

    @property
    def links(self) -> Sequence[tuple[str, str]]:
        """Each of these issues, as text and address."""
        found = dict.fromkeys(_ISSUE.findall(self.reason))
        return [
            (f"{repository}#{issue}", f"https://github.com/{repository}/issues/{issue}") for repository, issue in found
        ]


@dataclass(frozen=True)
class Mark:
    """One verdict of a cell: `where` has the letters of its environments, "" if all in its line agree."""

    sign: str
    word: str
    kind: str
    where: str
    notes: Sequence[int]


@dataclass(frozen=True)
class Line:
    """
    One behaviour, or several parameters of one with the same verdicts; an empty cell was never run.

    `where` has the letters of the environments in which it was judged, or could have been.
    """

    words: str
    claim: str
    where: str
    cells: Sequence[Sequence[Mark]]


@dataclass(frozen=True)
class Table:
    """The behaviours of one file, and their notes."""

    theme: str
    lines: Sequence[Line]
    notes: Sequence[Note]


@dataclass(frozen=True)
class Run:
    """One gateway in one environment, and how many behaviours have which verdict there."""

    entry: Entry
    counts: Mapping[str, int]

    @property
    def figures(self) -> list[int]:
        """How many behaviours each column of the first table counts."""
        return [sum(self.counts.get(verdict, 0) for verdict in verdicts) for verdicts in COUNTED.values()]

    @property
    def left_out(self) -> bool:
        """Whether it was impossible, for the reason in its entry."""
        return bool(self.entry["verdict"] == NOT_RUN)


@dataclass(frozen=True)
class Layout:
    """The whole page."""

    gateways: Sequence[str]
    runs: Sequence[Run]
    tables: Sequence[Table]

    @property
    def dates(self) -> str:
        """When it was judged: one day, or the first and the last."""
        days = sorted({run.entry["date"] for run in self.runs})
        return " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "never"


@dataclass
class _Notes:
    """Numbers the notes; notes about one gateway with the same reason share a number on the whole page."""

    known: dict[tuple[object, ...], Note] = field(default_factory=dict)

    def number(self, gateway: str, word: str, verdict: Entry) -> int:
        """Return the number of the note for this verdict, a new one if needed."""
        reason, seen = verdict.get("reason", ""), verdict.get("seen", "")
        suspects = tuple(verdict.get("suspects", ()))
        fresh = Note(len(self.known) + 1, gateway, word, reason, seen, suspects)
        return self.known.setdefault((gateway, word, reason or seen, suspects), fresh).number

    def numbered(self, lines: Sequence[Line]) -> list[Note]:
        """Return the notes that these lines refer to."""
        numbers = {number for line in lines for cell in line.cells for mark in cell for number in mark.notes}
        return [note for note in self.known.values() if note.number in numbers]


@dataclass
class _Group:
    """The environments in which a behaviour of one gateway looks the same, and its notes."""

    where: list[str] = field(default_factory=list)
    notes: dict[int, None] = field(default_factory=dict)


def layout(document: Entry) -> Layout:
    """Lay out the document: a column for each gateway, which holds all its environments."""
    runs = document["runs"]
    judged = [run for run in runs if run["verdict"] != NOT_RUN]
    environments = {run["gateway"]: [other["environment"] for other in judged if _same(other, run)] for run in judged}
    notes = _Notes()
    tables = []
    for file, behaviours in _by_file(document["behaviours"]).items():
        lines = [_line(*alike, runs, environments, notes) for alike in _folded(behaviours)]
        theme = _UNUSUAL.sub("-", file.removeprefix("test_").removesuffix(".py"))
        tables.append(Table(theme, lines, notes.numbered(lines)))
    return Layout(list(environments), [_counted(document, number) for number in range(len(runs))], tables)


def _same(entry: Entry, other: Entry) -> bool:
    return bool(entry["gateway"] == other["gateway"])


def _counted(document: Entry, number: int) -> Run:
    given = [behaviour["verdicts"][number] for behaviour in document["behaviours"]]
    return Run(document["runs"][number], Counter(str(_as_entry(verdict)["verdict"]) for verdict in given if verdict))


def _by_file(behaviours: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for behaviour in behaviours:
        found.setdefault(behaviour["file"], []).append(behaviour)
    return found


def _folded(behaviours: Sequence[Entry]) -> Iterator[tuple[Entry, list[str]]]:
    """Yield each behaviour with its parameters, grouped by equal verdicts everywhere."""
    found: dict[tuple[str, str], tuple[Entry, list[str]]] = {}
    for behaviour in behaviours:
        name, _, parameter = behaviour["behaviour"].partition("[")
        alike = found.setdefault((name, str(behaviour["verdicts"])), (behaviour, []))
        alike[1].extend([parameter.rstrip("]")] if parameter else [])
    yield from found.values()


def _named(behaviour: str, parameters: Sequence[str]) -> str:
    name = words(behaviour.partition("[")[0])
    if not parameters:
        return name
    return f"{name}: {', '.join(parameters)}" if len(parameters) <= FEW else f"{name} ({len(parameters)} times)"


def _line(
    entry: Entry, parameters: Sequence[str], runs: Sequence[Entry], gateways: Mapping[str, list[str]], notes: _Notes
) -> Line:
    verdicts = {gateway: dict(_verdicts(entry, runs, gateway)) for gateway in gateways}
    where = [name for name in LETTERS if any(name in by_environment for by_environment in verdicts.values())]
    cells = [
        _cell(gateway, [name for name in environments if name in where], verdicts[gateway], notes)
        for gateway, environments in gateways.items()
    ]
    return Line(_named(entry["behaviour"], parameters), entry["claim"], _letters(where), cells)


def _verdicts(entry: Entry, runs: Sequence[Entry], gateway: str) -> Iterator[tuple[str, Entry]]:
    """Yield the environments in which a behaviour was judged, or could have been, with its verdict there."""
    for run, given in zip(runs, entry["verdicts"], strict=True):
        if run["gateway"] == gateway and given and word_for(_reason_against(given)) != NOT_HOSTED:
            yield run["environment"], _as_entry(given)


def _cell(gateway: str, everywhere: list[str], verdicts: Mapping[str, Entry], notes: _Notes) -> list[Mark]:
    groups: dict[tuple[str, str, str], _Group] = {}
    for environment, verdict in verdicts.items():
        looks = mark(verdict["verdict"])
        ordinary = word_for(_reason_against(verdict))
        group = groups.setdefault((looks.sign, ordinary or looks.word, looks.kind), _Group())
        group.where.append(environment)
        if verdict["verdict"] != Verdict.CONFORMANT and not ordinary:
            group.notes[notes.number(gateway, looks.word, verdict)] = None
    return [
        Mark(*looks, "" if group.where == everywhere else _letters(group.where), list(group.notes))
        for looks, group in groups.items()
    ]


def _letters(environments: Sequence[str]) -> str:
    return " ".join(LETTERS[name] for name in environments)


def _reason_against(given: Given) -> str:
    """Return why a behaviour was not judged, "" if it was."""
    entry = _as_entry(given)
    return str(entry.get("reason", "")) if entry["verdict"] == Verdict.NOT_JUDGED else ""


def _as_entry(given: Given) -> Entry:
    return {"verdict": given} if isinstance(given, str) else given
