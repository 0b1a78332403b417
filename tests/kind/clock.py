"""
Ledgers of pods on one clock: ours.

Pods of a kind cluster share the monotonic clock of this machine's kernel. Elsewhere each node has its own clock, and
the offset is measured: an order straight to the replica is sent and answered at known times on our clock, and its line
in the ledger has the time when it arrived on the replica's clock. Each such order bounds the offset from both sides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.world.ledger import Ledger
from tests.harness.world.verdict import InconclusiveError

ORDERS = 7
"""Orders to measure an offset with; the fastest bounds it best."""


@dataclass(frozen=True)
class Offset:
    """What to add to a replica's clock to get ours, in seconds, ± `uncertainty`."""

    seconds: float = 0.0
    uncertainty: float = 0.0

    @classmethod
    def between(cls, bounds: Iterable[tuple[float, float, float]]) -> "Offset":
        """
        Compute it from orders, each sent and answered on our clock, and arrived on the replica's.

        Raises InconclusiveError if they contradict each other: a clock was set, or the clocks run at different rates.
        """
        pairs = [(sent - arrived, answered - arrived) for sent, answered, arrived in bounds]
        low, high = max(low for low, _ in pairs), min(high for _, high in pairs)
        if low > high:
            raise InconclusiveError(f"a replica's clock is out of step with ours by {low - high:.3f} s")
        return cls((low + high) / 2, (high - low) / 2)


class ReplicaLedger(Ledger):
    """The ledger of a replica that lives in one pod after another, each with its own file and clock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._pods: list[tuple[Ledger, Offset, list[dict[str, Any]]]] = []

    def follow(self, path: Path, offset: Offset) -> None:
        """Add the ledger of another pod."""
        self._pods.append((Ledger(path), offset, []))

    def events(self) -> list[dict[str, Any]]:
        """Return every complete line so far, pod by pod, on our clock."""
        for ledger, offset, events in self._pods:
            new = ledger.events()[len(events) :]
            events += [{**event, "monotonic": event["monotonic"] + offset.seconds} for event in new]
        return [event for _, _, events in self._pods for event in events]
