"""A gateway that exits by itself: whoever would replace or leave it is told, and nobody twice."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.harness.subject.promises import Promises
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant
from tests.harness.world.environment import Environment
from tests.harness.world.replica import Replica
from tests.harness.world.reply import Reply
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError

DIED = SubjectDiedError("gateway exited with status 70")
UNREACHABLE = InconclusiveError("the port forward to the gateway exited")


class Gateway:
    """Runs until it has a reason not to."""

    url = ""
    pid = None

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.ended = 0

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.error is None

    def check(self) -> None:
        """Raise why it does not."""
        if self.error:
            raise self.error

    def end(self) -> None:
        """Count it."""
        self.ended += 1


class World(Environment):
    """Gateways that serve; `accused` is what was told of those that exited after a behaviour."""

    name = "fake"
    slack = 0.1
    replicas: Sequence[Replica] = ()
    known: Sequence[Replica] = ()

    def __init__(self) -> None:
        super().__init__(0)
        self.accused: list[str] = []
        self.seat.accuse = self.accused.append
        self.started: list[Gateway] = []
        self.in_between: Callable[[], None] = lambda: None
        self.become(Variant(Subject(name="fake", folder=None, promises=Promises())))  # type: ignore[arg-type]

    def fresh_gateway(self) -> float:
        """Replace it as drivers do."""
        self.in_between()
        if (before := self.seat.leave()) is not None:
            before.end()
        self.started.append(Gateway())
        self.seat.gateway = self.started[-1]
        return 0.0

    def orders(self) -> Any:  # noqa: ANN401, what settling needs of it
        """Return the world itself."""
        return self

    def one(self) -> Reply:
        """Answer an order."""
        return Reply("o", 0.0, 0.1, 200, "OK", "a")

    def restore_replicas(self) -> None:
        """Leave them."""

    scale = replace = restart_replicas = connections = fence = end = restore_replicas  # type: ignore[assignment]  # unused

    @property
    def recorded(self) -> list[object]:
        """What the timeline has of gateways that ended."""
        return [members["message"] for _, event, members in self.timeline._events if event == "gateway ended"]


@pytest.fixture
def world() -> World:
    """Return a world with a gateway, in a behaviour."""
    made = World()
    made.begin()
    made.restore({})
    return made


def test_one_that_runs_is_nobodys_fault(world: World) -> None:
    """It is replaced and taken down once, and nothing is told."""
    world.seat.check_end()
    world.fresh_gateway()
    world.restore({"CALL_TIMEOUT_MS": "1"})

    assert world.seat.last() is world.started[-1]
    assert [gateway.ended for gateway in world.started] == [1, 1, 0]
    assert (world.accused, world.recorded) == ([], [])


def test_one_that_exited_by_the_end_of_a_behaviour_is_its_fault(world: World) -> None:
    """It is in the record, and the next behaviour hears nothing of it."""
    world.started[0].error = DIED
    with pytest.raises(SubjectDiedError, match="status 70"):
        world.seat.check_end()
    recorded = world.recorded
    world.begin()
    world.restore({})

    assert recorded == [str(DIED)]
    assert (world.accused, world.recorded) == ([], [])
    assert [gateway.ended for gateway in world.started] == [1, 0]


def test_one_that_exited_between_two_behaviours_is_the_fault_of_the_first(world: World) -> None:
    """The second gets a fresh one; its own record has nothing of it."""
    world.started[0].error = DIED
    world.begin()
    world.restore({})

    assert (world.accused, world.recorded) == ([str(DIED)], [])
    assert [gateway.ended for gateway in world.started] == [1, 0]
    world.seat.check_end()


def test_one_that_exits_while_it_is_replaced_is_the_fault_of_the_first_too(world: World) -> None:
    """However late: it is never replaced silently."""

    def _exits() -> None:
        world.started[0].error = DIED

    world.in_between = _exits
    world.begin()
    world.restore({"CALL_TIMEOUT_MS": "1"})

    assert world.accused == [str(DIED)]
    assert len(world.started) == 2


def test_one_that_is_replaced_within_a_behaviour_is_its_fault(world: World) -> None:
    """A verb that starts another one raises, also where that one may refuse to start."""
    for verb in (world.fresh_gateway, lambda: world.gateway_given(CALL_TIMEOUT_MS="1")):
        world.restore({})
        world.started[-1].error = DIED
        with pytest.raises(SubjectDiedError, match="status 70"):
            verb()

    assert world.recorded == [str(DIED)] * 2
    assert world.accused == []
    assert [gateway.ended for gateway in world.started] == [1, 1]


def test_one_that_exited_after_the_last_behaviour_is_its_fault(world: World) -> None:
    """Taking everything down finds it."""
    world.started[0].error = DIED

    assert world.seat.last() is None
    assert world.accused == [str(DIED)]


def test_a_way_that_is_broken_is_no_death(world: World) -> None:
    """Nothing is known of the gateway then: it is replaced."""
    world.started[0].error = UNREACHABLE
    world.begin()
    world.restore({})

    assert world.accused == []
    assert [gateway.ended for gateway in world.started] == [1, 0]
