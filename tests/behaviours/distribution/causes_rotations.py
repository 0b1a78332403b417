"""What calls that are not in turn have in common: several rotations, or one that begins again."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations_with_replacement, pairwise, permutations

from tests.harness.causes.case import Case, Finding, certain, likely, many, serial, undecided

MOST_ROTATIONS = 8
"""Rotations that are looked for: threads or event loops of one process."""

FEW_ROTATIONS = 3
"""Rotations that are named, among others, although calls at random would look like them now and then."""

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
                probability = _explained(order, following, begun) * hypotheses
                if probability < 1 and (count <= FEW_ROTATIONS or probability < BY_CHANCE):
                    seen = f"{len(order)} attempts went to the replicas as {many(count, 'rotation')} in no fixed order "
                    return _rotating(f"{seen}would send them, each of which is in turn", probability)
    return None


def _rotating(seen: str, probability: float) -> Finding:
    if probability < BY_CHANCE:
        return likely("several_rotations", seen, "a policy of another kind would leave this order soon")
    return undecided(
        ("several_rotations", "wrong_policy"), seen, "more calls: chance leaves the order of rotations soon"
    )


def rotation_for_each_caller(case: Case, seen: str) -> Finding | None:
    """Tell whether the calls of each caller are in turn, or at one replica, and those of all together are not."""
    several = [calls for calls in case.by_caller.values() if len(calls) > 2 * len(case.replicas)]
    reached = [frozenset(attempt.replica for call in calls for attempt in call.attempts) for calls in several]
    if len(set(reached)) > 1 and all(len(replicas) == 1 for replicas in reached):
        because = "each caller reached only one replica, and not all the same one"
        return certain("tied_to_caller", f"{seen}; each of {len(several)} callers reached one replica", because)
    turns = [[call.attempts[0].replica for call in calls if call.attempts] for calls in several]
    size = len(case.replicas)
    if len(turns) < 2 or any(turn[size:] != turn[:-size] or len(set(turn)) != size for turn in turns):
        return None
    seen += f"; those of each of {len(turns)} callers are in turn"
    return likely("several_rotations", seen, "calls that share a rotation overtake each other")


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
