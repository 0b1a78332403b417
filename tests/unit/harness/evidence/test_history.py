"""The history of a behaviour: what its timeline says of connections."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness.evidence.history import CLOSED, OPENED, Connection, History
from tests.harness.world.ledger import connection_events


def _line(event: str, at: float, **members: Any) -> dict[str, Any]:  # noqa: ANN401, members are of every type
    return {"event": event, "at": at, **members}


def _opened(at: float, peer: str, replica: str = "a") -> dict[str, Any]:
    return _line(OPENED, at, replica=replica, peer=peer)


def _closed(at: float, peer: str, replica: str = "a") -> dict[str, Any]:
    return _line(CLOSED, at, replica=replica, peer=peer)


def _confirmed(at: float, verb: str, on: str) -> dict[str, Any]:
    return _line("confirmed", at, verb=verb, on=on)


def test_a_connection_is_closed_when_its_replica_says_so() -> None:
    """Each opening meets the first closing after it of the same peer; without one it is open."""
    lines = [_opened(0.1, "p1"), _closed(0.5, "p1"), _opened(0.6, "p1"), _opened(0.2, "p1", "b"), _opened(0.3, "p2")]

    assert History.of(lines).connections == (
        Connection("a", "p1", 0.1, 0.5),
        Connection("b", "p1", 0.2, None),
        Connection("a", "p2", 0.3, None),
        Connection("a", "p1", 0.6, None),
    )


@pytest.mark.parametrize(
    ("line", "closed"),
    [
        (_confirmed(0.4, "kill", "a"), 0.4),
        (_confirmed(0.4, "stop", "a"), 0.4),
        (_line("replica start", 0.9, replica="a"), 0.9),
        (_confirmed(0.4, "pause", "a"), None),
        (_confirmed(0.4, "kill", "b"), None),
        (_line("replica start", 0.9, replica="b"), None),
        (_confirmed(0.05, "kill", "a"), None),  # before it was opened
    ],
)
def test_a_connection_ends_with_its_replica(line: Mapping[str, Any], closed: float | None) -> None:
    """A killed replica writes no end: its connections end when it is gone, or at the latest when it starts anew."""
    assert History.of([_opened(0.1, "p1"), line]).connections == (Connection("a", "p1", 0.1, closed),)


def test_connections_of_fences_are_none_of_the_gateways() -> None:
    """A peer that carried an order of the suite's own is left out."""
    fence = _line("replica attempt", 0.2, replica="a", id="fence-1", peer="p9")

    assert History.of([_opened(0.1, "p9"), fence, _closed(0.3, "p9")]).connections == ()


def _ledger(*entries: tuple[str, float, str]) -> list[dict[str, Any]]:
    return [
        {"event": event, "monotonic": at, **({"id": what} if event == "attempt" else {}), "peer": what[-2:]}
        for event, at, what in entries
    ]


def test_of_a_ledger_the_behaviour_gets_what_was_open_in_its_time() -> None:
    """What closed before is left out, what was open already is opened at the beginning and says so."""
    ledger = _ledger(
        ("connection_opened", 1.0, "p1"),
        ("connection_closed", 2.0, "p1"),
        ("connection_opened", 3.0, "p2"),
        ("connection_closed", 11.0, "p2"),
        ("connection_opened", 12.0, "p3"),
    )

    assert list(connection_events(ledger, since=10.0)) == [
        {"event": "connection_opened", "monotonic": 10.0, "peer": "p2", "earlier": True},
        {"event": "connection_closed", "monotonic": 11.0, "peer": "p2"},
        {"event": "connection_opened", "monotonic": 12.0, "peer": "p3"},
    ]


def test_what_a_killed_process_left_open_ended_before_the_next_one_started() -> None:
    """A connection of an earlier process is left out unless that ended in the behaviour's time, and is never closed."""
    ledger = _ledger(("connection_opened", 1.0, "p1"), ("start", 5.0, ""), ("connection_opened", 6.0, "p2"))

    assert [each["peer"] for each in connection_events(ledger, since=10.0)] == ["p2"]
    assert [each["peer"] for each in connection_events(ledger, since=2.0)] == ["p1", "p2"]
    assert "connection_closed" not in {each["event"] for each in connection_events(ledger, since=2.0)}


def test_a_fence_in_a_ledger_has_no_connection_of_the_gateways() -> None:
    """A fence's connection is left out, and a later connection of the same peer, which is another one, is not."""
    ledger = _ledger(
        ("connection_opened", 1.0, "p1"),
        ("attempt", 1.1, "fence-p1"),
        ("connection_closed", 2.0, "p1"),
        ("connection_opened", 3.0, "p1"),
        ("connection_opened", 4.0, "p2"),
        ("attempt", 4.1, "fence-p2"),
    )

    assert [(each["peer"], each["monotonic"]) for each in connection_events(ledger, since=0.0)] == [("p1", 3.0)]
