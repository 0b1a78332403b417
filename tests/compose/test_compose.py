"""
What only containers can show: Docker's DNS server adds and removes replicas by itself, and networks are cut.

Docker lists running containers and nothing else. A gateway re-resolves when it loses a connection, and not before: so
an added replica is found after the next loss, within the minimum re-resolution interval.
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
    failures_but_cut,
    fresh_block_faults,
    recovery,
    waiting_faults,
)

pytestmark = [
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
    pytest.mark.only_in("compose", reason="Docker's DNS server removes a stopped replica, and lists it again"),
]

KEEPALIVE = 1.0
"""Seconds: keepalive time and timeout of the gateway where a network is cut."""


@pytest.mark.claims("RC-06", "F13", "F20", source="gRPC C-core polling_resolver.cc; Docker's embedded DNS server")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
def test_a_returned_replica_is_found_after_another_connection_loss(
    orders: Orders,
    replicas: list[Replica],
    struck: Replica,
    others: list[str],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A replica that returned elsewhere gets its share once another one is lost at the latest, and no call fails."""
    with orders.load() as load:
        killed = struck.kill()
        without = recovery(load, since=killed, over=others, within=budgets.reconnect)
        struck.start(moved=True)
        other = next(replica for replica in replicas if replica.name != struck.name)
        lost = other.kill()
        over = [name for name in names if name != other.name]
        back = recovery(load, since=lost, over=over, within=budgets.rediscover)
    measured(
        f"killed: {without}. another one killed: {back}",
        bound=f"no failures; even shares within {budgets.rediscover:.1f} s",
    )

    block = load.block()
    assert not failures_but_cut(block, budgets, killed, lost)
    assert not waiting_faults(block, budgets, without, back)
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims("KA-01", "F33", "F38", source="gRFC A8; gRFC A18; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(NO_KEEPALIVE)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(KEEPALIVE_TIME_MS=str(int(KEEPALIVE * 1000)), KEEPALIVE_TIMEOUT_MS=str(int(KEEPALIVE * 1000)))
def test_a_replica_cut_off_from_the_network_gets_no_calls(
    orders: Orders,
    network: Network,
    struck: Replica,
    others: list[str],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A replica that becomes unreachable with open connections is dropped after keepalive time and timeout."""
    within = 2 * KEEPALIVE + budgets.slack
    cut = network.cut(struck)
    for look in eventually(within=within, what="no call waits for the replica without a network"):
        with look:
            replies = orders.place(len(names)).replies
            measured(f"no call waited for it after {replies[0].sent - cut:.2f} s", bound=f"within {within:.1f} s")
            assert not [reply for reply in replies if not reply.ok or reply.seconds > budgets.slack]

    assert not fresh_block_faults(orders, others, budgets.promises)
