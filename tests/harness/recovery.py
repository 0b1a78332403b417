"""
Recovery as a measured quantity: what a load saw between a fault and the first even window after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.eventually import eventually
from tests.harness.orders import Load, Reply


@dataclass(frozen=True)
class Recovery:
    """
    The four quantities: `failed` calls, seconds from the fault to the `last_failure` (0 if none) and to the first
    even window, and how many `calls` that is about. That it stays even is judged on a fresh block behind it.
    """

    calls: int
    failed: tuple[Reply, ...]
    last_failure: float
    even_after: float

    def __str__(self) -> str:
        """In words, as the table shows it."""
        failures = f"{len(self.failed)} of {self.calls} calls failed"
        last = f", the last {self.last_failure:.2f} s after" if self.failed else ""
        return f"{failures}{last}; even after {self.even_after:.2f} s"


def recovery(load: Load, *, since: float, over: Sequence[str], within: float) -> Recovery:
    """
    Wait until the load's calls are even over exactly these replicas again, and say what it took.

    `since` is the monotonic time at which the fault, or its end, was confirmed. Raises AssertionError when that
    takes longer than `within` seconds.
    """
    for look in eventually(within=within):
        with look:
            even_after = load.even_after(since, over)
            assert even_after is not None, _not_even(load, since, over)  # noqa: S101  eventually looks for it
    replies = load.answered_since(since)
    failed = tuple(reply for reply in replies if not reply.ok)
    last = max((reply.received - since for reply in failed), default=0.0)
    return Recovery(len(replies), failed, last, even_after or 0.0)


def _not_even(load: Load, since: float, over: Sequence[str]) -> str:
    replies = load.answered_since(since)
    served = [reply.served_by if reply.ok else reply.code for reply in replies]
    latest = served[-4 * len(over) :]
    shares = {str(name): latest.count(name) for name in {*over, *latest}}
    return f"calls are not even over {', '.join(over)}: of the latest {len(latest)}, {shares}"
