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

from tests.harness.world.ledger import Ledger, Whose
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


class PodLedger(Ledger):
    """The ledger of one pod, on our clock."""

    def __init__(self, path: Path, offset: Offset, whose: Whose) -> None:
        super().__init__(path, whose)
        self._offset = offset

    def _event(self, line: bytes) -> dict[str, Any]:
        event = super()._event(line)
        return {**event, "monotonic": event["monotonic"] + self._offset.seconds}


class ReplicaLedger(Ledger):
    """The ledger of a replica that lives in one pod after another, each with its own file and clock."""

    def __init__(self, folder: Path, whose: Whose = lambda attempt: attempt) -> None:
        super().__init__(folder, whose)
        self._pods: list[PodLedger] = []

    def follow(self, path: Path, offset: Offset) -> None:
        """Add the ledger of another pod."""
        self._pods.append(PodLedger(path, offset, self.whose))

    def evidence(self) -> list[dict[str, Any]]:
        """Return every complete line so far, pod by pod, on our clock."""
        found = [event for pod in self._pods for event in pod.evidence()]
        self.left_out = sum(pod.left_out for pod in self._pods)
        return found

    def has(self, order_id: str) -> bool:
        """Whether the ledger of a pod has an attempt of that order."""
        return any(pod.has(order_id) for pod in self._pods)

    def answered(self, order_id: str) -> float | None:
        """Return when the last attempt of that order arrived that was to be answered OK, None if none has."""
        return max((at for pod in self._pods if (at := pod.answered(order_id)) is not None), default=None)

    def forget(self, before: float) -> None:
        """Drop what happened before a monotonic time, except for connections that were open then."""
        for pod in self._pods:
            pod.forget(before)

    def _since(self, since: float) -> list[dict[str, Any]]:
        return [event for event in self.events() if event["monotonic"] >= since]  # pods overlap
