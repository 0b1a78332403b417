"""Judge of connections: how many lead to each replica, against what the subject promises."""

from collections.abc import Mapping, Sequence

from tests.harness.subject.promises import Promises


def connection_faults(connections: Mapping[str, int], over: Sequence[str], promises: Promises) -> list[str]:
    """Complain unless each of these replicas, and no other, has 1 to `connections_per_replica` connections."""
    most = promises.connections_per_replica
    strangers = [
        f"{name} should have no connection" for name, count in sorted(connections.items()) if count and name not in over
    ]
    wrong = {name: count for name in over if not 1 <= (count := connections.get(name, 0)) <= most}
    return strangers + [f"{name} has {count} connections, not {many_of(most)}" for name, count in wrong.items()]


def many_of(most: int) -> str:
    """As a bound: "1", or "1 to 4" for a pool."""
    return "1" if most == 1 else f"1 to {most}"
