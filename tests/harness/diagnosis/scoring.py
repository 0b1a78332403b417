"""
How well a cause fits a syndrome: for everything observed, how much likelier it is with that cause than with any defect.

Each behaviour that was judged adds the logarithm of that for its outcome (knowledge.py), and each failure for the
causes that its rules name. Rules are as reliable as they claim, by RELIABLE; where trials of a mutant show what they
name for it, their claim counts as half a trial.

The mutants of a cause are equally likely. A cause that has none, or a mutant that was not measured, does as any defect
does, apart from what declares to catch it: that is neither for nor against it.
"""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.harness.diagnosis.dictionary import FAILS, HOLDS, Trial, behaviour_of
from tests.harness.diagnosis.knowledge import SMOOTHING, UNJUDGED, Knowledge, Profile, outcomes

RELIABLE = {"certain": 0.9, "likely": 0.7, "undecided": 0.5}
"""How often the true cause is among those that a rule names, by how sure it is."""

CANNOT_TELL = 0.5
"""How much a behaviour that could not be judged counts: a busy machine has the same effect."""


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

    @classmethod
    def of_trial(cls, trial: Trial) -> "Syndrome":
        """Return what a trial of a row of the dictionary observed."""
        every = ((column, letter.upper(), trial.named.get(column, ("",))) for column, letter in trial.letters.items())
        return cls([Observation(column, letter, named[1:], named[0]) for column, letter, named in every])

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

    def of(self, outcome: str) -> list[str]:
        """Return the behaviours with an outcome."""
        return [behaviour for behaviour, found in self.outcomes.items() if found == outcome]

    @property
    def failed(self) -> list[str]:
        """The behaviours that fail."""
        return self.of(FAILS)


class Scoring:
    """Scores causes by what is known."""

    def __init__(self, syndrome: Syndrome, known: Knowledge) -> None:
        self._syndrome, self._known = syndrome, known

    def cause(self, cause: str) -> tuple[float, Profile | None]:
        """Return the score of a cause, and the mutant of it that fits best, None if it has none."""
        forms: Sequence[Profile | None] = self._known.profiles.get(cause, ()) or [None]
        scores = [self.of({cause: one}) for one in forms]
        highest = max(scores)
        mean = highest + math.log(sum(math.exp(score - highest) for score in scores) / len(scores))
        return mean, forms[scores.index(highest)]

    def of(self, profiles: Mapping[str, Profile | None]) -> float:
        """Return the score of one cause, or of two together, each in one form."""
        return self._outcomes(list(profiles.values())) + self._names(profiles)

    def _outcomes(self, profiles: Sequence[Profile | None]) -> float:
        total = 0.0
        for behaviour, outcome in self._syndrome.outcomes.items():
            usual = self._known.background(behaviour)[outcome]
            weight = CANNOT_TELL if outcome == UNJUDGED else 1.0
            total += weight * math.log(self.chance(profiles, behaviour, outcome) / usual)
        return total

    def chance(self, profiles: Sequence[Profile | None], behaviour: str, outcome: str) -> float:
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
        claim = reliable if cause in suspects else (1 - reliable) * usual
        seen = one.named.get(behaviour) if one else None
        return (seen[suspects] + SMOOTHING * claim) / (seen.total() + SMOOTHING) if seen else claim
