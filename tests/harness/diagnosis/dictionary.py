"""
The fault dictionary: what every behaviour makes of every mutant, and of gateways that are right. Data, no opinions.

`dictionary.json`, next to this file, holds it by environment; `make dictionary` measures it. A row is a mutant or a
right gateway, a trial is one run of it, and a column is a case of a behaviour, "test_x.py::test_y[ABORTED]". A cell
that was measured before its mutant or its behaviour changed is aged: it counts until it is measured again.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")

REFERENCE = "reference"
"""The row of the reference gateway, which is right."""

HOLDS, FAILS, UNCLEAR, SKIPPED, KNOWN, NOTHING = "H", "F", "I", "N", "K", "."
"""
The letters of a cell: it holds, fails, could not be judged, found at run time that it cannot judge this gateway, or
fails as is known of the gateway or its library; or there is none. In lower case the cell is aged.
"""


def behaviour_of(column: str) -> str:
    """Return the behaviour of a column: "test_x.py::test_y"."""
    return column.partition("[")[0]


@dataclass(frozen=True)
class Trial:
    """
    One run of a row: when it began, in UTC to the minute, and the letter of each column.

    `named` is what rules named for each failure: how sure they were, and the causes, which may be none.
    """

    began: str
    letters: Mapping[str, str]
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def without(self, columns: Sequence[str]) -> "Trial":
        """Return it without these columns."""
        return Trial(
            self.began,
            {column: letter for column, letter in self.letters.items() if column not in columns},
            {column: causes for column, causes in self.named.items() if column not in columns},
        )

    def aged(self, behaviours: set[str] | None = None) -> "Trial":
        """Return it with the cells of these behaviours aged; None for all of them."""
        letters = {
            column: letter.lower() if behaviours is None or behaviour_of(column) in behaviours else letter
            for column, letter in self.letters.items()
        }
        return Trial(self.began, letters, self.named)


@dataclass(frozen=True)
class Row:
    """A mutant or a right gateway: the digest of its definition, and its trials, the oldest first."""

    digest: str
    trials: tuple[Trial, ...] = ()

    def fresh(self, column: str) -> list[str]:
        """Return the letters of a column that are not aged."""
        found = (trial.letters.get(column, NOTHING) for trial in self.trials)
        return [letter for letter in found if letter.isupper()]

    def counted(self, column: str) -> Counter[str]:
        """Return how often a column came out how, aged cells included."""
        found = (trial.letters.get(column, NOTHING).upper() for trial in self.trials)
        return Counter(letter for letter in found if letter != NOTHING)

    @property
    def columns(self) -> set[str]:
        """The columns of all its trials."""
        return {column for trial in self.trials for column in trial.letters}


@dataclass(frozen=True)
class Dictionary:
    """
    What is known in one environment: the digest of each behaviour, the rows by name, and who declares to catch whom.

    `catches` has for each mutant the columns, or behaviours, that must convict it: each run of the negative controls
    proves them, with the true cause named.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, Row] = field(default_factory=dict)
    catches: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """All columns that some row has, in order."""
        return sorted({column for row in self.rows.values() for column in row.columns})

    def without(self, *rows: str) -> "Dictionary":
        """Return it as if nothing were known of these mutants."""
        return Dictionary(
            self.digests,
            {name: row for name, row in self.rows.items() if name not in rows},
            {name: columns for name, columns in self.catches.items() if name not in rows},
        )

    def in_text(self) -> str:
        """Return it as JSON, a line for each behaviour, column and row, so that a change is a line."""
        columns = self.columns
        place = {column: number for number, column in enumerate(columns)}
        rows = {name: _packed(row, place) for name, row in sorted(self.rows.items())}
        parts = {
            "digests": _lines("{}", dict(sorted(self.digests.items()))),
            "columns": _lines("[]", columns),
            "rows": _lines("{}", rows),
            "catches": _lines("{}", {name: list(found) for name, found in sorted(self.catches.items())}),
        }
        return "{\n" + ",\n".join(f'"{name}": {text}' for name, text in parts.items()) + "\n}"

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> "Dictionary":
        """Return it from JSON."""
        columns = members["columns"]
        rows = {name: _unpacked(row, columns) for name, row in members["rows"].items()}
        return cls(members["digests"], rows, {name: tuple(found) for name, found in members["catches"].items()})


def _packed(row: Row, place: Mapping[str, int]) -> list[Any]:
    return [row.digest, *(_packed_trial(trial, place) for trial in row.trials)]


def _packed_trial(trial: Trial, place: Mapping[str, int]) -> list[Any]:
    letters = "".join(trial.letters.get(column, NOTHING) for column in place)
    named: dict[str, list[int]] = {}
    for column, causes in sorted(trial.named.items()):
        named.setdefault(" ".join(causes), []).append(place[column])
    return [trial.began, letters, named]


def _unpacked(row: Sequence[Any], columns: Sequence[str]) -> Row:
    digest, *trials = row
    return Row(digest, tuple(_unpacked_trial(columns, *trial) for trial in trials))


def _unpacked_trial(columns: Sequence[str], began: str, letters: str, named: Mapping[str, Sequence[int]]) -> Trial:
    found = {column: letter for column, letter in zip(columns, letters, strict=True) if letter != NOTHING}
    causes = {columns[number]: tuple(text.split()) for text, numbers in named.items() for number in numbers}
    return Trial(began, found, causes)


def _lines(brackets: str, members: Mapping[str, Any] | Sequence[Any]) -> str:
    if isinstance(members, Mapping):
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members.items()]
    else:
        lines = [json.dumps(value) for value in members]
    return f"{brackets[0]}\n" + ",\n".join(lines) + f"\n{brackets[1]}" if lines else brackets


@cache
def dictionaries() -> Mapping[str, Dictionary]:
    """Return the dictionary of each environment that has one."""
    return read(FILE)


def read(file: Path) -> Mapping[str, Dictionary]:
    """Return the dictionaries in a file, none if there is no such file. Raises OSError or ValueError."""
    if not file.exists():
        return {}
    return {name: Dictionary.of(members) for name, members in json.loads(file.read_text(encoding="utf-8")).items()}


def write(file: Path, every: Mapping[str, Dictionary]) -> None:
    """Write dictionaries to a file, all of it or nothing, as the process may be stopped any time. Raises OSError."""
    text = ",\n".join(f'"{name}": {dictionary.in_text()}' for name, dictionary in sorted(every.items()))
    beside = file.with_suffix(".new")
    beside.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
    beside.replace(file)


def letter_of(verdict: str) -> str:
    """Return the letter of a verdict."""
    return _LETTERS.get(verdict, KNOWN)


_LETTERS = {
    "conformant": HOLDS,
    "fixed upstream": HOLDS,
    "unexpectedly passing": HOLDS,
    "nonconformant": FAILS,
    "inconclusive": UNCLEAR,
}
