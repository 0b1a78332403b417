"""
A recorded behaviour, played back: its operations, their results, and what had been seen by when.

The clock is the recorded one and advances with what is played. An operation that is not the next one in the record, or
a bound that exceeds it, cannot be judged: that is inconclusive, never a guess.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from tests.harness.evidence.history import Event, History
from tests.harness.evidence.recording import COMPLETE
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
        self.about = history.of_kind("began")[0].members
        if "parts" not in self.about:
            history = History(tuple(present_events(history.events)))
        self._began: float = self.about["monotonic"]
        self.clock = self._began
        self._steps = history.of_kind("operation", "waited")
        self._next = 0
        self._reads: dict[tuple[str, str], list[Event]] = defaultdict(list)
        for event in history.of_kind("read"):
            self._reads[event.members["on"], event.members["name"]].append(event)
        self._looks = history.of_kind("looked")
        self.show(None)
        self._replies = {event.members["id"]: _reply(event) for event in history.of_kind("order")}
        self._attempts = [self._attempt(event) for event in history.of_kind("replica attempt")]

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
        reads = self._reads[on, name]
        before = [event for event in reads if self.step is None or event.at <= self.step.at]
        return (before[-1] if before else reads[0]).members["value"]

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
        return self._answered(load)

    def check_completed(self) -> None:
        """Raise what completing the evidence raised."""
        for step in self._steps:
            if step.members.get("name") == COMPLETE and "error" in step.members:
                raise decoded_error(step.members["error"])

    # The position

    def go_to(self, moment: float) -> None:
        """Move to this moment of the record."""
        self.clock = moment
        self._next = bisect_right([self.when(step) for step in self._steps], moment)

    def show(self, until: float | None, *, all_answered: bool = False) -> None:
        """
        Show only what had been seen of a load until then, no matter what is played; with None, until the clock.

        With `all_answered` also what had been answered but not looked at.
        """
        self._shown, self._all_answered = until, all_answered

    def changed_after(self, moment: float) -> float:
        """Return when the next operation began after this moment; infinity if none did."""
        later = (self.when(step) for step in self._steps if step.event == "operation")
        return min((began for began in later if began >= moment), default=float("inf"))

    # What was seen

    def block(self, ids: Sequence[str]) -> Block:
        """Return orders with the attempts that the ledgers had for them by now."""
        known = set(ids)
        attempts = [attempt for attempt in self._attempts if attempt.id in known and attempt.arrived <= self.clock]
        return Block(tuple(self._replies[order_id] for order_id in ids), tuple(attempts))

    def replies(self, load: float, *, ended: bool) -> list[Reply]:
        """
        Return the replies of a load that had been seen by now, in sending order; all of them once it has ended.

        Raises what placing one of its orders had raised by then.
        """
        looks = [look for look in self._looks if look.members["load"] == load]
        if self._shown is None and not ended:
            self._advance(looks)
        until = self.clock if self._shown is None else self._shown
        seen = [look for look in looks if ended or self.when(look) <= until]
        for look in seen:
            if "error" in look.members:
                raise decoded_error(look.members["error"])
        ids = {order_id for look in seen for order_id in look.members["replies"]}
        if ended:
            ids.update(self._answered(load))
        elif self._all_answered:
            ids.update(order_id for order_id in self._answered(load) if self._replies[order_id].received <= until)
        return sorted((self._replies[order_id] for order_id in ids), key=lambda reply: reply.sent)

    def unanswered(self, load: float, seen: Sequence[Reply]) -> list[float]:
        """Return when the other orders of a load were sent, if that was before the present look."""
        until = self._shown if self._all_answered and self._shown is not None else self.clock
        known = {reply.id for reply in seen}
        others = (self._replies[order_id] for order_id in self._answered(load) if order_id not in known)
        return [reply.sent for reply in others if reply.sent <= until]

    def _advance(self, looks: Sequence[Event]) -> None:
        """Advance to the next recorded look, unless another step comes before it."""
        later = [look for look in looks if self.when(look) > self.clock]
        if later and (self.step is None or later[0].at < self.step.at):
            self.clock = self.when(later[0])

    def _answered(self, load: float) -> list[str]:
        """Return every order of a load that was ever answered."""
        ends = [step for step in self._steps if step.members.get("arguments") == {"load": load}]
        return [
            order_id for step in ends if step.members["name"] == "end" for order_id in step.members.get("result", [])
        ]

    def _attempt(self, event: Event) -> Attempt:
        names = {field.name for field in fields(Attempt)} - {"arrived"}
        return Attempt(**{name: event.members[name] for name in names}, arrived=self.when(event))


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
