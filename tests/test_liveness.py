"""A replica that falls silent with its connection open: who notices, when, and what it costs meanwhile."""

import pytest

from tests.harness.environment import Measured, Replica
from tests.harness.eventually import eventually
from tests.harness.orders import Orders
from tests.harness.promises import Budgets
from tests.harness.recovery import fresh_block_faults, recovery
from tests.mutants.discovery import NO_KEEPALIVE
from tests.mutants.liveness import KEEPALIVE_ANYWAY, KEEPALIVE_UNTIMED

pytestmark = [pytest.mark.extended, pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

PING, ANSWER = 1.0, 0.5
"""
Seconds: the keepalive time and timeout that gateways are started with.

C-core sends at most one ping a second, so a shorter time would be one that it does not keep.
"""

ROUNDS = 4
"""Rounds over the replicas, of which one is frozen."""

WATCHED = {"KEEPALIVE_TIME_MS": f"{PING * 1000:.0f}", "KEEPALIVE_TIMEOUT_MS": f"{ANSWER * 1000:.0f}"}


@pytest.mark.claims("KA-01", "F34", "F35", source="gRFC A8, Basic Keepalive; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(NO_KEEPALIVE, KEEPALIVE_UNTIMED)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(**WATCHED)
@pytest.mark.only_in("loopback", "compose", reason="a pod that does not answer its probe is not listed any more")
def test_a_frozen_replica_has_no_share_until_it_goes_on(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that freezes under calls is given up after keepalive time and timeout, and used again afterwards."""
    within = PING + ANSWER + budgets.slack
    frozen = replicas[0].pause()
    for look in eventually(within=within, what="no call waits for the frozen replica"):
        with look:
            replies = orders.place(len(names)).replies
            given_up = f"no call waits any more {replies[0].sent - frozen:.2f} s after"
            measured(given_up, bound=f"within {within:.1f} s")
            assert not [reply for reply in replies if not reply.ok or reply.seconds > budgets.slack]
    assert not fresh_block_faults(orders, names[1:], budgets.promises)

    with orders.load() as load:
        went_on = replicas[0].resume()
        back = recovery(load, since=went_on, over=names, within=budgets.reconnect)
    measured(f"{given_up}; went on: {back}", bound=f"within {within:.1f} s; {budgets.reconnect:.1f} s, none fails")
    assert not load.block().failed


@pytest.mark.claims("KA-02", "F34", source="gRFC A8: keepalive is off by default; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(KEEPALIVE_ANYWAY)
@pytest.mark.gateway(KEEPALIVE_TIME_MS="0")
def test_without_keepalive_a_frozen_replica_costs_its_share_of_calls(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Given no keepalive, exactly the calls that are sent to a frozen replica fail, each of them at its deadline."""
    replicas[0].pause()
    block = orders.place(ROUNDS * len(replicas), rate=60)
    took = [reply.seconds for reply in block.failed]
    least, most = budgets.deadline
    measured(
        f"{len(took)} of {len(block.replies)} calls failed, after {min(took, default=0):.2f} s or more",
        bound=f"{ROUNDS}, each after {least:.2f} to {most:.2f} s",
    )

    assert len(took) == ROUNDS
    assert all(least <= seconds <= most for seconds in took)
    assert {reply.code for reply in block.failed} <= {"DEADLINE_EXCEEDED", None}
