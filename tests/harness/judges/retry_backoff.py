"""
The shape of retry backoffs: that they have their jitter, grow by their multiplier, and stop at their maximum.

`waits` are the seconds between the attempts of a call, as the ledgers tell them; one list for each call.
Bounds are computed: a right gateway is accused once in 10^10 runs.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from statistics import median

from tests.harness.subject.promises import TIMER, Promises
from tests.harness.world.ledger import Attempt

FALSE_ALARM = 1e-10
KEPT = 0.75
"""The share of waits that must be close together to count as waits without jitter; the others may be late."""

ASYMMETRY = 0.25
"""The part of the lag by which the machine may delay the median second retry more than the first, or less."""


def waits_of(trails: Sequence[Sequence[Attempt]]) -> list[list[float]]:
    """Return the seconds between the attempts of each call."""
    return [[b.arrived - a.arrived for a, b in pairwise(trail)] for trail in trails]


def at_least(count: int, calls: int, probability: float) -> float:
    """Return how likely it is that at least `count` of so many independent calls have what one has so often."""
    return sum(
        math.comb(calls, number) * probability**number * (1 - probability) ** (calls - number)
        for number in range(count, calls + 1)
    )


@cache
def _greatest(count: int, calls: int, false_alarm: float) -> float:
    """Return the greatest probability with which `count` of `calls` are that rare."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if at_least(count, calls, middle) <= false_alarm else (low, middle)
    return low


def kept(calls: int) -> int:
    """Return how many of so many waits are looked for close together."""
    return math.ceil(KEPT * calls)


def crowded(calls: int) -> float:
    """
    Return the part of the range of jitter in which three quarters of so many waits never lie.

    A window that holds them begins at one of the waits. Each other wait is in it with at most this probability, as it
    is uniform over the range plus a lag of the machine, and no independent lag makes that density greater.
    """
    return _greatest(kept(calls) - 1, calls - 1, FALSE_ALARM / calls)


def narrowest(waits: Sequence[float]) -> float:
    """Return the seconds between the ends of the narrowest window that holds three quarters of the waits."""
    ordered, inside = sorted(waits), kept(len(waits))
    return min(last - first for first, last in zip(ordered, ordered[inside - 1 :], strict=False))


def nth(waits: Sequence[Sequence[float]], retry: int) -> list[float]:
    """Return the waits before retry number `retry`, from 1, of the calls that made it."""
    return [each[retry - 1] for each in waits if len(each) >= retry]


def spreads(waits: Sequence[Sequence[float]], promises: Promises) -> list[tuple[float, float]]:
    """
    Return for each promised retry how close together three quarters of its waits are, and how close they may be.

    The waits before later retries are longer, and their jitter too, while the lag of the machine stays as it is.
    """
    found = []
    for retry in range(1, promises.max_attempts):
        (least, most), those = promises.waits(retry), nth(waits, retry)
        if len(those) > len(waits) / 2:
            found.append((narrowest(those), crowded(len(those)) * (most - least)))
    return found


def jitter_faults(waits: Sequence[Sequence[float]], promises: Promises) -> list[str]:
    """
    Complain of waits before a retry that are closer together than the promised jitter leaves them.

    False alarm: 10^-10 for each retry, however late the machine is, as long as it does not delay most calls to the same
    moment. A bound that is as short as timers are exact is none.
    Missed: waits without jitter where the machine itself delays a quarter of them by more than the bound, 28 ms for
    80 calls and a range of 80 ms; and a jitter that is too wide, of which the shortest wait tells.
    """
    return [
        f"three quarters of the waits before retry {number} lie within {spread * 1000:.1f} ms, "
        f"at least {least * 1000:.1f} ms with jitter"
        for number, (spread, least) in enumerate(spreads(waits, promises), start=1)
        if spread < least and least >= TIMER / 2
    ]


def growth(waits: Sequence[Sequence[float]]) -> float:
    """Return the median over calls of the seconds that the second wait is longer than the first."""
    return median(each[1] - each[0] for each in waits)


def allowed_growth(calls: int, promises: Promises, lag: float, false_alarm: float = FALSE_ALARM) -> tuple[float, float]:
    """Return the fewest and the most seconds of the median growth of so many calls, but for that chance."""
    (least, most), first, second = promises.spread, promises.backoff(1), promises.backoff(2)
    due, halves = (second - first) * (least + most) / 2, [backoff * (most - least) / 2 for backoff in (first, second)]
    rare = _greatest(math.ceil(calls / 2), calls, false_alarm / 2)
    off = _exceeded(rare, min(halves), max(halves)) + ASYMMETRY * lag
    return due - off, due + off


def _exceeded(probability: float, narrow: float, wide: float) -> float:
    """Return what the sum of two uniform numbers, up to ± `narrow` and ± `wide`, exceeds with this probability."""
    corner = narrow + wide - math.sqrt(8 * narrow * wide * probability)
    return corner if corner >= wide - narrow else (1 - 2 * probability) * wide


def growth_faults(waits: Sequence[Sequence[float]], promises: Promises, lag: float) -> list[str]:
    """
    Complain of second waits that are not longer than the first ones by what the multiplier promises.

    The median over calls of their difference is judged. It has no common lag in it: what delays one retry delays the
    other, so a quarter of `lag` is left for the rest. False alarm: 10^-10 by jitter, in addition to that.
    Missed: a multiplier that is wrong by less than these two, ± 0.5 with gRPC's jitter and a short lag.
    """
    grew, (least, most) = growth(waits), allowed_growth(len(waits), promises, lag)
    seen = f"the second waits are {grew * 1000:.0f} ms longer than the first"
    return [] if least <= grew <= most else [f"{seen}, not {least * 1000:.0f} to {most * 1000:.0f} ms"]
