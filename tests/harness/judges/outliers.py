"""How long a replica was without calls while the others had some: what an ejection looks like in the ledgers."""

from collections.abc import Sequence

RATE = 25
"""Calls a second that each replica gets where it is judged who is ejected."""

INTERVAL = 0.2
"""Seconds from one look for outliers to the next, by the service configs of these behaviours."""

VOLUME = 3
"""
Calls to a replica between two looks without which it is not ejected, where it is judged for how long one is.

A call that ends after the look which ejected its replica counts at the next one, and gRFC A50 exempts nobody who is
ejected already: alone it would eject the replica once more, from then on and for longer. So does grpc-go.
"""

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
