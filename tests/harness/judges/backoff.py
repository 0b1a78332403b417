"""
How often an address that fails is dialled: gRPC's connection backoff.

The algorithm of grpc/grpc doc/connection-backoff.md: from one dial to the next the initial backoff, times 1.6 for each
further one up to the longest, each give or take a fifth. All times in seconds.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from tests.harness.subject.promises import JITTER

MULTIPLIER = 1.6


def backoffs(count: int, initial: float, longest: float) -> list[float]:
    """Return the nominal seconds between `count` + 1 dials of an address."""
    return [min(initial * MULTIPLIER**number, longest) for number in range(count)]


def patience(nominal: Sequence[float]) -> float:
    """Return the most that dials with these backoffs between them take."""
    return sum(nominal) * (1 + JITTER)


def medians(dials: Mapping[str, Sequence[float]]) -> list[float]:
    """Return the median over all addresses of the first gap between two dials, of the second one and so on."""
    gaps = [[b - a for a, b in pairwise(times)] for times in dials.values()]
    return [median(nth) for nth in zip(*gaps, strict=False)]


def backoff_faults(dials: Mapping[str, Sequence[float]], nominal: Sequence[float], lag: float) -> list[str]:
    """
    Complain of gaps between dials that are not these backoffs, whose jitter `lag` may be added to.

    Judged are the medians over the addresses, and what they come to together.
    """
    seen = medians(dials)
    if len(seen) < len(nominal):
        return [f"an address was dialled {len(seen) + 1} times instead of {len(nominal) + 1}"]
    pairs = [*zip(seen, nominal, strict=False), (sum(seen[: len(nominal)]), sum(nominal))]
    return [
        f"{gap:.3f} s instead of {backoff:.3f} s, give or take a fifth"
        for gap, backoff in pairs
        if not backoff * (1 - JITTER) - lag <= gap <= backoff * (1 + JITTER) + lag
    ]


def spread(dials: Mapping[str, Sequence[float]]) -> float:
    """Return by how much the time from the first to the last dial differs between the addresses, at most."""
    took = [times[-1] - times[0] for times in dials.values()]
    return max(took) - min(took)
