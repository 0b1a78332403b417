"""
The history of one behaviour, from its timeline.jsonl: the input of causes, the report and a replay.

All times are seconds since the behaviour began, on one clock. Calls and attempts are joined by the order id.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.harness.evidence.saved_files import parsed
from tests.harness.world.ledger import FENCE

OPENED, CLOSED = "replica connection_opened", "replica connection_closed"
"""The timeline's events for the connections in a replica's ledger."""


@dataclass(frozen=True)
class Event:
    """One line of a timeline; which `members` it has depends on the event (docs/reference/reports.md)."""

    at: float
    event: str
    members: Mapping[str, Any]


@dataclass(frozen=True)
class SeenAttempt:
    """One attempt as a replica's ledger has it; `previous_attempts` is None if the attempt carried no number."""

    at: float
    id: str
    replica: str
    peer: str
    previous_attempts: int | None
    deadline_left: float | None
    code: str | None


@dataclass(frozen=True)
class Call:
    """
    One order, its outcome, and its attempts in order of arrival.

    `status` is None if there was no HTTP reply (`received` is then when the caller gave up), `code` if it cannot be
    determined. `caller` numbers the connections that the orders of one block came over.
    """

    id: str
    sent: float
    received: float
    status: int | None
    code: str | None
    served_by: str | None
    message: str
    caller: int = 0
    attempts: tuple[SeenAttempt, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the order was served."""
        return self.code == "OK"


@dataclass(frozen=True)
class AskedVerb:
    """A requested verb; `confirmed` is None if it was never seen to have taken effect."""

    verb: str
    on: str
    asked: float
    confirmed: float | None
    members: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SeenQuery:
    """One query to the name server, if that is ours."""

    at: float
    name: str
    kind: str
    answer: tuple[str, ...]
    rcode: str


@dataclass(frozen=True)
class Connection:
    """
    One connection of the gateway to a replica; `closed` is None while it is open.

    One that is `earlier` was made before the behaviour began, maybe by the gateway of the last one.
    """

    replica: str
    peer: str
    opened: float
    closed: float | None
    earlier: bool = False


@dataclass(frozen=True)
class History:
    """Every event of one behaviour, oldest first."""

    events: tuple[Event, ...]

    @classmethod
    def read(cls, path: Path) -> "History":
        """Read a timeline.jsonl. Raises OSError if there is none, ValueError for a line that is not an event."""
        return cls.in_text(path.read_text(encoding="utf-8"))

    @classmethod
    def in_text(cls, text: str) -> "History":
        """Read the text of one, maybe from elsewhere. Raises ValueError for a line that is not an event."""
        return cls.of(_event(line) for line in text.split("\n") if line)

    @classmethod
    def of(cls, lines: Iterable[Mapping[str, Any]]) -> "History":
        """Build a history from the lines of a timeline."""
        events = (Event(line["at"], line["event"], line) for line in lines)
        return cls(tuple(sorted(events, key=lambda event: event.at)))

    def of_kind(self, *kinds: str) -> list[Event]:
        """Return the events of these kinds."""
        if len(kinds) == 1:
            return list(self._by_kind.get(kinds[0], ()))
        return [event for event in self.events if event.event in kinds]

    @cached_property
    def _by_kind(self) -> Mapping[str, Sequence[Event]]:
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            found[event.event].append(event)
        return found

    @cached_property
    def attempts(self) -> tuple[SeenAttempt, ...]:
        """Every attempt in the ledgers, in order of arrival; the suite's own fences are excluded."""
        names = ("id", "replica", "peer", "previous_attempts", "deadline_left", "code")
        return tuple(
            SeenAttempt(event.at, **{name: event.members[name] for name in names})
            for event in self.of_kind("replica attempt")
            if not event.members["id"].startswith(FENCE)
        )

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every order, in sending order, with its attempts."""
        trails: dict[str, list[SeenAttempt]] = {}
        for attempt in self.attempts:
            trails.setdefault(attempt.id, []).append(attempt)
        names = ("id", "status", "code", "served_by", "message")
        return tuple(
            Call(
                **{name: event.members[name] for name in names},
                sent=event.at,
                received=event.at + event.members["received"] - event.members["sent"],
                caller=event.members.get("caller", 0),
                attempts=tuple(trails.get(event.members["id"], ())),
            )
            for event in self.of_kind("order")
        )

    @cached_property
    def verbs(self) -> tuple[AskedVerb, ...]:
        """Every requested verb, in that order, including those that are part of another one."""
        confirmed: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        for sighting in self.of_kind("confirmed"):
            confirmed[_key(sighting)].append(sighting.at)
        found = []
        for event in self.of_kind("asked"):
            seen = confirmed[_key(event)]
            while seen and seen[0] < event.at:
                seen.popleft()
            found.append(AskedVerb(*_key(event), event.at, seen.popleft() if seen else None, event.members))
        return tuple(found)

    @cached_property
    def queries(self) -> tuple[SeenQuery, ...]:
        """Every query to the name server; none if the name server is not ours."""
        names = ("name", "kind", "rcode")
        return tuple(
            SeenQuery(event.at, **{name: event.members[name] for name in names}, answer=tuple(event.members["answer"]))
            for event in self.of_kind("dns query")
        )

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """
        Every connection of the gateway that a replica reported, in the order opened; fences' are excluded.

        A killed replica reports no end: its connections count as closed when it was seen to be down, or restarted.
        """
        fences = {attempt.members["peer"] for attempt in self.of_kind("replica attempt") if _is_fence(attempt)}
        closed: dict[tuple[str, ...], list[float]] = defaultdict(list)  # by the connection, and by the replica
        for closing in self.of_kind(CLOSED):
            closed[closing.members["replica"], closing.members["peer"]].append(closing.at)
        for event in self.of_kind("replica start", "confirmed"):
            if event.event != "confirmed":
                closed[event.members["replica"],].append(event.at)
            elif _ends(event):
                closed[event.members["on"],].append(event.at)
        found = []
        for opening in self.of_kind(OPENED):
            replica, peer, at = opening.members["replica"], opening.members["peer"], opening.at
            if peer not in fences:
                ends = [_first_from(at, closed.get(key, ())) for key in ((replica, peer), (replica,))]
                end = min((each for each in ends if each is not None), default=None)
                found.append(Connection(replica, peer, at, end, earlier=opening.members.get("earlier", False)))
        return tuple(found)

    @cached_property
    def log(self) -> tuple[tuple[float, str], ...]:
        """The gateway's output, line by line: when, and the line."""
        return tuple((event.at, event.members["line"]) for event in self.of_kind("gateway log"))


def _event(line: str) -> Mapping[str, Any]:
    """Return a line of a timeline. Raises ValueError if it is not an event."""
    event = parsed(line)
    if not _is_event(event):
        raise ValueError("a line is not an event: it has no time or no name")
    found: Mapping[str, Any] = event
    return found


def _is_event(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("at"), (int, float)) and isinstance(value.get("event"), str)


def _key(event: Event) -> tuple[str, str]:
    return event.members["verb"], event.members["on"]


def _first_from(at: float, times: Sequence[float]) -> float | None:
    """Return the first of these times, which are in order, that is not before another."""
    index = bisect_left(times, at)
    return times[index] if index < len(times) else None


def _ends(event: Event) -> bool:
    return event.members["verb"] in {"kill", "stop"}


def _is_fence(event: Event) -> bool:
    return bool(event.members["id"].startswith(FENCE))
