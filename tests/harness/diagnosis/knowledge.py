"""
What a dictionary knows of each cause: how likely a behaviour fails with it, and what is named there.

The cases of a behaviour are one: it fails if one of them does. A profile is a mutant; a cause has one for each of its
mutants. Where a mutant was not run against a behaviour that declares to catch it, it counts as one failure that names
the true cause: each run of the negative controls proves that.

Smoothing: a profile's own trials count one each, and what any defect does, the background, counts SMOOTHING.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tests.harness.causes.settings import CAUSES
from tests.harness.diagnosis.dictionary import (
    FAILS,
    HOLDS,
    SKIPPED,
    UNCLEAR,
    Dictionary,
    Row,
    Trial,
    behaviour_of,
)

UNJUDGED = "X"
"""The outcome of a behaviour that could not be judged, for any reason."""

OUTCOMES = (FAILS, HOLDS, UNJUDGED)

SMOOTHING = 0.5
"""Trials that the background counts in a profile."""

RARE, WEIGHT = 0.05, 10
"""How often a behaviour fails, or cannot be judged, for any defect, and how many rows that guess counts."""

MISNAMED = 0.02
"""How often, at least, rules name causes for a failure that has another one: no rule was tried on every defect."""

OUTCOME = {FAILS: FAILS, HOLDS: HOLDS, UNCLEAR: UNJUDGED, SKIPPED: UNJUDGED}
"""The outcome that a letter of a cell stands for; one that is known to fail has none."""


def outcomes(letters: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the outcome of each behaviour, by the letters of its cases: a failure before what was not judged."""
    found: dict[str, str] = {}
    for column, letter in letters:
        outcome = OUTCOME.get(letter.upper(), "")
        before = found.get(behaviour_of(column), HOLDS)
        if outcome:
            found[behaviour_of(column)] = min(before, outcome, key=(FAILS, UNJUDGED, HOLDS).index)
    return found


@dataclass(frozen=True)
class Profile:
    """One mutant with a cause: how often each behaviour came out how, and how often which causes were named there."""

    mutant: str
    cells: Mapping[str, Counter[str]] = field(default_factory=dict)
    named: Mapping[str, Counter[tuple[str, ...]]] = field(default_factory=dict)

    def share(self, behaviour: str, *letters: str) -> float:
        """Return in what share of its trials a behaviour came out as one of these; 0 where there are none."""
        cell = self.cells.get(behaviour, Counter())
        return sum(cell[letter] for letter in letters) / cell.total() if cell.total() else 0.0


def profile(mutant: str, cause: str, row: Row | None, declared: Sequence[str]) -> Profile:
    """Return what is known of a mutant, by its row, if it has one, and by what declares to catch it."""
    cells: dict[str, Counter[str]] = {}
    named: dict[str, Counter[tuple[str, ...]]] = {}
    for trial in row.trials if row else ():
        for behaviour, outcome in outcomes(trial.letters.items()).items():
            cells.setdefault(behaviour, Counter())[outcome] += 1
        for behaviour, causes in _named(trial):
            named.setdefault(behaviour, Counter())[causes] += 1
    for behaviour in map(behaviour_of, declared):
        if behaviour not in cells:
            cells[behaviour], named[behaviour] = Counter(FAILS), Counter([(cause,)])
    return Profile(mutant, cells, named)


def _named(trial: Trial) -> set[tuple[str, tuple[str, ...]]]:
    """Return what was named in a trial for each behaviour: what several cases name counts once."""
    return {(behaviour_of(column), named[1:]) for column, named in trial.named.items() if named[1:]}


@dataclass(frozen=True)
class Knowledge:
    """
    What is known in one environment of each cause, by the `cause` of each mutant.

    `dictionary` may lack rows; mutants that `cause` does not have are none of ours any more.
    """

    dictionary: Dictionary
    cause: Mapping[str, str]

    @cached_property
    def profiles(self) -> Mapping[str, Sequence[Profile]]:
        """The profiles of each cause."""
        found: dict[str, list[Profile]] = {}
        for mutant, declared in self.dictionary.catches.items():
            if cause := self.cause.get(mutant):
                row = self.dictionary.rows.get(mutant)
                found.setdefault(cause, []).append(profile(mutant, cause, row, declared))
        return found

    @cached_property
    def measured(self) -> Sequence[Profile]:
        """The profiles that were measured, which show what a behaviour makes of any defect."""
        return [one for every in self.profiles.values() for one in every if self.is_measured(one)]

    def is_measured(self, one: Profile) -> bool:
        """Say whether a profile is a row, and not only what declares to catch a mutant."""
        return one.mutant in self.dictionary.rows

    @cached_property
    def _declared(self) -> Counter[str]:
        every = (set(map(behaviour_of, columns)) for columns in self.dictionary.catches.values())
        return Counter(behaviour for behaviours in every for behaviour in behaviours)

    @cached_property
    def _met(self) -> Mapping[str, Counter[str]]:
        """How the measured rows came out, by behaviour, each row as one."""
        found: dict[str, Counter[str]] = {}
        for row in self.measured:
            for behaviour, cell in row.cells.items():
                found.setdefault(behaviour, Counter())[cell.most_common(1)[0][0]] += 1
        return found

    @cached_property
    def _kept(self) -> dict[tuple[str, str], Mapping[str, float]]:
        """What was computed, by mutant, "" for any defect, and behaviour: matching needs each many times."""
        return {}

    def background(self, behaviour: str) -> Mapping[str, float]:
        """Return how likely a behaviour comes out how for any defect."""
        if ("", behaviour) not in self._kept:
            self._kept["", behaviour] = self._background(behaviour)
        return self._kept["", behaviour]

    def _background(self, behaviour: str) -> Mapping[str, float]:
        met = self._met.get(behaviour, Counter())
        if met.total() < WEIGHT:  # it is not in the core: all that is known is who declares to be caught
            met = Counter(
                {FAILS: self._declared[behaviour], HOLDS: len(self.dictionary.catches) - self._declared[behaviour]}
            )
        rare = {letter: (met[letter] + RARE * WEIGHT) / (met.total() + WEIGHT) for letter in (FAILS, UNJUDGED)}
        return {**rare, HOLDS: 1 - sum(rare.values())}

    def likely(self, one: Profile | None, behaviour: str) -> Mapping[str, float]:
        """Return how likely a behaviour comes out how for a mutant; for None, as for any defect."""
        usual = self.background(behaviour)
        if one is None or behaviour not in one.cells:
            return usual
        if (one.mutant, behaviour) not in self._kept:
            cell = one.cells[behaviour]
            total = cell.total() + SMOOTHING
            likely = {letter: (cell[letter] + SMOOTHING * usual[letter]) / total for letter in OUTCOMES}
            self._kept[one.mutant, behaviour] = likely
        return self._kept[one.mutant, behaviour]

    @cached_property
    def _all_named(self) -> Counter[tuple[str, ...]]:
        return Counter(causes for every in self.profiles.values() for one in every for causes in self._of(one))

    @staticmethod
    def _of(one: Profile) -> Iterator[tuple[str, ...]]:
        for counts in one.named.values():
            yield from counts

    def usual(self, suspects: tuple[str, ...]) -> float:
        """Return how often a failure for any defect names exactly these causes."""
        share = (self._all_named[suspects] + 0.5) / (self._all_named.total() + 0.5 * len(CAUSES))
        return max(share, MISNAMED)

    @property
    def behaviours(self) -> set[str]:
        """Every behaviour of which something is known."""
        return {behaviour for every in self.profiles.values() for one in every for behaviour in one.cells}
