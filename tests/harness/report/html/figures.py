"""The figures of the page about one behaviour: pure functions over its history."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from tests.harness.evidence.history import AskedVerb, Call, History
from tests.harness.world.tally import WINDOW_ROUNDS, first_even_window

RESTORE = "restore"
"""The verb with which an environment gets ready for a behaviour."""

UNDOING = frozenset({"start", "resume", "give readiness"})
"""Verbs that end what an earlier verb did to a replica."""


@dataclass(frozen=True)
class Share:
    """One replica's part: attempts in its ledger, those of them that it did not answer OK, replies that name it."""

    replica: str
    attempts: int
    refused: int
    replies: int


@dataclass(frozen=True)
class Used:
    """
    One connection of the gateway to a replica, and when attempts came over it.

    `opened` is 0 where it was there before; `opened` and `closed` are None where only its attempts tell of it, `closed`
    also while it is open.
    """

    replica: str
    peer: str
    opened: float | None
    closed: float | None
    attempts: tuple[float, ...]

    @property
    def since(self) -> float:
        """The first moment at which it is known to have been there."""
        return self.opened if self.opened is not None else self.attempts[0]

    def until(self, end: float) -> float:
        """Return the last moment at which it is known to have been there; `end` if it was listed and is open."""
        if self.closed is not None:
            return self.closed
        return end if self.opened is not None else self.attempts[-1]


@dataclass(frozen=True)
class Scene:
    """What callers saw from the moment a verb was seen to have taken effect until the next verb; times in seconds."""

    verb: AskedVerb
    until: float
    calls: int
    failed: int
    last_failure: float | None
    even_after: float | None
    over: tuple[str, ...]
    first_call: float | None
    last_call: float | None


def began(history: History) -> float:
    """Return when the environment was ready for the behaviour; 0 where it never was."""
    done = [verb.confirmed for verb in history.verbs if verb.verb == RESTORE and verb.confirmed is not None]
    return done[0] if done else 0.0


def proper(history: History) -> History:
    """Return the history without what happened while the environment was made ready."""
    start = began(history)
    return History(tuple(event for event in history.events if event.at >= start))


def faults(history: History) -> list[AskedVerb]:
    """Return what the behaviour did to the world."""
    return [verb for verb in history.verbs if verb.verb != RESTORE]


def in_ledgers(history: History) -> list[str]:
    """
    Return every replica that was listed or wrote something into its ledger, in the order of their numbers.

    A connection from earlier is not a sign of life: a replica that was killed does not report that its connections
    ended.
    """
    found = {str(name) for event in history.of_kind("listed") for name in event.members["replicas"]}
    found |= {
        str(event.members["replica"])
        for event in history.events
        if event.event.startswith("replica ") and not event.members.get("earlier")
    }
    return sorted(found, key=_numbered)


def names(history: History) -> list[str]:
    """Return every replica that the history tells of; one that only a reply names comes last."""
    known = in_ledgers(history)
    said = {call.served_by for call in history.calls if call.served_by}
    return known + sorted(said - set(known), key=_numbered)


def _numbered(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isascii() and part.isdigit() else 0, part) for part in re.split(r"(\d{1,9})", name)]


def shares(history: History, replicas: Sequence[str]) -> list[Share]:
    """Return the part of each of these replicas in all calls of a history."""
    attempts = Counter(attempt.replica for attempt in history.attempts)
    refused = Counter(attempt.replica for attempt in history.attempts if attempt.code != "OK")
    replies = Counter(call.served_by for call in history.calls)
    return [Share(name, attempts[name], refused[name], replies[name]) for name in replicas]


def scenes(history: History) -> list[Scene]:
    """Return what callers saw of each verb that was seen to have taken effect."""
    confirmed = [verb for verb in faults(history) if verb.confirmed is not None]
    ends = [*(verb.asked for verb in confirmed[1:]), history.events[-1].at if history.events else 0.0]
    return [_scene(history, verb, max(end, verb.confirmed or 0.0)) for verb, end in zip(confirmed, ends, strict=False)]


def _scene(history: History, verb: AskedVerb, until: float) -> Scene:
    since = verb.confirmed or 0.0
    calls = [call for call in history.calls if since <= call.sent < until]
    failures = [call.received - since for call in calls if not call.ok]
    served = [call.served_by if call.ok else None for call in calls]
    over = tuple(sorted({name for name in served[-len(served) // 3 :] if name}, key=_numbered))
    start = first_even_window(served, over) if over else None
    own = [call.sent - since for call in calls if call.served_by == verb.on]
    return Scene(
        verb=verb,
        until=until - since,
        calls=len(calls),
        failed=len(failures),
        last_failure=max(failures, default=None),
        even_after=None if start is None else calls[start].sent - since,
        over=over,
        first_call=min(own, default=None),
        last_call=max(own, default=None),
    )


def connections(history: History) -> list[Used]:
    """Return every connection to a replica, those that only their attempts tell of included."""
    times: dict[tuple[str, str], list[float]] = {}
    for attempt in history.attempts:
        times.setdefault((attempt.replica, attempt.peer), []).append(attempt.at)
    alive = set(in_ledgers(history))
    rows = [
        Used(seen.replica, seen.peer, seen.opened, seen.closed, tuple(times.pop((seen.replica, seen.peer), ())))
        for seen in history.connections
        if seen.replica in alive
    ]
    rows += [Used(replica, peer, None, None, tuple(at)) for (replica, peer), at in times.items()]
    return sorted(rows, key=lambda row: (_numbered(row.replica), row.since))


def per_call(history: History) -> Counter[int]:
    """Return how many calls made how many attempts."""
    return Counter(len(call.attempts) for call in history.calls)


def gaps(history: History) -> list[float]:
    """Return the median seconds before the first, the second, … retry of a call."""
    found: list[list[float]] = []
    for call in history.calls:
        for number, (earlier, later) in enumerate(pairwise(call.attempts)):
            if number == len(found):
                found.append([])
            found[number].append(later.at - earlier.at)
    return [median(gaps_of_one) for gaps_of_one in found]


def said_before(history: History) -> Counter[str]:
    """Return how often attempts reported "none", "1", "2", … attempts before them (grpc-previous-rpc-attempts)."""
    return Counter(
        "none" if attempt.previous_attempts is None else str(attempt.previous_attempts) for attempt in history.attempts
    )


def telling(history: History) -> list[Call]:
    """Return the calls that are not everyday ones: those that failed, were retried, or reached no replica."""
    return [call for call in history.calls if not call.ok or len(call.attempts) != 1]


def states(history: History) -> list[tuple[float, str, str]]:
    """Return when which replica came to which state, by its own ledger."""
    kinds = {"start", "serving", "drain", "not_serving", "grace_over", "exit"}
    found = [(event, event.event.removeprefix("replica ")) for event in history.events]
    return [(event.at, str(event.members.get("replica")), kind) for event, kind in found if kind in kinds]


def reports(history: History) -> list[tuple[float, str]]:
    """Return when the gateway's library reported a new state of its channel, a list of addresses, or a new picker."""
    found = [(event.at, str(event.members["of"])) for event in history.of_kind("library")]
    return [(at, of) for at, of in found if of in {"channel", "resolver", "picker"}]


def subchannels(history: History) -> dict[str, list[tuple[str, float, float | None]]]:
    """Return in which states the library had the subchannels to each replica, since when and until when."""
    changes: dict[str, list[tuple[str, float]]] = {}
    for event in history.of_kind("library"):
        if event.members["of"] == "subchannel" and "replica" in event.members:
            changes.setdefault(str(event.members["replica"]), []).append((str(event.members["state"]), event.at))
    ends = {replica: [*(at for _, at in each[1:]), None] for replica, each in changes.items()}
    return {
        replica: [(state, at, until) for (state, at), until in zip(each, ends[replica], strict=True)]
        for replica, each in changes.items()
    }


def extras(members: Mapping[str, Any]) -> str:
    """Return what else a verb recorded: "moved", "count 4"."""
    own = {"at", "time", "event", "verb", "on"}
    words = [key if value is True else f"{key} {value}" for key, value in members.items() if key not in own and value]
    return ", ".join(words)


def window(over: Sequence[str]) -> int:
    """Return how many calls an even window has."""
    return WINDOW_ROUNDS * len(over)
