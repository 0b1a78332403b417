"""
The replicas' ledgers: what really arrived, attempt by attempt.

Each replica writes one JSON line per attempt, flushed when the attempt arrives and so before its answer is sent.
To know that a block has been read completely, place a fence: an order straight to each replica, and read until its line
appears. Everything that the replica wrote before has then been read; nothing waits for the clock.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.harmless import in_one_line
from tests.harness.world.verdict import InconclusiveError

FENCE = "fence-"
"""Orders whose id begins with this are the harness's own and never evidence about the subject."""

CONNECTION_EVENTS = ("connection_opened", "connection_closed")
"""The events in the life of a connection; each has the same `peer` as the attempts over it."""


@dataclass(frozen=True)
class Attempt:
    """
    One attempt as a replica saw it; `arrived` is on the monotonic clock, `deadline_left` in seconds as received.

    `previous_attempts` is None if the attempt carried no grpc-previous-rpc-attempts; `code` is the code that the
    replica was to send, None if it was to hang or to close the connection.
    """

    id: str
    replica: str
    method: str
    previous_attempts: int | None
    peer: str
    deadline_left: float | None
    code: str | None
    arrived: float

    def __repr__(self) -> str:
        """Show what the reader of an assertion wants to know."""
        before = f"{self.previous_attempts or 0} before it"
        return in_one_line(f"<attempt of {self.id} at {self.replica}: {self.code}, {before}>")


class Ledger:
    """The ledger of one replica, read from the file that receives its standard output."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._events: list[dict[str, Any]] = []

    def events(self) -> list[dict[str, Any]]:
        """
        Return every complete line so far, oldest first.

        Raises InconclusiveError for a line that is not a ledger entry: something else writes to the ledger.
        """
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read += len(line)
                    self._events.append(self._event(line))
        return self._events

    def attempts(self, since: float) -> Iterator[Attempt]:
        """Yield the attempts that arrived after the monotonic time `since`, fences excluded."""
        for event in self.events():
            if event["event"] != "attempt" or event["monotonic"] < since or event["id"].startswith(FENCE):
                continue
            yield Attempt(
                id=event["id"],
                replica=event["replica"],
                method=event["method"],
                previous_attempts=event["previous_attempts"],
                peer=event["peer"],
                deadline_left=event["deadline_left"],
                code=event["code"],
                arrived=event["monotonic"],
            )

    def has(self, order_id: str) -> bool:
        """Whether the ledger has an attempt of that order."""
        return any(event.get("id") == order_id for event in reversed(self.events()))

    def _event(self, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or "event" not in event:
            raise InconclusiveError(f"{self.path} holds a line that is not a ledger entry: {line[:200]!r}")
        return event


def connection_events(ledger: Sequence[Mapping[str, Any]], since: float) -> Iterator[Mapping[str, Any]]:
    """
    Yield when the gateway's connections were opened and closed since a monotonic time; those of fences are excluded.

    A connection that was already open counts as opened at that time, with `earlier`. If its replica was killed it is
    never closed, as no process was left to log it.
    """
    for opened, closed, ended in _gateway_connections(ledger):
        if (closed["monotonic"] if closed else ended) < since:
            continue
        before = opened["monotonic"] < since
        yield {**opened, "monotonic": since, "earlier": True} if before else opened
        if closed:
            yield closed


def _gateway_connections(
    ledger: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None, float]]:
    """Yield when each connection was opened, when it was closed, and when it had ended at the latest."""
    present: dict[str, Mapping[str, Any]] = {}
    fences: set[str] = set()
    for event in ledger:
        kind = event["event"]
        if kind == "attempt" and event["id"].startswith(FENCE):
            fences.add(event["peer"])
        elif kind == "connection_opened":
            fences.discard(event["peer"])
            present[event["peer"]] = event
        elif kind == "connection_closed" and event["peer"] in present:
            opened = present.pop(event["peer"])
            if event["peer"] not in fences:
                yield opened, event, event["monotonic"]
        elif kind == "start":  # another process: connections that its predecessor left open ended with it
            yield from ((opened, None, event["monotonic"]) for peer, opened in present.items() if peer not in fences)
            present.clear()
    yield from ((opened, None, math.inf) for peer, opened in present.items() if peer not in fences)
