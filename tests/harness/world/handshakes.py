"""The handshakes of a subject over TLS, as the replicas record them (services/order/front.py)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.order.front import COMPLETED
from tests.harness.world.certificates import HANDSHAKES
from tests.harness.world.ledgers import Ledgers
from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import NeverConnectedError

NEVER = "never connected"
"""The event of a timeline with every kind of handshake that failed, where none was ever completed."""


def failed_handshakes(ledgers: Ledgers, since: float) -> list[Mapping[str, object]]:
    """
    Return each kind of handshake since a monotonic time, the most frequent first, if none was completed; else nothing.

    A kind has the `server_name`, the `protocols`, the `outcome`, and the `count` of these.
    """
    seen = [
        (event["server_name"], tuple(event["protocols"]), event["outcome"])
        for event in ledgers.events(HANDSHAKES, since)
        if event["accepted"] >= since
    ]
    if any(outcome == COMPLETED for _, _, outcome in seen):
        return []
    return [
        {"server_name": name, "protocols": list(protocols), "outcome": outcome, "count": count}
        for (name, protocols, outcome), count in Counter(seen).most_common()
    ]


@dataclass(frozen=True)
class NeverConnected:
    """That a subject of the service of this name completed none of these `kinds` of handshakes; none if it did."""

    name: str = ""
    kinds: Sequence[Mapping[str, object]] = ()

    def check(self, timeline: Timeline) -> None:
        """Raise NeverConnectedError, on the record of a behaviour, if there are any."""
        if self.kinds:
            timeline.record(NEVER, name=self.name, handshakes=list(self.kinds))
            raise NeverConnectedError(_in_words(self.kinds))


def _in_words(kinds: Sequence[Mapping[str, object]]) -> str:
    """Say how a subject failed to get a connection, by the most frequent kind."""
    first, total = kinds[0], sum(int(str(kind["count"])) for kind in kinds)
    sent = f"sends the server name {first['server_name']!r}" if first["server_name"] else "sends no server name"
    return (
        f"the subject never got a connection over TLS: it dialled {total} times, and no handshake was completed. "
        f"It {sent}; the handshake ends: {first['outcome']}"
    )
