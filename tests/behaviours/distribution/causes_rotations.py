"""What calls that are not in turn have in common: several rotations, or one that begins again."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations_with_replacement, pairwise, permutations

from tests.harness.causes.case import Case, Finding, likely, many, serial

MOST_ROTATIONS = 8
"""Rotations that are looked for: threads or event loops of one process."""

MOST_REPLICAS = 5
"""Replicas beyond which there are too many orders to try."""

BY_CHANCE = 1e-3
"""How rarely calls at random may look like several rotations, or break their turn only after answers of DNS."""

SOON = 0.3
"""Seconds within which a rotation begins again with the list of an answer."""


def several_rotations(case: Case, order: Sequence[str]) -> Finding | None:
    """
    Tell whether calls, placed one after the other, are those of several rotations in any order.

    A rotation is known by whom it picks next. If the picks of so many rotations were seen, each call went to one that
    some rotation had to pick next, which then moved on. Calls at random would not for long.
    """
    replicas = sorted(set(order))
    if not serial(case.calls) or not 2 < len(replicas) <= MOST_REPLICAS:
        return None
    first, *others = replicas
    hypotheses = 0
    for count in range(2, MOST_ROTATIONS + 1):
        for rest in permutations(others):
            ring = (first, *rest)
            following = dict(zip(ring, (*rest, first), strict=True))
            for begun in combinations_with_replacement(ring, count):
                hypotheses += 1
                if _explained(order, following, begun) * hypotheses < BY_CHANCE:
                    seen = f"{len(order)} attempts went to the replicas as {many(count, 'rotation')} in no fixed order "
                    seen += "would send them, each of which is in turn"
                    return likely("several_rotations", seen, "a policy of another kind would leave this order soon")
    return None


def _explained(order: Sequence[str], following: dict[str, str], begun: Sequence[str]) -> float:
    """Return how probable it is that calls at random are explained by these rotations; 1 if they are not."""
    due, probability = Counter(begun), 1.0
    for name in order:
        probability *= sum(count > 0 for count in due.values()) / len(following)
        if due[name] < 1:
            return 1.0
        due[name] -= 1
        due[following[name]] += 1
    return probability


def restarted_rotation(case: Case, polls: float) -> Finding | None:
    """Tell whether the turn was broken only just after answers of DNS, none of which is due by promised `polls`."""
    order = [attempt.replica for attempt in case.attempts]
    followers = Counter(pairwise(order))
    usual = {first: max(set(order), key=lambda second: followers[first, second]) for first in set(order)}
    breaks = [attempt.at for before, attempt in pairwise(case.attempts) if attempt.replica != usual[before.replica]]
    queries = [query.at for query in case.answers or () if query.answer]
    if not breaks or not all(any(at - SOON <= query <= at for query in queries) for at in breaks):
        return None
    lasted = case.attempts[-1].at - case.attempts[0].at
    during = [at for at in queries if case.attempts[0].at <= at <= case.attempts[-1].at]
    if polls or len(during) < 2 or min(1.0, len(during) * SOON / lasted) ** len(breaks) > BY_CHANCE:
        return None
    seen = f"the turn of {len(order)} attempts was broken {many(len(breaks), 'time')}, each within {SOON:g} s after "
    seen += f"one of {many(len(during), 'answer')} of DNS, which nothing had made the gateway query"
    return likely("polling", seen, "a policy that picks at random would break it at other moments too")
