"""
Which cause, or which two, make a run come out as it did: the run's syndrome against the fault dictionary.

A hypothesis scores, for each behaviour that was judged, the logarithm of how much likelier its outcome is with that
cause than with any defect (knowledge.py), and for each failure of how much likelier the causes are that its rules name.
The mutants of a cause are equally likely. Every cause is equally likely beforehand; that it is none of them has the
chance UNKNOWN, and the score 0. A pair of causes fails what either fails, and pays for the second one (SECOND).

The rules of a behaviour are as reliable as they claim, by RELIABLE; where a mutant's trials show what they name for it,
their claim counts as half a trial.
"""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.harness.causes.settings import CAUSES
from tests.harness.diagnosis.dictionary import FAILS, HOLDS, Trial, behaviour_of
from tests.harness.diagnosis.knowledge import SMOOTHING, UNJUDGED, Knowledge, Profile, outcomes

UNKNOWN = 0.05
"""How likely it is beforehand that the cause is none that is known."""

SECOND = 0.05
"""How likely it is beforehand that a gateway has a second defect."""

RELIABLE = {"certain": 0.9, "likely": 0.7, "undecided": 0.5}
"""How often the true cause is among those that a rule names, by how sure it is."""

CANNOT_TELL = 0.5
"""How much a behaviour that could not be judged counts: a busy machine has the same effect."""

SURE, CERTAIN = 0.8, 0.99
"""From which probability a hypothesis is named, and is called certain."""

KEPT = 5
"""Hypotheses that are ranked, and that a second cause is added to."""


@dataclass(frozen=True)
class Observation:
    """What came of one case of a behaviour: a letter of the dictionary, what its rules named, and how sure they are."""

    column: str
    letter: str
    suspects: tuple[str, ...] = ()
    sureness: str = ""

    @property
    def behaviour(self) -> str:
        """Its behaviour, which it may be one case of many of."""
        return behaviour_of(self.column)


@dataclass(frozen=True)
class Syndrome:
    """All that a run observed in one environment."""

    observations: Sequence[Observation]

    @cached_property
    def outcomes(self) -> Mapping[str, str]:
        """How each behaviour came out."""
        return outcomes((one.column, one.letter) for one in self.observations)

    @cached_property
    def named(self) -> Mapping[str, Mapping[tuple[str, ...], str]]:
        """The causes that the rules of each failing behaviour name, and how sure they are."""
        found: dict[str, dict[tuple[str, ...], str]] = {}
        for one in self.observations:
            if one.letter == FAILS and one.suspects:
                found.setdefault(one.behaviour, {})[one.suspects] = one.sureness
        return found

    @classmethod
    def of_trial(cls, trial: Trial) -> "Syndrome":
        """Return what a trial of a row of the dictionary observed."""
        every = ((column, letter.upper(), trial.named.get(column, ("",))) for column, letter in trial.letters.items())
        return cls([Observation(column, letter, named[1:], named[0]) for column, letter, named in every])

    def of(self, outcome: str) -> list[str]:
        """Return the behaviours with an outcome."""
        return [behaviour for behaviour, found in self.outcomes.items() if found == outcome]

    @property
    def failed(self) -> list[str]:
        """The behaviours that fail."""
        return self.of(FAILS)


@dataclass(frozen=True)
class Hypothesis:
    """
    One cause, or two, with the probability that it is the true one, and what it explains, by behaviour.

    `explained` fail, with the cause that explains each, `unjudged` could not be judged, and `held` hold as they do with
    it elsewhere; `against` hold although they fail with every mutant of that cause. `mutants` are the measured ones
    that it is concluded from, none if rules alone name it.
    """

    causes: tuple[str, ...]
    probability: float
    mutants: tuple[str, ...]
    explained: Mapping[str, str]
    unjudged: frozenset[str]
    held: frozenset[str]
    against: frozenset[str]


@dataclass(frozen=True)
class _Fit:
    """How well a cause fits a syndrome: its score, and the mutant of that cause that fits best, if there is any."""

    cause: str
    score: float
    best: Profile | None


class Matching:
    """Matches a syndrome against what is known."""

    def __init__(self, syndrome: Syndrome, knowledge: Knowledge) -> None:
        self._syndrome, self._known = syndrome, knowledge

    def hypotheses(self) -> list[Hypothesis]:
        """Return the most probable hypotheses, the best first; none if no cause is known, nor named by a rule."""
        named = {cause for sets in self._syndrome.named.values() for suspects in sets for cause in suspects}
        fits = sorted(map(self._fit, {*self._known.profiles, *named}), key=lambda fit: (-fit.score, fit.cause))
        if not fits:
            return []
        prior = math.log((1 - UNKNOWN) / len(CAUSES))
        scores: dict[tuple[str, ...], float] = {(fit.cause,): fit.score + prior for fit in fits}
        scores.update(self._pairs(fits, prior))
        highest = max(scores.values())
        total = sum(math.exp(score - highest) for score in scores.values()) + math.exp(math.log(UNKNOWN) - highest)
        best = {fit.cause: fit.best for fit in fits}
        ranked = sorted(scores, key=lambda causes: (-scores[causes], causes))[:KEPT]
        return [
            self._hypothesis({cause: best[cause] for cause in causes}, math.exp(scores[causes] - highest) / total)
            for causes in ranked
        ]

    def _fit(self, cause: str) -> _Fit:
        """Return how well a cause fits: its mutants are equally likely."""
        every: Sequence[Profile | None] = self._known.profiles.get(cause, ()) or [None]
        scores = [self._outcomes([one]) + self._names({cause: one}) for one in every]
        highest = max(scores)
        mean = highest + math.log(sum(math.exp(score - highest) for score in scores) / len(scores))
        return _Fit(cause, mean, every[scores.index(highest)])

    def _pairs(self, fits: Sequence[_Fit], prior: float) -> Mapping[tuple[str, ...], float]:
        """Return the scores of pairs: where a failure that the best cause does not explain names a second one."""
        left = [b for b in self._syndrome.failed if not self._explains({fits[0].cause: fits[0].best}, b)]
        seconds = {cause for b in left for suspects in self._syndrome.named.get(b, ()) for cause in suspects}
        found: dict[tuple[str, ...], float] = {}
        for first in fits[:KEPT]:
            for second in (fit for fit in fits if fit.cause in seconds - {first.cause}):
                pair = {one.cause: one.best for one in (first, second)}
                score = self._outcomes(list(pair.values())) + self._names(pair)
                found[tuple(sorted(pair))] = score + 2 * prior + math.log(SECOND)
        return found

    def _outcomes(self, profiles: Sequence[Profile | None]) -> float:
        total = 0.0
        for behaviour, outcome in self._syndrome.outcomes.items():
            usual = self._known.background(behaviour)[outcome]
            weight = CANNOT_TELL if outcome == UNJUDGED else 1.0
            total += weight * math.log(self._chance(profiles, behaviour, outcome) / usual)
        return total

    def _chance(self, profiles: Sequence[Profile | None], behaviour: str, outcome: str) -> float:
        """Return how likely an outcome is if all these are wrong with a gateway: one failure is enough."""
        every = [self._known.likely(one, behaviour) for one in profiles]
        if len(every) == 1:
            return every[0][outcome]
        holds = math.prod(one[HOLDS] for one in every)
        unjudged = max(one[UNJUDGED] for one in every)
        shares = {HOLDS: holds, UNJUDGED: unjudged, FAILS: 1 - math.prod(1 - one[FAILS] for one in every)}
        return shares[outcome] / sum(shares.values())

    def _names(self, profiles: Mapping[str, Profile | None]) -> float:
        total = 0.0
        for behaviour, sets in self._syndrome.named.items():
            for suspects, sureness in sets.items():
                fails = [self._known.likely(one, behaviour)[FAILS] for one in profiles.values()]
                named = [self._naming(cause, one, behaviour, suspects, sureness) for cause, one in profiles.items()]
                chance = sum(map(operator.mul, fails, named)) / sum(fails)  # by which of them made it fail
                total += math.log(chance / self._known.usual(suspects)) / len(sets)
        return total

    def _naming(
        self, cause: str, one: Profile | None, behaviour: str, suspects: tuple[str, ...], sureness: str
    ) -> float:
        """Return how likely rules name these for a failure with that cause."""
        reliable, usual = RELIABLE.get(sureness, RELIABLE["undecided"]), self._known.usual(suspects)
        general = reliable if cause in suspects else (1 - reliable) * usual
        seen = one.named.get(behaviour) if one else None
        return (seen[suspects] + SMOOTHING * general) / (seen.total() + SMOOTHING) if seen else general

    def _hypothesis(self, profiles: Mapping[str, Profile | None], probability: float) -> Hypothesis:
        seen = self._syndrome
        known = [one for one in profiles.values() if one]
        return Hypothesis(
            causes=tuple(profiles),
            probability=probability,
            mutants=tuple(one.mutant for one in known if one.mutant in self._known.dictionary.rows),
            explained={b: cause for b in seen.failed if (cause := self._explains(profiles, b))},
            unjudged=frozenset(
                b for b in seen.of(UNJUDGED) if any(one.share(b, FAILS, UNJUDGED) >= 0.5 for one in known)
            ),
            held=frozenset(b for b in seen.of(HOLDS) if known and all(one.share(b, HOLDS) >= 0.5 for one in known)),
            against=frozenset(b for b in seen.of(HOLDS) if any(self._always_fails(cause, b) for cause in profiles)),
        )

    def _explains(self, profiles: Mapping[str, Profile | None], behaviour: str) -> str:
        """Return which of these a behaviour fails with, by its own rules or the mutant's trials; "" if with none."""
        named = {cause for suspects in self._syndrome.named.get(behaviour, ()) for cause in suspects}
        measured = [cause for cause, one in profiles.items() if one and one.share(behaviour, FAILS) >= 0.5]
        return next(iter([*(cause for cause in profiles if cause in named), *measured]), "")

    def _always_fails(self, cause: str, behaviour: str) -> bool:
        cells = [one.cells[behaviour] for one in self._known.profiles.get(cause, ()) if behaviour in one.cells]
        return bool(cells) and all(cell[FAILS] == cell.total() for cell in cells)

    def deciding(self, ranked: Sequence[Hypothesis], applicable: Iterable[str] | None = None) -> list[str]:
        """
        Return the two behaviours that this run has not judged and that tell the first hypothesis from the second best.

        `applicable` are those that apply to the subject; None for all.
        """
        left = self._known.behaviours if applicable is None else self._known.behaviours & set(applicable)
        left -= {behaviour for behaviour, outcome in self._syndrome.outcomes.items() if outcome != UNJUDGED}
        rivals: list[list[Profile | None]] = [*map(self._best_of, ranked), [None], [None]]
        first, second = rivals[:2]
        apart = {b: abs(self._chance(first, b, FAILS) - self._chance(second, b, FAILS)) for b in left}
        return sorted((b for b in left if apart[b] >= 0.5), key=lambda b: (-apart[b], b))[:2]

    def _best_of(self, hypothesis: Hypothesis) -> list[Profile | None]:
        return [self._fit(cause).best for cause in hypothesis.causes]
