"""How long a replica got no calls while the others did: what an ejection looks like in the ledgers."""

from collections.abc import Sequence

RATE = 25
"""Calls per second for each replica where ejections are judged."""

INTERVAL = 0.2
"""Seconds between two sweeps for outliers, set by the service configs of these behaviours."""

VOLUME = 3
"""
The least calls to a replica between two sweeps for it to be ejected, where the length of an ejection is judged.

A call that ends after the sweep that ejected its replica counts in the next one, and gRFC A50 does not exempt a replica
that is already ejected: that call alone would eject it again, from then on and for longer. grpc-go does just that.
"""

ELSEWHERE = 4
"""Rounds over the other replicas; with fewer calls to them than this, all replicas were without calls."""


def absences(trail: Sequence[tuple[float, str]], name: str, *, over: int, longer_than: float) -> list[float]:
    """
    Return how many seconds a replica was without attempts, each time until it got some again.

    `trail` has the time and the replica of each attempt of a steady load over this many replicas, in order of arrival.
    A time in which the others got no calls either does not count: then the gateway, or this machine, stalled.
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
