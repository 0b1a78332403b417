"""
Judges of distribution: pure functions over who served a block.

A judge returns complaints, an empty list when all is well, so that `assert not rotation_faults(…)` shows them.
Each bound states its false-alarm and its miss probability; tests/unit/harness/world/test_tally.py computes both.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

WINDOW_ROUNDS = 4
"""The rounds over the replicas in an even window."""


@dataclass(frozen=True)
class Tally:
    """Attempts per replica."""

    counts: Mapping[str, int]

    def __str__(self) -> str:
        """As in "10/10/10", with replicas in the order of their names."""
        return "/".join(str(self.counts[name]) for name in sorted(self.counts)) or "none"

    def faults(self, over: Sequence[str], *, spread: int) -> list[str]:
        """
        Complain if the counts of these replicas differ by more than `spread`, or another replica was used.

        With `spread` 1 and one atomic picker the false-alarm probability is 0 at any concurrency, as the picker
        hands out replicas in turn (gRPC C-core round_robin.cc, Picker::Pick). What it misses: a random picker
        passes with 0.28 % at 300 attempts over 3 replicas, so a random picker is left to `rotation_faults`.
        """
        strangers = sorted(set(self.counts) - set(over))
        faults = [f"{name} got {self.counts[name]} attempts and should get none" for name in strangers]
        shares = {name: self.counts.get(name, 0) for name in over}
        if max(shares.values()) - min(shares.values()) > spread:
            faults.append(f"shares {shares} differ by more than {spread}")
        return faults


def rotation_faults(served: Sequence[str | None], over: Sequence[str], *, restarts: int = 0) -> list[str]:
    """
    Complain unless serial calls rotate over exactly these replicas, in the same order in every round (RR-01).

    The rotation may restart `restarts` times: whenever the resolver delivers a list, even an unchanged one, the
    picker is rebuilt and begins at a random replica (gRPC C-core round_robin.cc, Picker; RR-05, RR-08). While
    membership is settled nothing is delivered and `restarts` is 0.

    For a right client the false-alarm probability is 0. A random picker passes N replicas and k rounds without
    restarts with N!/N^N · N^-(N(k-1)), 2.9e-14 for 3 replicas and 30 calls, and with one restart with 3.3e-12.
    """
    if not served:
        return ["no call was made"]
    strangers = sorted({str(replica) for replica in served} - set(over))
    if strangers:
        return [f"some calls were served by {_names(strangers)}, not by {_names(over)}; shares {_shares(served)}"]
    breaks = _rotation_breaks(served, len(over))
    if len(breaks) > restarts:
        where = ", ".join(str(number + 1) for number in breaks[:5])
        complaint = f"{len(breaks)} of {len(served)} calls were out of turn, at most {restarts} may be: calls {where}"
        return [f"{complaint}; shares {_shares(served)}"]
    return []


def _rotation_breaks(served: Sequence[str | None], size: int) -> list[int]:
    """Return the indices of the calls that do not continue the rotation before them, and so begin a new one."""
    breaks: list[int] = []
    start = 0
    for index, replica in enumerate(served):
        place = index - start
        in_turn = replica == served[index - size] if place >= size else replica not in served[start:index]
        if not in_turn:
            breaks.append(index)
            start = index
    return breaks


def even_windows(served: Sequence[str | None], over: Sequence[str]) -> Iterator[int]:
    """
    Yield where even windows begin: four rounds of calls, with 3 to 5 for each replica and no others.

    This is a state to reach, not a judgement: one more or less, because calls of a load may overtake each other.
    """
    size, wanted = WINDOW_ROUNDS * len(over), set(over)
    allowed = range(WINDOW_ROUNDS - 1, WINDOW_ROUNDS + 2)
    counts = Counter(served[:size])
    wrong = {name for name in wanted | set(counts) if name not in wanted or counts[name] not in allowed}
    for start in range(len(served) - size + 1):
        if not wrong:
            yield start
        if start + size < len(served):  # the window moves by one call
            for name, change in ((served[start], -1), (served[start + size], 1)):
                counts[name] += change
                right = counts[name] in allowed if name in wanted else not counts[name]
                (wrong.discard if right else wrong.add)(name)


def first_even_window(served: Sequence[str | None], over: Sequence[str]) -> int | None:
    """Return where the first even window begins, None without one."""
    return next(even_windows(served, over), None)


def calls_until_all(replicas: int, *, false_alarm: float = 1e-6) -> int:
    """
    Return after how many calls each replica has got one, if every call goes to a random one.

    That is the worst that restarts make of a rotation. One of N replicas gets none of m calls with a probability of at
    most N · (1 - 1/N)^m <= N · exp(-m/N), which is `false_alarm` for m = N · ln(N / false_alarm).
    """
    return math.ceil(replicas * math.log(replicas / false_alarm))


def most_failures(calls: int, probability: float, *, false_alarm: float = 1e-6) -> int:
    """Return the smallest bound that independent failures exceed with a probability of at most `false_alarm`."""
    tail = 1.0
    for count in range(calls + 1):
        tail -= math.comb(calls, count) * probability**count * (1 - probability) ** (calls - count)
        if tail <= false_alarm:
            return count
    return calls


def _shares(served: Sequence[str | None]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(Counter(map(str, served)).items()))


def _names(names: Sequence[str | None]) -> str:
    return ", ".join(map(str, names))
