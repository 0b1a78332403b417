"""
How often a failing address is dialled: gRPC's connection backoff.

The algorithm of grpc/grpc doc/connection-backoff.md: the gap between two dials is the initial backoff, then 1.6 times
the previous one up to the maximum, each ± 20 %. All times in seconds.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from tests.harness.subject.promises import JITTER
from tests.harness.world.missed import Complaint, Missed

MULTIPLIER = 1.6


def backoffs(count: int, initial: float, longest: float) -> list[float]:
    """Return the nominal seconds between `count` + 1 dials of an address."""
    return [min(initial * MULTIPLIER**number, longest) for number in range(count)]


def patience(nominal: Sequence[float]) -> float:
    """Return the longest time that dials with these backoffs between them may take."""
    return sum(nominal) * (1 + JITTER)


def medians(dials: Mapping[str, Sequence[float]]) -> list[float]:
    """Return the median over all addresses of the first gap between two dials, of the second, and so on."""
    gaps = [[b - a for a, b in pairwise(times)] for times in dials.values()]
    return [median(nth) for nth in zip(*gaps, strict=False)]


def backoff_faults(dials: Mapping[str, Sequence[float]], nominal: Sequence[float], lag: float) -> list[str]:
    """
    Complain about gaps between dials that are not these backoffs, with their jitter and up to `lag` more.

    The medians over the addresses are judged, and their sum.
    """
    seen = medians(dials)
    if len(seen) < len(nominal):
        return [f"an address was dialled {len(seen) + 1} times instead of {len(nominal) + 1} times"]
    pairs = [*zip(seen, nominal, strict=False), (sum(seen[: len(nominal)]), sum(nominal))]
    since, until = min(times[0] for times in dials.values()), max(times[-1] for times in dials.values())
    excess = [
        (max(backoff * (1 - JITTER) - lag - gap, gap - backoff * (1 + JITTER) - lag), gap, backoff)
        for gap, backoff in pairs
    ]
    return [
        Complaint.of(f"{gap:.3f} s instead of {backoff:.3f} s ± 20 %", Missed(by, since, until))
        for by, gap, backoff in excess
        if by > 0
    ]


def spread(dials: Mapping[str, Sequence[float]]) -> float:
    """Return the largest difference between addresses in the time from the first to the last dial."""
    took = [times[-1] - times[0] for times in dials.values()]
    return max(took) - min(took)
