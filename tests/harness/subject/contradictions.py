"""Promises that cannot both be kept: each is refused in one sentence that names what to change."""

from collections.abc import Iterator
from typing import Protocol


class Promised(Protocol):
    """What is looked at of the promises."""

    @property
    def max_attempts(self) -> int:
        """The first one included."""

    @property
    def longest_backoffs(self) -> float:
        """The most seconds that all retries of one call wait in total."""

    @property
    def call_timeout(self) -> float:
        """Seconds; 0 for none."""

    @property
    def per_try_timeout(self) -> float:
        """Seconds; 0 for none."""

    @property
    def hedging(self) -> bool:
        """Whether attempts are sent next to each other."""

    @property
    def retries(self) -> str:
        """Who retries."""


def contradictions(promises: Promised) -> Iterator[str]:
    """Yield a sentence for each two promises that no gateway could both keep."""
    deadline, attempts, backoffs = promises.call_timeout, promises.max_attempts, promises.longest_backoffs
    if deadline and not promises.hedging and backoffs >= deadline:
        yield (
            f"call_timeout is {deadline:g}: the backoffs of max_attempts = {attempts} take up to {backoffs:.3g} s, so "
            "that a call ends before its last attempt; promise the max_attempts that fit, shorter backoffs, or a "
            "longer call_timeout"
        )
    if deadline and promises.per_try_timeout >= deadline:
        yield (
            f"per_try_timeout is {promises.per_try_timeout:g}: must be less than call_timeout, {deadline:g}; leave it "
            "out if attempts may use the whole deadline"
        )
    if promises.hedging and promises.retries == "application":
        yield 'hedging and retries = "application" contradict each other: a call is hedged or retried; leave one out'
    if promises.hedging and attempts == 1:
        yield "max_attempts is 1: with hedging it must be at least 2, the attempts of a call that may run together"
