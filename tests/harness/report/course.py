"""How far a run is: what is to run and what has, by kind, and about how long the rest takes."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

ENOUGH = 3
"""Tests that have to have run before there is an estimate."""


class Kind(StrEnum):
    """What a test is: a behaviour of the subject, one against a mutant, or a test of the suite itself."""

    BEHAVIOUR = "behaviours"
    CONTROL = "controls"
    OTHER = "tests"


class Course:
    """Counts what is done, and estimates from what that cost how long the rest takes."""

    def __init__(self) -> None:
        self.expected: Counter[Kind] = Counter()
        self.done: Counter[Kind] = Counter()
        self.failed: Counter[Kind] = Counter()
        self._cost = dict.fromkeys(Kind, 0.0)
        self._began: float | None = None

    def expect(self, kinds: Iterable[Kind]) -> None:
        """Take note of everything that is to run, by its kind."""
        self.expected = Counter(kinds)

    def begin(self, now: float) -> None:
        """Take note that the first test begins."""
        self._began = now if self._began is None else self._began

    def finish(self, kind: Kind, seconds: float, *, failed: bool) -> None:
        """Take note of a test that is over, and of what it cost."""
        self.done[kind] += 1
        self.failed[kind] += failed
        self._cost[kind] += seconds

    def elapsed(self, now: float) -> float:
        """Return the seconds since the first test began."""
        return now - self._began if self._began is not None else 0.0

    def left(self, now: float) -> float | None:
        """
        Return about how many seconds the rest takes, None before enough has run to tell.

        A test that is left costs what those of its kind did on average, and as many run side by side as have until now.
        """
        spent, elapsed = sum(self._cost.values()), self.elapsed(now)
        if self.done.total() < ENOUGH or not spent or not elapsed:
            return None
        usual = spent / self.done.total()
        left = {kind: max(0, number - self.done[kind]) for kind, number in self.expected.items()}
        cost = sum(number * self._mean(kind, usual) for kind, number in left.items())
        return cost * elapsed / spent

    def _mean(self, kind: Kind, usual: float) -> float:
        return self._cost[kind] / self.done[kind] if self.done[kind] else usual

    def counts(self) -> list[str]:
        """Return how much of each kind is done: "12 of 62 behaviours, 1 failed"."""
        return [
            f"{self.done[kind]} of {self.expected[kind]} {kind}"
            + (f", {self.failed[kind]} failed" if self.failed[kind] else "")
            for kind in Kind
            if self.expected[kind]
        ]


def about(seconds: float) -> str:
    """Return an estimate as people say it: "about 40 s", "about 3 min", "about 1 h 10 min"."""
    if seconds < 57.5:
        return f"about {max(5, round(seconds / 5) * 5)} s"
    minutes = max(1, round(seconds / 60))
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"
