"""
What a run's syndrome comes to: one cause, two, several that are not told apart, or "not known".

A hypothesis is named if it is at least SURE, explains MOST of the failures, and has few against it: behaviours that
hold although they fail with that cause. It is certain if it is at least CERTAIN, explains all failures, nothing is
against it, and no failure's own rules name another cause. Otherwise the first few that together are SURE are left, if
each explains so much; below that nothing is known.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.harness.causes.case import Sureness
from tests.harness.diagnosis.knowledge import OUTCOME, Knowledge
from tests.harness.diagnosis.matching import CERTAIN, SURE, Hypothesis, Matching
from tests.harness.diagnosis.scoring import Syndrome

MOST = 0.75
"""The share of the failures that a hypothesis explains at least."""

FEW = 0.25
"""How many behaviours may hold that should not, at most, per failure that it explains."""

LEFT = 3
"""Hypotheses that a run may leave; with more of them nothing is known."""


@dataclass(frozen=True)
class Conclusion:
    """
    The diagnosis of a run in one environment, behaviours as "test_x.py::test_y".

    `causes` are those named: none if it is not known, or not decided. `left` are the hypotheses that the sentence is
    about: one that is named, or those that are not told apart. `contradicted` are the failures whose own rules name
    other causes than those `left`, by what they name. `deciding` are behaviours that were not judged and would tell.
    """

    syndrome: Syndrome
    ranked: Sequence[Hypothesis]
    left: Sequence[Hypothesis]
    sureness: Sureness
    contradicted: Mapping[tuple[str, ...], Sequence[str]]
    deciding: Sequence[str]

    @property
    def causes(self) -> tuple[str, ...]:
        """The causes that are named."""
        return self.left[0].causes if len(self.left) == 1 else ()

    @property
    def explained(self) -> set[str]:
        """The failures that what is left explains: any of it, where it is not decided."""
        return {behaviour for one in self.left for behaviour in one.explained}

    @property
    def unexplained(self) -> list[str]:
        """The other failures."""
        explained = self.explained
        return [behaviour for behaviour in self.syndrome.failed if behaviour not in explained]

    def count(self, behaviours: Iterable[str], outcome: str) -> int:
        """Return how many cases of these behaviours came out so."""
        wanted = set(behaviours)
        return sum(one.behaviour in wanted and OUTCOME.get(one.letter) == outcome for one in self.syndrome.observations)


def concluded(syndrome: Syndrome, knowledge: Knowledge, applicable: Iterable[str] | None = None) -> Conclusion | None:
    """Return what a syndrome comes to, None if nothing fails; `applicable` are the behaviours that could be judged."""
    if not syndrome.failed:
        return None
    matching = Matching(syndrome, knowledge)
    ranked = matching.hypotheses()
    left = _left(ranked, len(syndrome.failed))
    deciding = matching.deciding(ranked, applicable) if len(left) != 1 else []
    contradicted = _contradicted(syndrome, {cause for one in left for cause in one.causes}) if left else {}
    certain = len(left) == 1 and left[0].probability >= CERTAIN and not left[0].against and not contradicted
    whole = certain and left[0].explained.keys() >= set(syndrome.failed)
    sureness = Sureness.CERTAIN if whole else Sureness.LIKELY if len(left) == 1 else Sureness.UNDECIDED
    return Conclusion(syndrome, ranked, left, sureness, contradicted, deciding)


def _left(ranked: Sequence[Hypothesis], failures: int) -> Sequence[Hypothesis]:
    """Return the first hypotheses that are sure together; none if they are too many, or one does not fit the run."""
    sums = itertools.accumulate(one.probability for one in ranked[:LEFT])
    enough = next((number for number, total in enumerate(sums, start=1) if total >= SURE), 0)
    fit = all(_fits(one, failures) for one in ranked[:enough])
    return ranked[:enough] if fit else []


def _fits(one: Hypothesis, failures: int) -> bool:
    explained = len(one.explained)
    return explained >= MOST * failures and len(one.against) <= FEW * explained


def _contradicted(syndrome: Syndrome, causes: set[str]) -> Mapping[tuple[str, ...], Sequence[str]]:
    found: dict[tuple[str, ...], list[str]] = {}
    for behaviour, sets in syndrome.named.items():
        for suspects in sets:
            if not causes & set(suspects):
                found.setdefault(suspects, []).append(behaviour)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))
