"""A replica that falls silent with its connection open: who notices, when, and what it costs meanwhile."""

import pytest

from tests.harness.causes.liveness import ECHO
from tests.harness.environment import Measured, Replica
from tests.harness.eventually import consistently, eventually
from tests.harness.orders import Orders
from tests.harness.promises import Budgets
from tests.harness.recovery import fresh_block_faults, recovery
from tests.harness.verdict import InconclusiveError
from tests.loopback.environment import LoopbackEnvironment
from tests.loopback.peer import Steering
from tests.mutants.discovery import NO_KEEPALIVE
from tests.mutants.liveness import IDLE_PINGED, IDLE_UNWATCHED, KEEPALIVE_ANYWAY, KEEPALIVE_UNTIMED

pytestmark = [pytest.mark.extended, pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

PING, ANSWER = 1.0, 0.5
"""
Seconds: the keepalive time and timeout that gateways are started with.

C-core sends at most one ping a second, so a shorter time would be one that it does not keep.
"""

ROUNDS = 4
"""Rounds over the replicas, of which one is frozen."""

frames_are_seen = pytest.mark.only_in("loopback", reason="only there can a peer that counts pings be listed")

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


@pytest.mark.claims("KA-05", "F33", "F35", source="gRFC A8, Basic Keepalive; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(IDLE_UNWATCHED)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(KEEPALIVE_PERMIT_WITHOUT_CALLS="true", **WATCHED)
@frames_are_seen
def test_an_idle_connection_is_watched_where_that_is_asked_for(
    orders: Orders, environment: LoopbackEnvironment, budgets: Budgets, measured: Measured
) -> None:
    """Given keepalive without calls, a connection that carries none is pinged after the keepalive time."""
    peer, idle = _idle_beside_a_peer(orders, environment)
    for look in eventually(within=PING + budgets.slack, what="the idle connection is pinged"):
        with look:
            pings = _pings(environment, peer, idle)
            measured(f"pinged after {', '.join(pings) or 'never'} s", bound=f"within {PING + budgets.slack:.1f} s")
            assert pings


@pytest.mark.claims("KA-05", "F36", source="gRFC A8, Basic Keepalive: none without calls unless that is asked for")
@pytest.mark.catches(IDLE_PINGED)
@pytest.mark.gateway(KEEPALIVE_PERMIT_WITHOUT_CALLS="false", **WATCHED)
@frames_are_seen
def test_an_idle_connection_is_left_alone_otherwise(
    orders: Orders, environment: LoopbackEnvironment, budgets: Budgets, measured: Measured
) -> None:
    """Given keepalive with calls only, a connection that carries none is not pinged."""
    peer, idle = _idle_beside_a_peer(orders, environment)
    for look in consistently(during=PING + budgets.slack, what="the idle connection is not pinged"):
        with look:
            pings = _pings(environment, peer, idle)
            measured(f"pinged after {', '.join(pings) or 'never'} s", bound=f"never in {PING + budgets.slack:.1f} s")
            assert not pings


def _idle_beside_a_peer(orders: Orders, environment: LoopbackEnvironment) -> tuple[str, float]:
    """Give a fresh gateway one call and a peer to send it to; return the peer's name and since when it is idle."""
    peer = environment.list_peer(Steering(), instead=True)
    environment.fresh_gateway()
    (reply,) = orders.place().replies
    if not reply.ok:
        raise InconclusiveError(f"the peer did not answer: {reply.message}")
    return peer, reply.received + ECHO


def _pings(environment: LoopbackEnvironment, peer: str, since: float) -> list[str]:
    """Return after how many seconds the peer got pings."""
    frames = environment.frames(peer)
    return [f"{each.at - since + ECHO:.2f}" for each in frames if each.frame == "PING" and each.at > since]
