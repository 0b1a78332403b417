"""
Which cause, or which two, make a run come out as it did: the run's syndrome against the fault dictionary.

Causes are scored (scoring.py). Every cause is equally likely beforehand; that it is none of them has the chance
UNKNOWN, and the score 0. A pair of causes fails what either fails, and pays for the second one (SECOND), which is one
that rules name for a failure that the best single cause does not explain. What explains no failure is not ranked.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.harness.causes.settings import CAUSES
from tests.harness.diagnosis.dictionary import FAILS, HOLDS
from tests.harness.diagnosis.knowledge import UNJUDGED, Knowledge, Profile
from tests.harness.diagnosis.scoring import Scoring, Syndrome

UNKNOWN = 0.05
"""How likely it is beforehand that the cause is none that is known."""

SECOND = 0.05
"""How likely it is beforehand that a gateway has a second defect."""

SURE, CERTAIN = 0.8, 0.99
"""From which probability a hypothesis is named, and is called certain."""

KEPT = 5
"""Hypotheses that are ranked, and that a second cause is added to."""


@dataclass(frozen=True)
class Hypothesis:
    """
    One cause, or two, with the probability that it is the true one, and what it explains, by behaviour.

    `explained` fail, with the cause that explains each, `unjudged` could not be judged, and `held` hold as they do with
    it elsewhere, out of `compared`, which hold and were measured there; `against` hold although they fail with every
    mutant of that cause. `mutants` are the measured ones that it is concluded from, none if rules alone name it.
    """

    causes: tuple[str, ...]
    probability: float
    mutants: tuple[str, ...]
    explained: Mapping[str, str]
    unjudged: frozenset[str]
    held: frozenset[str]
    compared: frozenset[str]
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
        self._scoring = Scoring(syndrome, knowledge)

    def hypotheses(self) -> list[Hypothesis]:
        """Return the most probable hypotheses, the best first; none if no known cause explains any failure."""
        named = {cause for sets in self._syndrome.named.values() for suspects in sets for cause in suspects}
        measured = {cause for cause in self._known.profiles if self._fails_with(cause)}
        fits = [_Fit(cause, *self._scoring.cause(cause)) for cause in sorted(named | measured)]
        fits.sort(key=lambda fit: -fit.score)
        if not fits:
            return []
        prior = math.log((1 - UNKNOWN) / len(CAUSES))
        scores: dict[tuple[str, ...], float] = {(fit.cause,): fit.score + prior for fit in fits}
        scores.update(self._pairs(fits, prior))
        ranked = sorted(scores, key=lambda causes: (-scores[causes], causes))[:KEPT]
        highest = scores[ranked[0]]
        total = sum(math.exp(score - highest) for score in (*scores.values(), math.log(UNKNOWN)))
        best = {fit.cause: fit.best for fit in fits}
        return [
            self._hypothesis({cause: best[cause] for cause in causes}, math.exp(scores[causes] - highest) / total)
            for causes in ranked
        ]

    def _fails_with(self, cause: str) -> bool:
        """Say whether some behaviour that fails does so with a mutant of that cause."""
        profiles = self._known.profiles[cause]
        return any(one.share(b, FAILS) >= 0.5 for one in profiles for b in self._syndrome.failed)

    def _pairs(self, fits: Sequence[_Fit], prior: float) -> Mapping[tuple[str, ...], float]:
        """
        Return the scores of pairs: where a failure that the best cause does not explain names a second one.

        Both were measured: what fails with a cause that was not may all be its own doing.
        """
        fits = [fit for fit in fits if fit.best and self._known.is_measured(fit.best)]
        if not fits:
            return {}
        left = [b for b in self._syndrome.failed if not self._explains({fits[0].cause: fits[0].best}, b)]
        seconds = {cause for b in left for suspects in self._syndrome.named.get(b, ()) for cause in suspects}
        found: dict[tuple[str, ...], float] = {}
        for first in fits[:KEPT]:
            for second in (fit for fit in fits if fit.cause in seconds - {first.cause}):
                pair = {one.cause: one.best for one in (first, second)}
                found[tuple(sorted(pair))] = self._scoring.of(pair) + 2 * prior + math.log(SECOND)
        return found

    def _hypothesis(self, profiles: Mapping[str, Profile | None], probability: float) -> Hypothesis:
        seen = self._syndrome
        known = [one for one in profiles.values() if one]
        compared = {b for b in seen.of(HOLDS) if known and all(b in one.cells for one in known)}
        return Hypothesis(
            causes=tuple(profiles),
            probability=probability,
            mutants=tuple(one.mutant for one in known if self._known.is_measured(one)),
            explained={b: cause for b in seen.failed if (cause := self._explains(profiles, b))},
            unjudged=frozenset(
                b for b in seen.of(UNJUDGED) if any(one.share(b, FAILS, UNJUDGED) >= 0.5 for one in known)
            ),
            held=frozenset(b for b in compared if all(one.share(b, HOLDS) >= 0.5 for one in known)),
            compared=frozenset(compared),
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
        best: dict[str, Profile | None] = {
            cause: self._scoring.cause(cause)[1] for one in ranked[:2] for cause in one.causes
        }
        rivals = [[best[cause] for cause in one.causes] for one in ranked[:2]]
        rivals += [[None], [None]]
        first, second = rivals[:2]
        chance = self._scoring.chance
        apart = {b: abs(chance(first, b, FAILS) - chance(second, b, FAILS)) for b in left}
        return sorted((b for b in left if apart[b] >= 0.5), key=lambda b: (-apart[b], b))[:2]
