"""Behaviours played live in a small environment, and again from the record."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.harness.evidence.recording import RecordedEnvironment
from tests.harness.evidence.replay import ReplayedEnvironment
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.gateway import Seat
from tests.harness.world.orders import Orders
from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import InconclusiveError
from tests.unit.helpers.small_gateway import Gateway

if TYPE_CHECKING:
    from tests.harness.world.ledger import Attempt

ITEM = cast(
    "pytest.Item",
    SimpleNamespace(
        nodeid="test_x.py::test_y", name="test_y", path=Path("test_x.py"), get_closest_marker=lambda _name: None
    ),
)
"""As much of a test as its evidence is called after."""


@dataclass(frozen=True)
class Query:
    """Something that only one driver returns."""

    monotonic: float
    answer: tuple[str, ...]


class FakeReplica:
    """A replica that dies on request."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = "127.0.0.2:5000"
        self.ledger = self.stop = self.kill = self.pause = self.resume = self.start = lambda: time.monotonic()  # noqa: PLW0108, a clock has no signature
        self.say_health = lambda _status: time.monotonic()


class Running:
    """A running environment whose gateway is the small one of the unit tests, with verbs of its own."""

    name = "loopback"
    unseen = frozenset({"b"})

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.seat = Seat(lambda: self.timeline)  # nobody starts it here
        self.replicas = [FakeReplica("a"), FakeReplica("b")]
        self.asked_at: float | None = None
        self.broken: Exception | None = None
        self.extra: list[Attempt] = []

    @property
    def budgets(self) -> Budgets:
        """Those of the run that is recorded."""
        return Budgets(Promises(), 0.6)

    def begin(self) -> None:
        """As every environment does."""
        self.timeline = Timeline()

    def orders(self) -> Orders:
        """Return a caller of the small gateway, whose attempts are those that a test gave."""
        gateway = self.gateway
        keep = lambda reply: self.timeline.record("order", reply.sent, **vars(reply))  # noqa: E731
        return Orders(lambda: gateway.url, lambda _: self.extra, 5.0, keep=keep)

    def complete_timeline(self) -> None:
        """Add the attempts that a test gave."""
        for one in self.extra:
            members = {key: value for key, value in vars(one).items() if key != "arrived"}
            self.timeline.record("replica attempt", one.arrived, **members)
        if self.broken:
            raise self.broken

    def scale(self, count: int) -> float:
        """Have as many replicas."""
        self.replicas = [FakeReplica(name) for name in "abcdef"[:count]]
        return time.monotonic()

    def evict(self, replica: FakeReplica, *, grace: float = 1.0) -> str:
        """Do what no other driver does; the replica has to be a real one."""
        assert isinstance(replica, FakeReplica)
        return f"{replica.name} after {grace}"

    def wait_for_query(self, since: float, within: float) -> Query | None:
        """Return the question that a test gave, if it came in time."""
        came = self.asked_at is not None and self.asked_at <= since + within
        return Query(self.asked_at or 0.0, ("127.0.0.2",)) if came else None

    def fail(self) -> None:
        """Raise what a test gave."""
        if self.broken:
            raise self.broken


class Stage:
    """Plays behaviours live, and again from the record."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.running = running
        self.file = folder / "behaviours" / "test_x-test_y" / "timeline.jsonl"
        self._saved = SavedRun(folder, {"behaviours": [], "negative_controls": [], "not_judged": {}})
        self._again = folder / "again.jsonl"

    def live(self, behaviour: Callable[[Any], Any]) -> Any:  # noqa: ANN401, what the behaviour returns
        """Run it in the running environment and record it."""
        world = RecordedEnvironment(cast("Any", self.running))
        world.begin(ITEM)
        try:
            return behaviour(world)
        finally:
            world.keep(self.file)

    def replayed(self, behaviour: Callable[[Any], Any], promises: Promises | None = None) -> Any:  # noqa: ANN401
        """Run it on the record."""
        world = ReplayedEnvironment(self._saved, "loopback", promises or Promises())
        try:
            world.begin(ITEM)
            return behaviour(world)
        finally:
            world.keep(self._again)

    @property
    def record(self) -> list[dict[str, Any]]:
        """The recorded lines."""
        return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]


@contextmanager
def inconclusive(words: str) -> Iterator[None]:
    """Expect an InconclusiveError that says this."""
    with pytest.raises(InconclusiveError, match=words):
        yield


def both(stage: Stage, behaviour: Callable[[Any], Any]) -> Any:  # noqa: ANN401, what the behaviour returns
    """Play it live and again, and see that both give the same; return that."""
    live = stage.live(behaviour)
    assert stage.replayed(behaviour) == live
    return live
