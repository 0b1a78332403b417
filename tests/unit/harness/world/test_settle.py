"""What a gateway has to have served before it is judged: an order of each replica, or one of any."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.harness.subject.promises import Promises
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant
from tests.harness.world.environment import Environment
from tests.harness.world.replica import Replica
from tests.harness.world.reply import Reply
from tests.harness.world.verdict import NeverConnectedError, SubjectUnusableError


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name


class _Gateway:
    running = True
    pid = None


class World(Environment):
    """Three replicas behind a gateway that answers as it is told, the last answer again and again."""

    name = "fake"
    slack = 0.1
    replicas = cast("Sequence[Replica]", [_Named(name) for name in "abc"])
    known: Sequence[Replica] = ()

    def __init__(self, *served: str) -> None:
        super().__init__(3)
        self.answers = list(served)
        self.placed = self.started = 0
        self.become(Variant(Subject(name="fake", folder=None, promises=Promises(reconnects_within=0.1))))  # type: ignore[arg-type]

    def orders(self) -> Any:  # noqa: ANN401, what settling needs of it
        """Return the world itself."""
        return self

    def one(self) -> Reply:
        """Answer an order."""
        self.placed += 1
        by = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Reply("o", 0.0, 0.1, 200 if by else 503, "OK" if by else "UNAVAILABLE", by or None)

    def fresh_gateway(self) -> float:
        """Count it."""
        self.started += 1
        self.seat.gateway = _Gateway()  # type: ignore[assignment]  # one without a process
        return 0.0

    def restore_replicas(self) -> None:
        """Leave them."""

    scale = replace = restart_replicas = connections = fence = end = restore_replicas  # type: ignore[assignment]  # unused


def test_a_gateway_has_settled_once_every_replica_has_answered() -> None:
    """Orders are placed until each replica was met."""
    world = World("a", "a", "b", "a", "c", "a")
    world.restore({})

    assert (world.placed, world.unseen) == (5, set())


def test_a_gateway_that_never_calls_each_replica_has_its_time() -> None:
    """Whom it did not call by then is said: a behaviour that needs spread calls is not judged."""
    world = World("a")
    world.restore({})

    assert world.unseen == {"b", "c"}


def test_where_one_order_is_enough_none_is_placed_after_it() -> None:
    """A policy that keeps to one replica is not waited for; a failed order is no served one."""
    world = World("", "", "a")
    world.restore({}, once_served=True)

    assert world.placed == 3


def test_a_gateway_that_was_given_one_order_has_its_time_when_more_is_needed() -> None:
    """The next behaviour may share it and need each replica; then it settles again, without a restart."""
    world = World("a", "b", "c", "a")
    world.restore({}, once_served=True)
    world.restore({})
    world.restore({}, once_served=True)
    world.restore({})

    assert (world.placed, world.started, world.unseen) == (4, 1, set())


@pytest.mark.parametrize("once_served", [True, False])
def test_a_gateway_that_serves_nothing_cannot_be_judged(once_served: bool) -> None:  # noqa: FBT001, a parameter
    """Either way."""
    with pytest.raises(SubjectUnusableError, match="served none of"):
        World("").restore({}, once_served=once_served)


@pytest.mark.parametrize(("order_id", "starts"), [("o1~UNAVAILABLE", 1), ("o1~CLOSE@a", 2)])
def test_a_gateway_that_lost_a_connection_by_an_order_is_replaced(order_id: str, starts: int) -> None:
    """It may still have a question for the name server, which the next behaviour must not see."""
    world = World("a", "b", "c", "a")
    world.restore({})
    world._keep_order(Reply(order_id, 0.0, 0.1, 503, "UNAVAILABLE"))
    world.restore({})

    assert world.started == starts


@pytest.mark.parametrize(("given", "fresh"), [({}, 1), ({"ejection": True}, 2), ({"retry_throttling": True}, 2)])
def test_a_gateway_that_failures_have_harmed_is_replaced(given: dict[str, bool], fresh: int) -> None:
    """Whether a breaker is open or a budget is used up does not depend on which behaviour came before."""
    world = World("a", "b", "c")
    world.become(Variant(Subject(name="fake", folder=None, promises=Promises(**given))))  # type: ignore[arg-type]
    world.begin()
    world.restore({})
    world._keep_order(Reply("o~ABORTED", 0.0, 0.1, 409, "ABORTED"))
    world.answers = list("abc")
    world.restore({})

    assert world.started == fresh


def shaken(outcome: str, *, accepted: float = 1e12, server_name: str = "inventory") -> dict[str, object]:
    """Return what a replica records of a handshake; by default it is one of the gateway that is judged."""
    hands = {"server_name": server_name, "protocols": ["h2"], "outcome": outcome, "accepted": accepted}
    return {"event": "handshake", "monotonic": accepted, **hands}


class Shaken(World):
    """A world whose replicas have seen these handshakes."""

    def __init__(self, served: str, *events: dict[str, object]) -> None:
        super().__init__(served)
        self.ledgers = SimpleNamespace(  # type: ignore[assignment]  # what is needed of them
            events=lambda kind, _: list(events) if kind == "handshake" else [],
            forget=lambda _before: None,
            calls=lambda _since: [],
            connections=lambda _since: {},
        )


def test_a_subject_that_completes_no_handshake_is_wrong_and_not_tried_again() -> None:
    """Each behaviour has that on its record, with the handshakes by their number."""
    world = Shaken("", shaken("alert: bad certificate"), shaken("alert: bad certificate"), shaken("plaintext"))
    for _ in range(2):
        world.begin()
        with pytest.raises(NeverConnectedError, match="'inventory'; the handshake ends: alert: bad certificate"):
            world.restore({})
        (event,) = [line for line in world.timeline.lines() if line["event"] == "never connected"]
        assert event["name"] == "order-service"
        assert [(kind["outcome"], kind["count"]) for kind in event["handshakes"]] == [
            ("alert: bad certificate", 2),
            ("plaintext", 1),
        ]

    assert world.started == 1


def test_what_a_subject_does_over_tls_is_not_held_against_it_in_plaintext() -> None:
    """One that can speak both is judged in each, whichever comes first."""
    world = Shaken("", shaken("alert: bad certificate"))
    world._tls_variables = lambda mode: {"TLS": mode}  # type: ignore[method-assign]
    world.begin()
    with pytest.raises(NeverConnectedError):
        world.restore({}, over_tls="server")
    world.answers = list("abc")
    world.restore({})

    assert world.started == 2


def test_a_subject_that_was_served_before_is_tried_again() -> None:
    """A start without a connection is held against the behaviour before which it was, and no other."""
    world = Shaken("a", shaken("alert: bad certificate"))
    world.begin()
    world.answers = list("abc")
    world.restore({})
    world.answers = [""]
    world.disturb("kill", "a")
    with pytest.raises(NeverConnectedError):
        world.restore({})
    world.answers = list("abc")
    world.restore({})

    assert world.started == 3


@pytest.mark.parametrize(
    "events",
    [
        [],
        [shaken("alert: bad certificate"), shaken("completed")],
        [shaken("alert: bad certificate", accepted=0.0)],  # of the gateway before it
    ],
    ids=["none", "one completed", "earlier"],
)
def test_a_subject_that_serves_nothing_for_another_reason_is_not_accused(events: list[dict[str, object]]) -> None:
    """It cannot be judged, as before."""
    world = Shaken("", *events)
    world.begin()
    world.disturb("fresh gateway", "gateway")
    with pytest.raises(SubjectUnusableError):
        world.restore({})


def test_a_subject_that_is_served_may_have_handshakes_that_fail() -> None:
    """A replica that is not ready for them, say."""
    world = Shaken("a", shaken("not answered"))
    world.begin()
    world.restore({})

    assert world.unseen == {"b", "c"}
