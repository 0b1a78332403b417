"""Replay: what a behaviour did once comes out the same from its record; what the record cannot tell is inconclusive."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.harness.evidence.recording import RecordedEnvironment
from tests.harness.evidence.replay import ReplayedEnvironment
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.subject.promises import Promises
from tests.harness.world.eventually import eventually
from tests.harness.world.ledger import Attempt
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectWrongError
from tests.unit.helpers.replayed import ITEM, Stage, both, inconclusive

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
            load.wait_until_served(by=["a"], within=5.0)
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
    file = stage.file
    file.write_text('{"at": 0.1, "event": "order"}\n', encoding="utf-8")
    with inconclusive("an older version"):
        stage.replayed(lambda world: world.scale(3))
    file.write_text("{", encoding="utf-8")
    with inconclusive("cannot be read"):
        stage.replayed(lambda world: world.scale(3))


def test_repeated_orders_have_each_their_own_reply(stage: Stage) -> None:
    """Three orders with one id come back as three replies, in the order in which they were sent."""

    def behaviour(world: Any) -> Any:  # noqa: ANN401, live or replayed
        return [(reply.id, reply.sent) for reply in world.orders().repeat(3).replies]

    replies = both(stage, behaviour)

    assert len({sent for _, sent in replies}) == 3
    assert len({order_id for order_id, _ in replies}) == 1


def test_evidence_is_completed_once_and_may_be_added_to(stage: Stage) -> None:
    """What is made of it comes after its last operation, and a replay finds the same evidence."""
    world = RecordedEnvironment(cast("Any", stage.running))
    world.begin(ITEM)
    world.orders().place()
    history = world.complete()
    world.note("checked", held=["a"], absent={})
    world.keep(stage.file)
    names = [line.get("name") for line in stage.record if line["event"] == "operation"]

    assert len(history.calls) == 1
    assert names.count("complete_timeline") == 1
    assert stage.record[-1]["event"] == "checked"
    assert stage.replayed(lambda again: len(again.complete().calls)) == 1


def test_evidence_that_cannot_be_written_is_inconclusive(stage: Stage) -> None:
    """On a full disk there is one line, with the reason and the file, and no traceback."""
    world = RecordedEnvironment(cast("Any", stage.running))
    world.begin(ITEM)
    world.orders().place()
    with inconclusive("its evidence cannot be written: No space left on device: /dev/full"):
        world.keep(Path("/dev/full"))
