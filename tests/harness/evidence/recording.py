"""
The record of what a behaviour did and what resulted, made at the one place that all its operations pass through.

`Recorded` wraps the environment, a replica or the orders. Every call on it, even of a verb that only one driver has,
goes into the timeline with its arguments and its result, and every attribute with its value. replay.py can take its
place, and the behaviour itself knows of neither.
"""

import dataclasses
import inspect
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.harness.evidence.history import History
from tests.harness.evidence.sampler import SAMPLE, Sampler
from tests.harness.evidence.starvation import Pulse
from tests.harness.evidence.taken import taken_so_far
from tests.harness.world.environment import Environment
from tests.harness.world.load import Load
from tests.harness.world.orders import Orders
from tests.harness.world.overtime import measure_with
from tests.harness.world.replica import Replica
from tests.harness.world.reply import Block, Reply
from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError
from tests.harness.world.waits import Wait, record_with, under_way

COMPLETE = "complete_timeline"
"""The last operation on an environment for a behaviour; in a replay there is nothing to complete."""

CHECK_END = "check_end"
"""The operation that found at the end of a behaviour, or later, that the gateway had exited by itself."""

LEDGERS = "ledgers"

KNOWN = {"budgets", "name"}
"""Attributes that follow from the run itself: they are not evidence and not recorded."""


class Recorded:
    """Wraps a `part` of the world; `on` is its name in the record."""

    def __init__(self, part: Any, on: str, timeline: Callable[[], Timeline]) -> None:  # noqa: ANN401, any driver's
        self._part = part
        self._on = on
        self._timeline = timeline

    def __repr__(self) -> str:
        """Show which part it is, as in a replay."""
        return f"<{self._on}>"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401, any value of the part
        """Return the attribute or method of the part so that its use is recorded."""
        value = getattr(self._part, name)
        if name in KNOWN:
            return value
        if callable(value):
            return lambda *arguments, **named: self._operate(name, value, arguments, named)
        self._timeline().record("read", on=self._on, name=name, value=encoded(value))
        return self._recorded(value)

    def _operate(self, name: str, method: Callable[..., Any], given: Sequence[Any], named: Mapping[str, Any]) -> Any:  # noqa: ANN401, see above
        arguments = inspect.signature(method).bind(
            *map(bare, given), **{key: bare(value) for key, value in named.items()}
        )
        with operation(self._timeline(), self._on, name, _flat(arguments)) as done:
            result = method(*arguments.args, **arguments.kwargs)
            done["result"] = encoded(result)
        return self._recorded(result)

    def _recorded(self, value: Any) -> Any:  # noqa: ANN401, see above
        """Wrap each part of the world in a result."""
        if isinstance(value, list):
            return [self._recorded(item) for item in value]
        if isinstance(value, Load):
            return RecordedLoad(value, self._timeline)
        if isinstance(value, Orders):
            return Recorded(value, "orders", self._timeline)
        return Recorded(value, value.name, self._timeline) if isinstance(value, Replica) else value


class RecordedEnvironment(Recorded):
    """Wraps the environment, and keeps the evidence of one behaviour after another."""

    def __init__(self, running: Environment) -> None:
        super().__init__(running, "environment", lambda: running.timeline)
        self._pulse: Pulse | None = None
        self._sampler: Sampler | None = None
        self._completed = False

    def _operate(self, name: str, method: Callable[..., Any], given: Sequence[Any], named: Mapping[str, Any]) -> Any:  # noqa: ANN401, see above
        """Record an operation, and after a restore what the gateway uses while nothing happens."""
        result = super()._operate(name, method, given, named)
        if name == "restore" and self._sampler is not None:
            self._sampler.look()
        return result

    def capability(self, name: str) -> Recorded:
        """Return a capability of the environment, or its ledgers, so that its use is recorded."""
        part = self._part.ledgers if name == LEDGERS else self._part.capabilities[name]
        return Recorded(part, name, self._timeline)

    def begin(self, item: pytest.Item) -> None:
        """Begin the record of a behaviour."""
        running: Environment = self._part
        running.records_stay = item.get_closest_marker("records_stay") is not None
        running.begin()
        timeline = running.timeline
        about = {"environment": running.name, "slack": running.budgets.slack, "parts": True}
        timeline.record("began", timeline.began, monotonic=timeline.began, **about)
        record_with(lambda wait: _keep_wait(timeline, wait))
        self._completed = False
        gateway = lambda: getattr(running.seat.gateway, "pid", None)  # noqa: E731, for both of them
        self._pulse = Pulse(lambda kind, late: timeline.record(kind, seconds=round(late, 3)), gateway=gateway)
        self._sampler = Sampler(lambda used: timeline.record(SAMPLE, None, **used), gateway)
        measure_with(self._taken_since)

    def _taken_since(self, moment: float) -> float:
        """Return the seconds that the machine has taken since then."""
        if self._sampler is not None:
            self._sampler.look()
        return taken_so_far(self._timeline(), moment, time.monotonic())

    def _complete(self) -> None:
        """Complete the record of a behaviour, once."""
        if self._completed:
            return
        self._completed = True
        record_with(None)
        measure_with(None)
        for thread in (self._pulse, self._sampler):
            if thread is not None:
                thread.stop()
        self._operate(COMPLETE, self._part.complete_timeline, (), {})

    def complete(self) -> History:
        """Complete the record of a behaviour, once, and return it."""
        self._complete()
        return History.of(json.loads(json.dumps(line, default=str)) for line in self._timeline().lines())

    def note(self, event: str, **members: object) -> None:
        """Add to a record that is complete what was made of it."""
        self._timeline().record(event, None, **members)

    def check_end(self) -> None:
        """Raise SubjectDiedError if the gateway has exited by itself; only that is worth a record."""
        gateway = self._part.seat.gateway
        if gateway is not None and not gateway.running:
            self._operate(CHECK_END, self._part.seat.check_end, (), {})

    def keep(self, file: Path) -> None:
        """
        Complete the record and write it, even if completing it fails.

        Raises InconclusiveError if it cannot be written, as on a full disk: without evidence there is no verdict.
        """
        try:
            self._complete()
        finally:
            try:
                self._timeline().write(file)
            except OSError as error:
                raise InconclusiveError(f"its evidence cannot be written: {error.strerror}: {file}") from None


def add_death(file: Path, error: SubjectDiedError) -> None:
    """Add to a written record that the gateway exited by itself after it, for the page and for a replay."""
    if not file.is_file():
        return
    first = json.loads(file.read_text(encoding="utf-8").partition("\n")[0])
    at = round(time.monotonic() - first["monotonic"], 9)  # the clock of the day may have been set since
    clocks = {"at": at, "time": round(time.time(), 6)}
    found = {"on": "environment", "name": CHECK_END, "arguments": {}, "error": _error(error)}
    found["ended"] = first["monotonic"] + at
    with file.open("a", encoding="utf-8") as record:
        for line in ({"event": "gateway ended", "message": str(error)}, {"event": "operation", **found}):
            record.write(json.dumps({**clocks, **line}) + "\n")


class RecordedLoad:
    """A load that records each look at its replies: a judge can have seen only what had arrived by then."""

    def __init__(self, load: Load, timeline: Callable[[], Timeline]) -> None:
        self._load = load
        self._timeline = timeline
        self._known: set[str] = set()
        load.seen = self._seen

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401, any value of a load
        """Return what follows from the replies."""
        return getattr(self._load, name)

    def __enter__(self) -> Self:
        """Start sending."""
        self._load.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending; outstanding replies are recorded with the end."""
        with operation(self._timeline(), "load", "end", {"load": self._load.started}) as done:
            self._load.__exit__(kind, error, trace)
            done["result"] = self._load.answered

    def block(self) -> Block:
        """Return the whole load with its attempts."""
        with operation(self._timeline(), "load", "block", {"load": self._load.started}) as done:
            block = self._load.block()
            done["result"] = encoded(block)
        return block

    def _seen(self, replies: Sequence[Reply], error: BaseException | None) -> None:
        new = [reply.id for reply in replies if reply.id not in self._known]
        self._known.update(new)
        wait = under_way()
        if new or error or not wait or not wait.looks:  # within a wait a look without new replies is not worth a record
            failure: dict[str, Any] = {"error": _error(error)} if error else {}
            self._timeline().record("looked", None, load=self._load.started, replies=new, **failure)


class operation:  # noqa: N801, used like a function
    """Record an operation on a part of the world, with the "result" that the block fills in, or with its error."""

    def __init__(self, timeline: Timeline, on: str, name: str, arguments: Mapping[str, Any]) -> None:
        self._timeline = timeline
        self._members = {"on": on, "name": name, "arguments": encoded(arguments)}
        self._began = time.monotonic()

    def __enter__(self) -> dict[str, Any]:
        """Begin."""
        self._done: dict[str, Any] = {}
        return self._done

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record it; an error passes on."""
        outcome = {"error": _error(error)} if error else self._done
        self._timeline.record("operation", self._began, **self._members, ended=time.monotonic(), **outcome)


_TAGS: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
    (tuple, "$tuple", list),
    ((set, frozenset), "$set", sorted),
    (Block, "$block", lambda block: [reply.id for reply in block.replies]),
    (Load, "$load", lambda load: {"started": load.started, "rate": load.rate}),
    (Orders, "$orders", lambda _: "orders"),
    (Replica, "$replica", lambda replica: replica.name),
)
"""What is not plain JSON, its tag, and the content under the tag."""


def bare(value: Any) -> Any:  # noqa: ANN401, any argument
    """Return the part of the world itself, without its wrapper."""
    return value._part if isinstance(value, Recorded) else value  # noqa: SLF001, our own


def encoded(value: Any) -> Any:  # noqa: ANN401, JSON of every kind
    """
    Return a value as it is written in the record.

    Replies, attempts and replicas are elsewhere in the timeline and are referred to by name; any other object is tagged
    with its type. What cannot be written is `unknown`.
    """
    if isinstance(value, Mapping):
        return {str(key): encoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [encoded(item) for item in value]
    for kinds, tag, content in _TAGS:
        if isinstance(value, kinds):
            return {tag: encoded(content(value))}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {field.name: encoded(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"$object": {"kind": type(value).__name__, "members": members}}
    return value if isinstance(value, (bool, int, float, str, type(None))) else {"$unknown": repr(value)[:200]}


def _flat(arguments: inspect.BoundArguments) -> dict[str, Any]:
    """Return arguments by name, including those that a method takes as **keywords."""
    flat: dict[str, Any] = {}
    for name, value in arguments.arguments.items():
        anything = arguments.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
        flat |= value if anything else {name: value}
    return flat


def _error(error: BaseException) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "wrong": isinstance(error, AssertionError),
        "message": str(error),
        "notes": getattr(error, "__notes__", []),
    }


def _keep_wait(timeline: Timeline, wait: Wait) -> None:
    timeline.record(
        "waited",
        wait.began,
        what=wait.what,
        within=wait.within,
        lasting=wait.lasting,
        so=wait.so,
        seconds=wait.seconds,
        ended=time.monotonic(),
        looks=[round(look - wait.began, 6) for look in wait.looks],
        overtime=None if wait.overtime is None else dataclasses.asdict(wait.overtime),
    )
