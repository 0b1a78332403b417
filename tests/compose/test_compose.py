"""
What only containers can show: replicas come and go in Docker's name server by themselves, and networks are cut.

Docker lists what runs and nothing else. A gateway asks again when it loses a connection, and while nothing breaks it
has no reason to: so what came meanwhile is found with the next loss, within the floor between two questions.
"""

import pytest

from tests.behaviours.mutants import FROZEN_LIST, NO_KEEPALIVE, SLOW_RESOLUTION
from tests.harness.behaviour import (
    Budgets,
    Measured,
    Network,
    Orders,
    Replica,
    eventually,
    fresh_block_faults,
    recovery,
)

pytestmark = [
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
    pytest.mark.only_in("compose", reason="only Docker's name server forgets a replica that ends, and knows it again"),
]

KEEPALIVE = 1.0
"""Seconds: the keepalive time and timeout that the gateway is started with where a network is cut."""


@pytest.mark.claims("RC-06", "F13", "F20", source="gRPC C-core polling_resolver.cc; Docker's embedded name server")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.promised("retries")
def test_a_returned_replica_is_found_after_another_connection_loss(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that returned elsewhere has its share, at the latest once another one is gone, and no call fails."""
    with orders.load() as load:
        killed = replicas[0].kill()
        gone = recovery(load, since=killed, over=names[1:], within=budgets.reconnect)
        replicas[0].start(moved=True)
        lost = replicas[1].kill()
        over = [names[0], *names[2:]]
        back = recovery(load, since=lost, over=over, within=budgets.rediscover)
    measured(f"killed: {gone}. another one killed: {back}", bound=f"none fails, even within {budgets.rediscover:.1f} s")

    assert not load.block().failed
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims("KA-01", "F33", "F38", source="gRFC A8; gRFC A18; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(NO_KEEPALIVE)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(KEEPALIVE_TIME_MS=str(int(KEEPALIVE * 1000)), KEEPALIVE_TIMEOUT_MS=str(int(KEEPALIVE * 1000)))
def test_a_replica_cut_off_from_the_network_gets_no_calls(
    orders: Orders, network: Network, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that falls silent with its connections open is given up after keepalive time and timeout."""
    within = 2 * KEEPALIVE + budgets.slack
    cut = network.cut(replicas[0])
    for look in eventually(within=within, what="no call waits for the replica that was cut off"):
        with look:
            replies = orders.place(len(names)).replies
            measured(f"no call waits any more {replies[0].sent - cut:.2f} s after", bound=f"within {within:.1f} s")
            assert not [reply for reply in replies if not reply.ok or reply.seconds > budgets.slack]

    assert not fresh_block_faults(orders, names[1:], budgets.promises)
