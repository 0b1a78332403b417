"""
A recorded behaviour, played back: its operations, their results, and what had been seen by when.

The clock is the recorded one and advances with what is played. An operation that is not the next one in the record, or
a bound that exceeds it, cannot be judged: that is inconclusive, never a guess.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tests.harness.evidence.history import Event, History
from tests.harness.evidence.renamed import present_events
from tests.harness.world import verdict
from tests.harness.world.ledger import Attempt
from tests.harness.world.reply import Block, Reply
from tests.harness.world.verdict import InconclusiveError, SubjectWrongError

CHANGED = "the behaviour has changed since the recording"

TOLERANCE = 1e-6
"""Seconds by which two bounds may differ and still count as the same."""


class Tape:
    """The record of one behaviour; all times are on the monotonic clock of the recorded run."""

    def __init__(self, history: History) -> None:
        """Take its events. Raises InconclusiveError if the record cannot be replayed."""
        if not history.of_kind("began"):
            raise InconclusiveError("the recording cannot be replayed: it was made by an older version of the suite")
        if history.of_kind("cut"):
            raise InconclusiveError("the recording cannot be replayed: there were too many events to record them all")
        self.about = history.of_kind("began")[0].members
        if "parts" not in self.about:
            history = History(tuple(present_events(history.events)))
        self._began: float = self.about["monotonic"]
        self.clock = self._began
        self._steps = history.of_kind("operation", "waited")
        self._step_times = [self.when(step) for step in self._steps]
        self._operation_times = [self.when(step) for step in self._steps if step.event == "operation"]
        self._next = 0
        self._reads: dict[tuple[str, str], list[Event]] = defaultdict(list)
        for event in history.of_kind("read"):
            self._reads[event.members["on"], event.members["name"]].append(event)
        self.show(None)
        self._all_replies: dict[str, list[Reply]] = defaultdict(list)  # several where an order was repeated
        for event in history.of_kind("order"):
            self._all_replies[event.members["id"]].append(_reply(event))
        self._replies = {order_id: replies[0] for order_id, replies in self._all_replies.items()}
        self._loads = self._read_loads(history)
        self._attempts: dict[str, list[tuple[int, Attempt]]] = defaultdict(list)
        for number, event in enumerate(history.of_kind("replica attempt")):
            self._attempts[event.members["id"]].append((number, self._attempt(event)))

    def _read_loads(self, history: History) -> "dict[float, _Looks]":
        looks: dict[float, list[Event]] = defaultdict(list)
        for event in history.of_kind("looked"):
            looks[event.members["load"]].append(event)
        answered: dict[float, list[str]] = defaultdict(list)
        for step in self._steps:
            if step.members.get("name") == "end" and "load" in step.members["arguments"]:
                answered[step.members["arguments"]["load"]] += step.members.get("result", [])
        return {
            load: _Looks(looks[load], [self.when(look) for look in looks[load]], answered[load])
            for load in {*looks, *answered}
        }

    def when(self, event: Event) -> float:
        """Return when an event happened, on the recorded clock."""
        return round(self._began + event.at, 9)  # the clock's nanoseconds again

    @property
    def step(self) -> Event | None:
        """The next operation or wait, None at the end of the record."""
        return self._steps[self._next] if self._next < len(self._steps) else None

    # What a behaviour requests

    def is_read(self, on: str, name: str) -> bool:
        """Say whether this was read as a value."""
        return (on, name) in self._reads

    def read(self, on: str, name: str) -> Any:  # noqa: ANN401, any value
        """Return the value at its last read before the next step."""
        reads, step = self._reads[on, name], self.step
        before = len(reads) if step is None else bisect_right(reads, step.at, key=_at)
        return reads[max(before - 1, 0)].members["value"]

    def play(self, on: str, name: str, given: Sequence[Any], named: Mapping[str, Any]) -> Any:  # noqa: ANN401, likewise
        """
        Return the result of an operation, which must be the next step of the record, or raise what it raised.

        A bound called `within` may differ from the recorded one (see `_in_time`).
        """
        step = self.step
        arguments = {**dict(zip(_names(step, len(given)), given, strict=False)), **named}
        if step is None or not _same(step, on, name, arguments):
            given_words = ", ".join(f"{key}={value}" for key, value in arguments.items())
            raise InconclusiveError(f"{CHANGED}: it now calls {name}({given_words}) on {on}, {described(step)}")
        self._next += 1
        self.clock = step.members["ended"]
        if "error" in step.members:
            raise decoded_error(step.members["error"])
        return _in_time(step, arguments)

    def end_of(self, load: float) -> list[str]:
        """Move to the end of a load, wherever that is, and return the orders that were answered by then."""
        for index, step in enumerate(self._steps):
            if step.members.get("name") == "end" and step.members["arguments"] == {"load": load}:
                self._next, self.clock = index + 1, step.members["ended"]
                self.show(None)
        return self._load(load).answered

    def check(self, name: str) -> None:
        """Raise what the recorded operation with this name raised, wherever it is: checking or completing the end."""
        for step in self._steps:
            if step.members.get("name") == name and "error" in step.members:
                raise decoded_error(step.members["error"])

    # The position

    def go_to(self, moment: float) -> None:
        """Move to this moment of the record."""
        self.clock = moment
        self._next = bisect_right(self._step_times, moment)

    def show(self, until: float | None, *, all_answered: bool = False) -> None:
        """
        Show only what had been seen of a load until then, no matter what is played; with None, until the clock.

        With `all_answered` also what had been answered but not looked at.
        """
        self._shown, self._all_answered = until, all_answered

    def changed_after(self, moment: float) -> float:
        """Return when the next operation began after this moment; infinity if none did."""
        index = bisect_left(self._operation_times, moment)
        return self._operation_times[index] if index < len(self._operation_times) else float("inf")

    # What was seen

    def block(self, ids: Sequence[str]) -> Block:
        """Return orders with the attempts that the ledgers had for them by now."""
        again = {order_id: iter(self._all_replies[order_id]) for order_id in ids}
        replies = tuple(next(again[order_id]) for order_id in ids)
        numbered = sorted(
            (number, attempt)
            for order_id in set(ids)
            for number, attempt in self._attempts.get(order_id, ())
            if attempt.arrived <= self.clock
        )
        return Block(replies, tuple(attempt for _, attempt in numbered))

    def replies(self, load: float, *, ended: bool) -> list[Reply]:
        """
        Return the replies of a load that had been seen by now, in sending order; all of them once it has ended.

        Raises what placing one of its orders had raised by then.
        """
        looks = self._load(load)
        if self._shown is None and not ended:
            self._advance(looks)
        until = self.clock if self._shown is None else self._shown
        ids = looks.seen(float("inf") if ended else until)
        if ended:
            ids |= set(looks.answered)
        elif self._all_answered:
            ids |= {order_id for order_id in looks.answered if self._replies[order_id].received <= until}
        return sorted((self._replies[order_id] for order_id in ids), key=lambda reply: reply.sent)

    def unanswered(self, load: float, seen: Sequence[Reply]) -> list[float]:
        """Return when the other orders of a load were sent, if that was before the present look."""
        until = self._shown if self._all_answered and self._shown is not None else self.clock
        known = {reply.id for reply in seen}
        others = (self._replies[order_id] for order_id in self._load(load).answered if order_id not in known)
        return [reply.sent for reply in others if reply.sent <= until]

    def _advance(self, looks: "_Looks") -> None:
        """Advance to the next recorded look, unless another step comes before it."""
        index = bisect_right(looks.times, self.clock)
        if index < len(looks.times) and (self.step is None or looks.events[index].at < self.step.at):
            self.clock = looks.times[index]

    def _load(self, load: float) -> "_Looks":
        return self._loads.get(load) or _Looks([], [], [])

    def _attempt(self, event: Event) -> Attempt:
        names = {field.name for field in fields(Attempt)} - {"arrived"}
        return Attempt(**{name: event.members[name] for name in names}, arrived=self.when(event))


@dataclass
class _Looks:
    """What was seen of a load: its looks, the times of these, and every order that was ever answered."""

    events: Sequence[Event]
    times: Sequence[float]
    answered: list[str]
    _count: int = 0
    _ids: set[str] = field(default_factory=set)

    def seen(self, until: float) -> set[str]:
        """Return the orders whose replies had been seen by then. Raises what placing one had raised by then."""
        count = bisect_right(self.times, until)
        if count < self._count:
            self._count, self._ids = 0, set()
        for look in self.events[self._count : count]:
            if "error" in look.members:
                raise decoded_error(look.members["error"])
            self._ids.update(look.members["replies"])
            self._count += 1
        return set(self._ids)


def described(step: Event | None) -> str:
    """Describe the next recorded step, for an error."""
    if step is None:
        return "and the recording ends"
    if step.event == "waited":
        return f"where the recording waits until {step.members['what']}"
    arguments = ", ".join(f"{key}={value}" for key, value in step.members["arguments"].items())
    return f"where the recording calls {step.members['name']}({arguments}) on {step.members['on']}"


def decoded_error(error: Mapping[str, Any]) -> Exception:
    """Return an exception with the same verdict and the same message."""
    kind = getattr(verdict, error["kind"], None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = SubjectWrongError if error["wrong"] else InconclusiveError
    raised: Exception = kind(error["message"] or error["kind"])
    for note in error["notes"]:
        raised.add_note(note)
    return raised


def _at(event: Event) -> float:
    return event.at


def _reply(event: Event) -> Reply:
    return Reply(**{field.name: event.members[field.name] for field in fields(Reply)})


def _names(step: Event | None, count: int) -> list[str]:
    """Return the names of the positional arguments."""
    known = list(step.members["arguments"]) if step and step.event == "operation" else []
    return [*known[:count], *(f"argument {number + 1}" for number in range(len(known), count))]


def _same(step: Event, on: str, name: str, arguments: Mapping[str, Any]) -> bool:
    if step.event != "operation" or (step.members["on"], step.members["name"]) != (on, name):
        return False
    recorded = step.members["arguments"]
    return {**arguments, "within": None} == {**recorded, "within": None}


def _in_time(step: Event, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401, any value
    """
    Return the result of an operation within today's bound.

    Anything later is None, as in the operation itself. Raises InconclusiveError if the recording did not wait for as
    long as today's bound allows.
    """
    result, bound = step.members.get("result"), arguments.get("within")
    recorded = step.members["arguments"].get("within")
    if bound is None or recorded is None or abs(bound - recorded) <= TOLERANCE:
        return result
    if result is None and bound < recorded:
        return None
    seen = result.get("$object", {}).get("members", {}).get("monotonic") if isinstance(result, dict) else None
    if seen is None:
        raise InconclusiveError(
            f"{step.members['name']} was recorded with a bound of {recorded} s; now it is {bound} s"
        )
    return result if seen <= arguments.get("since", 0.0) + bound else None
