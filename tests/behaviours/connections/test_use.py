"""What a connection has to carry: the first calls all together, large answers, and many calls."""

import pytest

from tests.behaviours.connections import causes_use
from tests.behaviours.connections.mutants import CHANNEL_RACE, NO_WINDOW_UPDATES
from tests.harness.behaviour import (
    Budgets,
    Environment,
    Measured,
    Orders,
    connection_faults,
    explained_by,
    many_of,
)

pytestmark = pytest.mark.promised("round_robin")

CALLERS = 16
"""Concurrent callers."""

LARGE = 65536
"""Bytes of an unknown field in an answer: the window of a stream and of a connection, unless a client enlarges them."""

ANSWERS = 24
"""Large answers of each replica: 1.5 MiB, more than the window that any client announces at the start."""


@pytest.mark.claims("RR-03", "RR-06", "F05", "F64", source="grpc/grpc doc/load-balancing.md, round_robin")
@pytest.mark.catches(CHANNEL_RACE)
@explained_by(causes_use.channel_race)
def test_concurrent_first_calls_share_one_channel(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Sixteen callers whose calls are the first of a gateway are all served, and it keeps one connection to each."""
    environment.fresh_gateway()
    first = orders.place(CALLERS, callers=CALLERS)
    slowest, most = max(reply.seconds for reply in first.replies), budgets.reconnect + budgets.first_call
    block = orders.place(4 * len(names))
    connections, pool = environment.connections(), budgets.promises.connections_per_replica
    measured(
        f"{len(first.failed + block.failed)} calls failed, the slowest first call took {slowest:.2f} s; "
        f"connections {connections}",
        bound=f"no failures; within {most:.1f} s; connections: {many_of(pool)} each",
    )

    assert not first.failed + block.failed
    assert slowest <= most
    assert not connection_faults(connections, names, budgets.promises)


@pytest.mark.claims("RR-01", "RR-03", source="RFC 9113, 5.2 Flow Control; docs/reference/contract.md, fault plans")
@pytest.mark.catches(NO_WINDOW_UPDATES)
@explained_by(causes_use.hangs_after_a_window)
@pytest.mark.given_spread_calls
def test_large_answers_do_not_stop_a_connection(
    orders: Orders, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Each replica sends more than a megabyte over one connection, in answers of 64 KiB: no call fails or waits."""
    block = orders.place(ANSWERS * len(names), plan=f"OK:bytes={LARGE}", callers=4)
    slowest = max(reply.seconds for reply in block.replies)
    peers, pool = len({attempt.peer for attempt in block.attempts}), budgets.promises.connections_per_replica
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed, slowest {slowest:.2f} s; {peers} connections",
        bound=f"no failures; slowest below {budgets.slack:.1f} s; {many_of(pool)} to each replica",
    )

    assert not block.failed
    assert slowest < budgets.slack
    assert len(names) <= peers <= pool * len(names)
