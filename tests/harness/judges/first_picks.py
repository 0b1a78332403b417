"""Which replica is picked first after a change: over many changes no one replica."""

from collections import Counter
from collections.abc import Sequence

from tests.harness.world.tally import most_failures

CHANGES = 24
"""How often membership changes."""

FALSE_ALARM = 1e-6
"""The probability that a right gateway, which begins each time at random, is accused."""


def calls_between(change: int, replicas: int) -> int:
    """
    Return how many calls follow a change: fewer than there are replicas (or two), and not always the same number.

    A gateway that continues its rotation through a change would otherwise come round to the same replica each time.
    """
    return 1 + (change + change // 4) % max(replicas - 1, 2)


def most_first(over: Sequence[str]) -> int:
    """Return how often one replica may be the first of so many changes (a binomial bound, for each of them)."""
    return most_failures(CHANGES, 1 / len(over), false_alarm=FALSE_ALARM / len(over))


def first_pick_faults(first: Sequence[str | None], over: Sequence[str]) -> list[str]:
    """
    Complain if one replica was the first to be called after too many of the changes.

    A gateway that begins at random is accused with a probability of at most 1e-6, one that continues its rotation never
    (tests/unit/harness/judges/test_first_picks.py). One that always begins with the same replica is missed never; one
    that does so after 9 of 10 changes with 3 % where there are four replicas, 21 % where there are three.
    """
    most = most_first(over)
    return [
        f"{name} was the first to be called after {count} of {len(first)} changes, {most} at most by chance"
        for name, count in sorted(Counter(map(str, first)).items())
        if count > most
    ]
