"""What the pages of the matrix show, without how it looks: gateways, tables, cells and their notes."""

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
"""Parameters of a behaviour that are named; more are counted."""

NOTHING = "·"
"""What an empty cell shows."""

LEGEND = (
    ("holds", "judged, and the promise was kept"),
    ("fails", "judged, and it was not; the note says what was seen and the most likely cause"),
    ("known failure", "it fails as the subject's file says; the note has the reason"),
    ("unexpectedly passing", "a known failure that holds: the subject's file is out of date"),
    ("inconclusive", "something kept the suite from judging"),
    ("unsupported", "the subject's file says that the library has no such feature"),
    ("not promised", "the gateway does not promise it"),
    ("black box", "another configuration is needed, and the gateway takes none (tier 1)"),
    ("not judged", "left out for the reason in the note"),
    (NOTHING, "not run: in containers only the core is judged, and no environment can host every behaviour"),
)
"""What the words in the cells mean."""

COUNTED = {
    "holds": (Verdict.CONFORMANT,),
    "fails": (Verdict.NONCONFORMANT, Verdict.UNEXPECTEDLY_PASSING),
    "known failures": (Verdict.KNOWN_FAILURE,),
    "inconclusive": (Verdict.INCONCLUSIVE,),
    "not judged": (Verdict.NOT_JUDGED,),
}
"""The figures of a run, and the verdicts that each of them counts."""

NOT_RUN = "left out"
"""The verdict of a run that could not be."""

_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")
"""What no name of the suite's own has, and no anchor can have."""

_ISSUE = re.compile(r"\b([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+)#([0-9]+)")

Entry: TypeAlias = "Mapping[str, Any]"
Given: TypeAlias = "str | Entry"
"""A verdict of the document: a word, or an object where there is more to say."""


@dataclass(frozen=True)
class Note:
    """Why something does not simply hold; `links` are the upstream issues that its reason names."""

    number: int
    gateway: str
    word: str
    reason: str
    seen: str
    suspects: Sequence[str]

    @property
    def links(self) -> Sequence[tuple[str, str]]:
        """Each issue that is named, as text and address."""
        found = dict.fromkeys(_ISSUE.findall(self.reason))
        return [
            (f"{repository}#{issue}", f"https://github.com/{repository}/issues/{issue}") for repository, issue in found
        ]


@dataclass(frozen=True)
class Mark:
    """One verdict of a cell: `where` has the letters of its environments, none if all that its line names agree."""

    sign: str
    word: str
    kind: str
    where: str
    notes: Sequence[int]


@dataclass(frozen=True)
class Line:
    """
    One behaviour, or one with several parameters that have the same verdicts; an empty cell was never run.

    `where` has the letters of the environments in which it was judged, or could have been.
    """

    words: str
    claim: str
    where: str
    cells: Sequence[Sequence[Mark]]


@dataclass(frozen=True)
class Table:
    """The behaviours of one file, and the notes to them."""

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
        """Whether there was none, for the reason that its entry gives."""
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
    """Numbers the notes; what is said of one gateway for the same reason has one number on the whole page."""

    known: dict[tuple[object, ...], Note] = field(default_factory=dict)

    def number(self, gateway: str, word: str, verdict: Entry) -> int:
        """Return the number of the note about this, a new one if there was none."""
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
    """The environments in which a behaviour of one gateway looks the same, and what there is to say of it."""

    where: list[str] = field(default_factory=list)
    notes: dict[int, None] = field(default_factory=dict)


def layout(document: Entry) -> Layout:
    """Lay the document out: a column for each gateway, in which its environments stand together."""
    runs = document["runs"]
    judged = [run for run in runs if run["verdict"] != NOT_RUN]
    environments = {run["gateway"]: [one["environment"] for one in judged if _same(one, run)] for run in judged}
    notes = _Notes()
    tables = []
    for file, behaviours in _by_file(document["behaviours"]).items():
        lines = [_line(*alike, runs, environments, notes) for alike in _folded(behaviours)]
        theme = _UNUSUAL.sub("-", file.removeprefix("test_").removesuffix(".py"))
        tables.append(Table(theme, lines, notes.numbered(lines)))
    return Layout(list(environments), [_counted(document, number) for number in range(len(runs))], tables)


def _same(one: Entry, other: Entry) -> bool:
    return bool(one["gateway"] == other["gateway"])


def _counted(document: Entry, number: int) -> Run:
    given = [each["verdicts"][number] for each in document["behaviours"]]
    return Run(document["runs"][number], Counter(str(_as_entry(each)["verdict"]) for each in given if each))


def _by_file(behaviours: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for each in behaviours:
        found.setdefault(each["file"], []).append(each)
    return found


def _folded(behaviours: Sequence[Entry]) -> Iterator[tuple[Entry, list[str]]]:
    """Yield each behaviour with its parameters, those together that have the same verdicts everywhere."""
    found: dict[tuple[str, str], tuple[Entry, list[str]]] = {}
    for each in behaviours:
        name, _, parameter = each["behaviour"].partition("[")
        alike = found.setdefault((name, str(each["verdicts"])), (each, []))
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
    where = [name for name in LETTERS if any(name in each for each in verdicts.values())]
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
