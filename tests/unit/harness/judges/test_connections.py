"""How many connections lead to each replica, against what is promised."""

import pytest

from tests.harness.judges.connections import connection_faults, many_of
from tests.harness.subject.promises import Promises

ABC = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("connections", "channels", "faults"),
    [
        ({"a": 1, "b": 1, "c": 1}, 1, []),
        ({"a": 1, "b": 2, "c": 1}, 1, ["b has 2 connections, not 1"]),
        ({"a": 1, "b": 1}, 1, ["c has 0 connections, not 1"]),
        ({"a": 3, "b": 1, "c": 2}, 3, []),
        ({"a": 4, "b": 3, "c": 3}, 3, ["a has 4 connections, not 1 to 3"]),
        ({"a": 1, "b": 1, "c": 1, "d": 1}, 3, ["d should have no connection"]),
        ({"a": 1, "b": 1, "c": 1, "d": 0}, 1, []),
    ],
)
def test_each_replica_has_as_many_connections_as_promised(
    connections: dict[str, int], channels: int, faults: list[str]
) -> None:
    """At least one each, at most one for each channel, and none elsewhere."""
    assert connection_faults(connections, ABC, Promises(connections_per_replica=channels)) == faults


def test_the_bound_is_said_as_it_is_judged() -> None:
    """A number for one channel, a range for a pool."""
    assert [many_of(most) for most in (1, 4)] == ["1", "1 to 4"]
