"""How long a replica was without calls while the others had some: what an ejection looks like in the ledgers."""

from collections.abc import Sequence

ELSEWHERE = 4
"""Rounds over the other replicas; with fewer calls than these to them, all of them were without calls."""


def absences(trail: Sequence[tuple[float, str]], name: str, *, over: int, longer_than: float) -> list[float]:
    """
    Return for how many seconds a replica was without attempts, each time that it got some again.

    `trail` has the time and the replica of each attempt of a steady load over so many replicas, in order of arrival.
    A time in which the others got no calls either does not count: then the gateway, or this machine, stood still.
    """
    found = []
    since, others = None, 0
    for at, replica in trail:
        if replica != name:
            others += 1
            continue
        if since is not None and at - since > longer_than and others >= ELSEWHERE * (over - 1):
            found.append(at - since)
        since, others = at, 0
    return found
