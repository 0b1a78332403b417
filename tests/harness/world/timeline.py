"""
The record of one behaviour: every order, attempt, fault, DNS query and state change, on one clock.

It is written as JSON lines, one event each, sorted by time: `at` is the seconds since the behaviour began, `time` the
wall clock, `event` what happened; the other members depend on the event (docs/reference/reports.md lists them).
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

MOST_EVENTS = 20_000
"""Events of one source that are kept; no behaviour of a right gateway has a tenth of them."""

_CLOCKS = ("time", "monotonic")
"""Members of a recorded event that the timeline writes in its own format."""


class Timeline:
    """Collects events from any thread; times are monotonic until it is written."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._wall = time.time() - self.began
        self._events: list[tuple[float, str, dict[str, object]]] = []
        self._lock = threading.Lock()

    def record(self, event: str, at: float | None = None, **members: object) -> None:
        """Keep one event, at a monotonic time or now."""
        self._keep(time.monotonic() if at is None else at, event, members)

    def _keep(self, at: float, event: str, members: dict[str, object]) -> None:
        with self._lock:
            self._events.append((at, event, members))

    @contextlib.contextmanager
    def verb(self, verb: str, on: str, **members: object) -> Iterator["Verb"]:
        """Record that a verb is requested, and when it was seen to have taken effect."""
        self._keep(time.monotonic(), "asked", {"verb": verb, "on": on, **members})
        yield Verb(self, verb, on)

    def keep(self, prefix: str, events: Sequence[Mapping[str, Any]], since: float | None = None) -> None:
        """
        Keep events that were recorded elsewhere, each with "event" and "monotonic", under names with this prefix.

        Only those since this timeline began, or since another monotonic time; and the first of them if they are many.
        """
        began = self.began if since is None else since
        wanted = [event for event in events if event["monotonic"] >= began]
        for event in wanted[:MOST_EVENTS]:
            members = {key: value for key, value in event.items() if key not in (*_CLOCKS, "event")}
            self._keep(event["monotonic"], f"{prefix}{event['event']}", members)
        if len(wanted) > MOST_EVENTS:
            self.cut(prefix.strip(), len(wanted) - MOST_EVENTS)

    def cut(self, of: str, left_out: int) -> None:
        """Record that some events are not in this timeline, as they were too many."""
        self.record("cut", of=of, left_out=left_out)

    def write(self, path: Path) -> None:
        """Write the events, oldest first."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, path.open("w", encoding="utf-8") as file:
            for at, event, members in sorted(self._events, key=lambda event: event[0]):
                line = {
                    "at": round(at - self.began, 9),
                    "time": round(at + self._wall, 6),
                    "event": event,
                    **members,
                }
                file.write(json.dumps(line, default=str) + "\n")


class Verb:
    """A requested verb whose effect has yet to be seen."""

    def __init__(self, timeline: Timeline, verb: str, on: str) -> None:
        self._timeline = timeline
        self._verb = verb
        self._on = on

    def confirmed(self, at: float) -> float:
        """Record the monotonic time at which it was seen to have taken effect, and return it."""
        self._timeline.record("confirmed", at, verb=self._verb, on=self._on)
        return at
