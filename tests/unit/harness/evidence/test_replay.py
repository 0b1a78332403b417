"""Replay: what a behaviour did once comes out the same from its record; what the record cannot tell is inconclusive."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.harness.evidence.recording import RecordedEnvironment
from tests.harness.evidence.replay import ReplayedEnvironment
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.judges.recovery import recovery
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.eventually import consistently, eventually, reached
from tests.harness.world.ledger import Attempt
from tests.harness.world.orders import Orders
from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectWrongError
from tests.harness.world.waits import play_with
from tests.unit.helpers.small_gateway import Gateway

ITEM = cast("pytest.Item", SimpleNamespace(nodeid="test_x.py::test_y", name="test_y", path=Path("test_x.py")))
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
        self._file = folder / "behaviours" / "test_x-test_y" / "timeline.jsonl"
        self._saved = SavedRun(folder, {"behaviours": [], "negative_controls": [], "not_judged": {}})
        self._again = folder / "again.jsonl"

    def live(self, behaviour: Callable[[Any], Any]) -> Any:  # noqa: ANN401, what the behaviour returns
        """Run it in the running environment and record it."""
        world = RecordedEnvironment(cast("Any", self.running))
        world.begin(ITEM)
        try:
            return behaviour(world)
        finally:
            world.keep(self._file)

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
        return [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def stage(gateway: Gateway, tmp_path: Path) -> Iterator[Stage]:
    """Return where behaviours are played; whatever happens, the clock is the real one again."""
    yield Stage(Running(gateway), tmp_path)
    play_with(None)


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


# What is asked of the world


def test_verbs_and_looks_give_what_they_gave(stage: Stage) -> None:
    """Times, values, replicas by name and whatever a driver has of its own come back, before a change and after it."""

    def behaviour(world: Any) -> list[Any]:  # noqa: ANN401, live or replayed
        before = [replica.name for replica in world.replicas]
        scaled = world.scale(3)
        after = [replica.name for replica in world.replicas]
        killed = world.replicas[1].kill()
        return [before, scaled, after, killed, world.evict(world.replicas[2], grace=0.5), world.unseen, world.name]

    before, _, after, *_, evicted, unseen, name = both(stage, behaviour)

    assert (before, after, evicted, unseen, name) == (["a", "b"], ["a", "b", "c"], "c after 0.5", {"b"}, "loopback")


def test_a_block_has_its_replies_and_its_attempts(stage: Stage) -> None:
    """Orders come back in sending order with what the ledgers held for them, and nothing that arrived later."""

    def behaviour(world: Any) -> Any:  # noqa: ANN401, live or replayed
        block = world.orders().place(3, callers=3)
        if not stage.running.extra:
            late = Attempt(block.replies[0].id, "a", "GetOrder", None, "p1", None, "OK", time.monotonic())
            stage.running.extra = [late]
        return [reply.id for reply in block.replies], block.trails

    _, trails = both(stage, behaviour)

    assert trails == [[], [], []]


def test_a_load_shows_what_had_been_seen_and_all_of_it_in_the_end(stage: Stage) -> None:
    """Each look at a load shows as many replies as it did, whenever it is taken; its block has all of them."""

    def behaviour(world: Any) -> Any:  # noqa: ANN401, live or replayed
        with world.orders().load(rate=100.0) as load:
            load.wait_until_served(by=["a"])
            first = len(load.replies)
            world.scale(3)
            second = len(load.replies)
        return first, second, len(load.replies), len(load.block().replies), load.started

    first, second, last, whole, _ = both(stage, behaviour)

    assert 1 <= first <= second <= last == whole


@pytest.mark.parametrize(
    "error", [InconclusiveError("the fault was not seen"), SubjectDiedError("it died"), SubjectWrongError("no reply")]
)
def test_what_was_raised_is_raised_again(stage: Stage, error: Exception) -> None:
    """An error of the environment or of an order means the same verdict, in the same words."""
    stage.running.broken = error
    for play in (stage.live, stage.replayed):
        with pytest.raises(type(error), match=f"^{error}$"):
            play(lambda world: world.fail())


def test_a_mistake_of_the_suite_is_inconclusive_again(stage: Stage) -> None:
    """An error that explains nothing could not be judged by then, and cannot be now."""
    stage.running.broken = ZeroDivisionError("division by zero")
    with pytest.raises(ZeroDivisionError):
        stage.live(lambda world: world.fail())

    with inconclusive("^division by zero$"):
        stage.replayed(lambda world: world.fail())


def test_evidence_that_could_not_be_completed_is_written_and_cannot_be_completed_again(stage: Stage) -> None:
    """What a ledger's junk made inconclusive is inconclusive in the replay too, and the rest of the record is there."""
    stage.running.broken = InconclusiveError("a line that is no ledger entry")
    for play in (stage.live, stage.replayed):
        with inconclusive("no ledger entry"):
            play(lambda world: world.scale(2))

    assert "scale" in [line.get("name") for line in stage.record]


# What has changed since


@pytest.mark.parametrize(
    "changed",
    [
        lambda world: world.scale(4),
        lambda world: world.replicas[0].kill(),
        lambda world: [world.scale(3), world.scale(3)],
        lambda world: world.orders(),
        lambda _: [look for look in eventually(within=1)],  # noqa: C416, looks are taken one by one
    ],
    ids=["another argument", "another verb", "one more", "another part", "a wait"],
)
def test_another_arrangement_cannot_be_judged(stage: Stage, changed: Callable[[Any], Any]) -> None:
    """A behaviour that now asks for something else is inconclusive."""
    stage.live(lambda world: world.scale(3))

    with inconclusive(r"^the behaviour has changed since the recording: it now "):
        stage.replayed(changed)


def test_a_behaviour_without_a_record_says_what_was_said_of_it(tmp_path: Path) -> None:
    """Where not even the environment was there, the message of the report is given again."""
    row = {
        "id": ITEM.nodeid,
        "file": "test_x.py",
        "behaviour": "test_y",
        "message": "the Docker daemon does not answer",
    }
    saved = SavedRun(tmp_path, {"behaviours": [row], "negative_controls": [], "not_judged": {}})
    world = ReplayedEnvironment(saved, "x", Promises())

    with inconclusive("the Docker daemon does not answer"):
        world.begin(ITEM)


def test_a_timeline_that_cannot_be_replayed_is_told(stage: Stage) -> None:
    """An older or a broken timeline is inconclusive, with the reason."""
    stage.live(lambda world: world.scale(3))
    file = stage._file
    file.write_text('{"at": 0.1, "event": "order"}\n', encoding="utf-8")
    with inconclusive("an older version"):
        stage.replayed(lambda world: world.scale(3))
    file.write_text("{", encoding="utf-8")
    with inconclusive("cannot be read"):
        stage.replayed(lambda world: world.scale(3))


# Bounds


def _question(within: float) -> Callable[[Any], bool]:
    return lambda world: world.wait_for_query(since=100.0, within=within) is not None


def test_a_question_that_came_is_judged_by_todays_bound(stage: Stage) -> None:
    """What was seen 2 s after is in time within 5 s and within 3 s, and too late within 1 s."""
    stage.running.asked_at = 102.0
    assert stage.live(_question(5.0))

    assert stage.replayed(_question(3.0))
    assert stage.replayed(_question(7.0))
    assert not stage.replayed(_question(1.0))


def test_a_question_that_never_came_is_not_known_to_come_later(stage: Stage) -> None:
    """Within a shorter bound it never came either; within a longer one nobody knows."""
    assert not stage.live(_question(2.0))

    assert not stage.replayed(_question(1.0))
    with inconclusive("was recorded with a bound of 2.0 s; now it is 5.0 s"):
        stage.replayed(_question(5.0))


def _recovered(within: float) -> Callable[[Any], float]:
    def behaviour(world: Any) -> float:  # noqa: ANN401, live or replayed
        with world.orders().load(rate=50.0) as load:
            reached(lambda: len(load.replies) >= 5, within=5, what="some calls are answered")
            return recovery(load, since=load.started, over=["a"], within=within).even_after

    return behaviour


def test_recovery_is_judged_by_todays_bound(stage: Stage) -> None:
    """A load that was even in time is so again; that it was not in time for a shorter promise is a verdict."""
    live = stage.live(_recovered(5.0))

    assert stage.replayed(_recovered(5.0)) == live
    with pytest.raises(AssertionError, match=r"shares became even 0\.\d\d s after the fault; -1.00 s is promised"):
        stage.replayed(_recovered(-1.0))


def _never(within: float) -> Callable[[Any], None]:
    def behaviour(world: Any) -> None:  # noqa: ANN401, live or replayed
        with world.orders().load(rate=50.0) as load:
            recovery(load, since=load.started, over=["b"], within=within)

    return behaviour


def test_a_load_that_never_got_even_is_wrong_in_the_same_words(stage: Stage) -> None:
    """Complaint and note are those of the run; a shorter bound is no excuse, and what a longer one gives is unknown."""
    with pytest.raises(AssertionError, match="shares are not even over b") as live:
        stage.live(_never(0.2))
    with pytest.raises(AssertionError) as again:
        stage.replayed(_never(0.2))

    assert str(again.value) == str(live.value)
    assert again.value.__notes__ == live.value.__notes__
    with pytest.raises(AssertionError, match="shares are not even over b"):
        stage.replayed(_never(0.1))
    with inconclusive(r"The recording covers 0\.\d s of a wait of 9\.\d s: shares are even over b"):
        stage.replayed(_never(9.0))


# Judges


def _waits(says_yes: Callable[[int], bool], within: float = 2.0) -> Callable[[Any], None]:
    """Return a behaviour that waits until the judge says yes to a number of orders that were served."""

    def behaviour(world: Any) -> None:  # noqa: ANN401, live or replayed
        with world.orders().load(rate=50.0) as load:
            for look in eventually(within=within):
                with look:
                    count = len(load.replies)
                    if not says_yes(count):
                        raise SubjectWrongError(f"only {count}")
            world.scale(3)

    return behaviour


def test_a_judge_that_is_content_with_less_still_is(stage: Stage) -> None:
    """Where the judge said yes in the end, one that would have said it earlier does too."""
    stage.live(_waits(lambda count: count >= 5))

    stage.replayed(_waits(lambda count: count >= 2))


def test_a_judge_that_wants_more_than_was_waited_for_cannot_tell(stage: Stage) -> None:
    """A no where there was a yes is looked at again with all that came before the next fault, and then nobody knows."""
    stage.live(_waits(lambda count: count >= 5))

    with inconclusive(r"^only \d+\. The recording covers"):
        stage.replayed(_waits(lambda count: count >= 500))


def test_a_judge_that_now_says_no_in_time_is_a_verdict(stage: Stage) -> None:
    """A no at all that was recorded, for as long as is promised, is wrong."""
    stage.live(_waits(lambda count: count >= 20))

    with pytest.raises(AssertionError, match="only"):
        stage.replayed(_waits(lambda count: count >= 20, within=0.01))


def _watches(during: float, highest: int) -> Callable[[Any], None]:
    def behaviour(world: Any) -> None:  # noqa: ANN401, live or replayed
        for look in consistently(during=during):
            with look:
                block = world.orders().place(1)
                assert int(block.replies[0].id.rpartition("-")[2]) <= highest, "too many"

    return behaviour


def test_what_stayed_so_stays_so_for_as_long_as_it_was_watched(stage: Stage) -> None:
    """A shorter time is covered by the record, a longer one is not; a judge that sees a fault now says so."""
    stage.live(_watches(0.3, highest=1))

    stage.replayed(_watches(0.3, highest=1))
    stage.replayed(_watches(0.1, highest=1))
    with inconclusive(r"The recording covers 0\.\d s of a wait of 9\.0 s"):
        stage.replayed(_watches(9.0, highest=1))
    with pytest.raises(AssertionError, match="too many"):
        stage.replayed(_watches(0.3, highest=0))
