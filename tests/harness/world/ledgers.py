"""The ledgers of a whole environment, read up to fences: what really arrived, at any replica."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.harness.world.certificates import HANDSHAKES
from tests.harness.world.ledger import CONNECTION_EVENTS, FENCE, Attempt, Ledger, connection_events
from tests.harness.world.timeline import Timeline

LOOK = 0.01
"""Seconds between two looks at ledgers that are written elsewhere."""

HEALTH_QUERY = "health_asked"
"""The ledger event of a client that queries the health of its replica."""


OTHER, STUB = "other_called", "stub_called"
"""The ledger events of calls that are not judged: of a method that is neither judged nor a stub, and of a stub."""

NOT_JUDGED = (OTHER, STUB)


class Witness(Protocol):
    """Anything that the gateway can reach and that keeps a ledger."""

    @property
    def name(self) -> str:
        """What it calls itself in every answer."""

    @property
    def ledger(self) -> Ledger:
        """Every attempt that reached it."""


@dataclass(frozen=True)
class HealthQuery:
    """
    One client's query for the health of a replica: by "Watch", or the first "Check" of its connection.

    `monotonic` is when it arrived, `service` the name that was queried, `peer` its connection as attempts have it.
    """

    monotonic: float
    replica: str
    peer: str
    by: str
    service: str


@dataclass(frozen=True)
class Handshake:
    """
    One handshake of TLS with a replica: the server name that the client sent, "" for none, and how it ended.

    `accepted` is when its connection was, on the monotonic clock. `outcome` is "completed", or why it was not
    (services/order/front.py).
    """

    accepted: float
    replica: str
    server_name: str
    outcome: str


class Ledgers:
    """The ledgers of everything that `known` returns; `fence` reads each of them up to now."""

    def __init__(
        self, known: Callable[[], Sequence[Witness]], listed: Callable[[], Sequence[Witness]], fence: Callable[[], None]
    ) -> None:
        self._known, self._listed, self._fence = known, listed, fence

    def fence(self) -> None:
        """Read every ledger up to now."""
        self._fence()

    def attempts(self, since: float) -> list[Attempt]:
        """Return every attempt that arrived since a monotonic time."""
        self._fence()
        return self.attempts_so_far(since)

    def attempts_so_far(self, since: float) -> list[Attempt]:
        """Return the attempts that arrived since a monotonic time, as far as the ledgers were written."""
        return [attempt for witness in self._known() for attempt in witness.ledger.attempts(since)]

    def served_by(self, order_id: str, within: float = 0.0) -> str | None:
        """
        Return the replica that answered an order, as far as the ledgers were written; None if none has.

        A replica writes an attempt before it answers it; `within` are the seconds that a line takes from there to here.
        """
        deadline = time.monotonic() + within
        while True:
            found = [(at, one.name) for one in self._known() if (at := one.ledger.answered(order_id)) is not None]
            if found or time.monotonic() >= deadline:
                return max(found)[1] if found else None
            time.sleep(LOOK)  # a container's output has no event

    def raw_attempts(self, since: float) -> list[dict[str, Any]]:
        """Return the lines of all attempts that arrived since a monotonic time, fences excluded."""
        self._fence()
        return [event for event in self.events("attempt", since) if not event["id"].startswith(FENCE)]

    def calls(self, since: float) -> list[dict[str, Any]]:
        """Return the lines of all calls that arrived since a monotonic time, of any method, in order of arrival."""
        attempts = self.raw_attempts(since)
        others = [event for kind in NOT_JUDGED for event in self.events(kind, since)]
        return sorted([*attempts, *others], key=lambda event: float(event["monotonic"]))

    def events(self, kind: str, since: float) -> list[dict[str, Any]]:
        """Return what the ledgers hold of a kind since a monotonic time, as far as they were read."""
        every = [event for witness in self._known() for event in witness.ledger.events()]
        return [event for event in every if event["event"] == kind and event["monotonic"] >= since]

    def connections_opened(self, since: float) -> dict[str, int]:
        """Return how many connections the gateway has opened to each listed replica since a monotonic time, by name."""
        self._fence()
        found = {witness.name: connection_events(witness.ledger.events(), since) for witness in self._listed()}
        return {
            name: sum(event["event"] == "connection_opened" and not event.get("earlier") for event in events)
            for name, events in found.items()
        }

    def connections(self, since: float) -> list[Mapping[str, Any]]:
        """Return what the ledgers hold of connections that the gateway had since a monotonic time, as far as read."""
        ledgers = [witness.ledger.events() for witness in self._known()]
        return [event for events in ledgers for event in connection_events(events, since)]

    def health_queries(self, since: float) -> list[HealthQuery]:
        """Return the health queries that the replicas received since a monotonic time, oldest first."""
        self._fence()
        names = ("monotonic", "replica", "peer", "by", "service")
        found = [
            HealthQuery(**{name: event[name] for name in names})
            for witness in self._known()
            for event in witness.ledger.events()
            if event["event"] == HEALTH_QUERY and event["monotonic"] >= since
        ]
        return sorted(found, key=lambda query: query.monotonic)

    def handshakes(self, since: float) -> list[Handshake]:
        """Return the handshakes of TLS on connections that were accepted since a monotonic time, oldest first."""
        self._fence()
        names = ("accepted", "replica", "server_name", "outcome")
        found = [Handshake(**{name: event[name] for name in names}) for event in self.events(HANDSHAKES, since)]
        return sorted((one for one in found if one.accepted >= since), key=lambda handshake: handshake.accepted)

    def forget(self, before: float) -> None:
        """Drop what happened before a monotonic time, as far as nothing after it depends on it."""
        for witness in self._known():
            witness.ledger.forget(before)

    def keep_evidence(self, timeline: Timeline) -> None:
        """Add to the timeline what the ledgers hold for it, as far as they were read."""
        for witness in self._known():
            events = witness.ledger.evidence()
            timeline.keep("replica ", [event for event in events if event["event"] not in CONNECTION_EVENTS])
            timeline.keep("replica ", list(connection_events(events, timeline.began)))
            if witness.ledger.left_out:
                timeline.cut(witness.name, witness.ledger.left_out)
