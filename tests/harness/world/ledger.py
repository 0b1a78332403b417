"""
The replicas' ledgers: what really arrived, attempt by attempt.

Each replica writes one JSON line per attempt, flushed when the attempt arrives and so before its answer is sent.
To know that a block has been read completely, place a fence: an order straight to each replica, and read until its line
appears. Everything that the replica wrote before has then been read; nothing waits for the clock.
"""

import json
import math
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.harness.harmless import in_one_line
from tests.harness.world.verdict import InconclusiveError

FENCE = "fence-"
"""Orders whose id begins with this are the harness's own and never evidence about the subject."""

CONNECTION_EVENTS = ("connection_opened", "connection_closed")
"""The events in the life of a connection; each has the same `peer` as the attempts over it."""


MOST_EVENTS = 100_000
"""Lines of a ledger that are kept for one behaviour; with more it cannot be judged."""

LARGE = 64 << 20
"""Bytes of a ledger's file; one that has more is emptied when its replica restarts."""


Whose: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]


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
    """
    The ledger of one replica, read from the file that receives its standard output.

    `whose` returns each attempt with the id of its call.
    """

    def __init__(self, path: Path, whose: Whose = lambda attempt: attempt) -> None:
        self.path, self.whose = path, whose
        self.left_out = 0  # the events that were too many to keep
        self.failure = ""  # why the process that writes it no longer can
        self._read = 0
        self._events: list[dict[str, Any]] = []
        self._reached: list[float] = []  # the latest time up to each of them, as two writing threads may swap lines
        self._ids: set[str] = set()
        self._answered: dict[str, float] = {}  # by the id: when the last attempt arrived that was to be answered OK
        self._reading = threading.RLock()  # callers look up their own orders while others are judged

    def events(self) -> list[dict[str, Any]]:
        """
        Return every complete line so far, oldest first, as far as it is not forgotten.

        Raises InconclusiveError for a line that is not a ledger entry, as something else writes to the ledger then, and
        for lines that are too many to keep.
        """
        found = self.evidence()
        if self.left_out:
            raise InconclusiveError(f"{self.path.name} got more than {MOST_EVENTS} entries in one behaviour")
        return found

    def evidence(self) -> list[dict[str, Any]]:
        """Return the same lines, even if not all of them were kept."""
        self._read_on()
        return self._events

    def attempts(self, since: float) -> Iterator[Attempt]:
        """Yield the attempts that arrived after the monotonic time `since`, fences excluded."""
        for event in self._since(since):
            if event["event"] != "attempt" or event["id"].startswith(FENCE):
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
        self._read_on()
        return order_id in self._ids

    def answered(self, order_id: str) -> float | None:
        """Return when the last attempt of that order arrived that was to be answered OK, None if none has."""
        self._read_on()
        return self._answered.get(order_id)

    def forget(self, before: float) -> None:
        """Drop what happened before a monotonic time, except for connections that were open then."""
        with self._reading:
            self._read_on()
            index = bisect_left(self._reached, before)
            events = [*_still_open(self._events[:index]), *self._events[index:]]
            self._events, self._reached, self._ids, self._answered, self.left_out = [], [], set(), {}, 0
            for event in events:
                self._take(event)

    def hand_over(self) -> None:
        """
        Prepare the file for another process; the last one has exited, and its output is read here.

        An unfinished line is removed, so that the next one begins a new line; a large file is emptied.
        """
        self._read_on()
        self.failure = ""
        if self.path.exists():
            self._read = 0 if self._read > LARGE else self._read
            os.truncate(self.path, self._read)

    def _since(self, since: float) -> Sequence[dict[str, Any]]:
        events = self.events()
        return [event for event in events[bisect_left(self._reached, since) :] if event["monotonic"] >= since]

    def _read_on(self) -> None:
        with self._reading:
            self._read_lines()

    def _read_lines(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                event = self._event(line)
                self._take(self.whose(event) if event["event"] == "attempt" else event)
                self._read += len(line)

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "attempt" and (event["id"].startswith(FENCE) or len(self._events) < MOST_EVENTS):
            self._ids.add(event["id"])
            if event["code"] == "OK":
                self._answered[event["id"]] = event["monotonic"]
        if len(self._events) < MOST_EVENTS:
            self._events.append(event)
            self._reached.append(max(event["monotonic"], self._reached[-1] if self._reached else -math.inf))
        else:
            self.left_out += 1

    def _event(self, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not {"event", "monotonic"} <= event.keys():
            raise InconclusiveError(f"{self.path} holds a line that is not a ledger entry: {line[:200]!r}")
        return event


def _still_open(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the opening of each connection that these events leave open, with a fence that was placed over it."""
    left: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        kind = event["event"]
        if kind == "connection_opened":
            left[event["peer"]] = [event]
        elif kind == "attempt" and event["id"].startswith(FENCE) and len(left.get(event["peer"], ())) == 1:
            left[event["peer"]].append(event)
        elif kind == "connection_closed":
            left.pop(event["peer"], None)
        elif kind == "start":
            left.clear()
    return sorted((event for kept in left.values() for event in kept), key=lambda event: event["monotonic"])


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
