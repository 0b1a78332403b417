"""A replica that falls silent with its connection open: who notices, when, and what it costs meanwhile."""

from statistics import median

import pytest

from tests.behaviours.keepalive import causes
from tests.behaviours.keepalive.causes import ECHO
from tests.behaviours.keepalive.mutants import (
    IDLE_PINGED,
    IDLE_UNWATCHED,
    KEEPALIVE_ANYWAY,
    KEEPALIVE_HASTY,
    KEEPALIVE_MISSPELT,
    KEEPALIVE_UNTIMED,
    LEAST_LOADED,
    NEVER_LEARNS,
)
from tests.behaviours.mutants import NO_KEEPALIVE
from tests.harness.behaviour import (
    TIMER,
    Budgets,
    Environment,
    InconclusiveError,
    Measured,
    Orders,
    Peers,
    Promises,
    Replica,
    Steering,
    consistently,
    eventually,
    explained_by,
    fresh_block_faults,
    recovery,
)

pytestmark = [pytest.mark.extended, pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

PING, ANSWER = 1.0, 0.5
"""
Seconds: the keepalive time and timeout that gateways are started with.

C-core sends at most one ping a second, so a shorter time would be one that it does not keep.
"""

ROUNDS = 4
"""Rounds over the replicas, of which one is frozen."""

STALL, ENOUGH = 1.3, 10.0
"""Seconds: how long a replica stalls, more than the keepalive time, and a timeout that bears this on any machine."""

IN_TIME = {"CALL_TIMEOUT_MS": "10000"}
"""A deadline that calls to a stalled replica do not meet."""

EAGER = 0.3
"""Seconds: a keepalive time that the peer is told to find too short. C-core keeps it for a connection's first ping."""

WATCHED = {"KEEPALIVE_TIME_MS": f"{PING * 1000:.0f}", "KEEPALIVE_TIMEOUT_MS": f"{ANSWER * 1000:.0f}"}


@pytest.mark.claims("KA-01", "F34", "F35", "F37", source="gRFC A8, Basic Keepalive; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(NO_KEEPALIVE, KEEPALIVE_UNTIMED, KEEPALIVE_MISSPELT)
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


@pytest.mark.claims("KA-02", "F34", "F54", source="gRFC A8: keepalive is off by default; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(KEEPALIVE_ANYWAY)
@explained_by(causes.unrequested_keepalive)
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


@pytest.mark.claims("F39", source="gRFC A8: a connection is closed if a ping is not acknowledged within the timeout")
@pytest.mark.catches(KEEPALIVE_HASTY)
@explained_by(causes.short_timeout)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(KEEPALIVE_TIME_MS=f"{PING * 1000:.0f}", KEEPALIVE_TIMEOUT_MS=f"{ENOUGH * 1000:.0f}", **IN_TIME)
@pytest.mark.only_in("loopback", "compose", reason="a pod that does not answer its probe is not listed any more")
def test_a_replica_that_stalls_for_less_than_the_timeout_keeps_its_connection(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that stalls under calls, but for less than the keepalive timeout, loses no call and no connection."""
    with orders.load(30) as load:
        load.wait_until_served(by=names)
        replicas[0].pause()
        for look in consistently(during=STALL, what="no call fails"):
            with look:
                assert not [reply for reply in load.replies if not reply.ok]
        went_on = replicas[0].resume()
        recovery(load, since=went_on, over=names, within=budgets.reconnect)
    block = load.block()
    peers = {attempt.peer for attempt in block.attempts if attempt.replica == names[0]}
    repeated = [attempt for attempt in block.attempts if attempt.previous_attempts]
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed, {len(repeated)} attempts repeated, "
        f"{len(peers)} connections to the replica",
        bound="none failed, none repeated, 1 connection",
    )

    assert not block.failed
    assert not repeated
    assert len(peers) == 1


@pytest.mark.claims("F40", "RR-01", source="gRPC C-core round_robin.cc: a pick knows nothing of load")
@pytest.mark.catches(LEAST_LOADED)
def test_a_slow_replica_keeps_its_share_and_delays_no_other_call(
    orders: Orders, names: list[str], promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A replica that takes long over each call gets as many as the others, and only its own calls wait."""
    block = orders.place(8 * len(names), rate=80, plan=f"OK:delay={promises.call_timeout * 500:.0f}@{names[0]}")
    seconds = sorted(reply.seconds for reply in block.replies)
    others = max((reply.seconds for reply in block.replies if reply.served_by != names[0]), default=0.0)
    measured(
        f"{block.tally}, the median call took {median(seconds):.2f} s, the slowest {seconds[-1]:.2f} s, the slowest of "
        f"the other replicas {others:.2f} s",
        bound=f"even, the others below {budgets.slack:.1f} s",
    )

    assert not block.failed
    assert not block.tally.faults(names, spread=1)
    assert others < budgets.slack


@pytest.mark.claims("KA-05", "KA-06", "F33", "F35", source="gRFC A8, Basic Keepalive; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(IDLE_UNWATCHED)
@explained_by(causes.idle_pings)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(KEEPALIVE_PERMIT_WITHOUT_CALLS="true", **WATCHED)
def test_an_idle_connection_is_watched_where_that_is_asked_for(
    orders: Orders, environment: Environment, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """Given keepalive without calls, a connection that carries none is pinged after the keepalive time."""
    peer, idle = _idle_beside_a_peer(orders, environment, peers, Steering())
    for look in eventually(within=PING + budgets.slack, what="the idle connection is pinged"):
        with look:
            pings = _pings(peers, peer, idle)
            measured(_pinged(pings), bound=f"within {PING + budgets.slack:.1f} s")
            assert pings


@pytest.mark.claims("KA-05", "F36", source="gRFC A8, Basic Keepalive: none without calls unless that is asked for")
@pytest.mark.catches(IDLE_PINGED)
@explained_by(causes.idle_pings)
@pytest.mark.gateway(KEEPALIVE_PERMIT_WITHOUT_CALLS="false", **WATCHED)
def test_an_idle_connection_is_left_alone_otherwise(
    orders: Orders, environment: Environment, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """Given keepalive with calls only, a connection that carries none is not pinged."""
    peer, idle = _idle_beside_a_peer(orders, environment, peers, Steering())
    for look in consistently(during=PING + budgets.slack, what="the idle connection is not pinged"):
        with look:
            pings = _pings(peers, peer, idle)
            measured(_pinged(pings), bound=f"never in {PING + budgets.slack:.1f} s")
            assert not pings


@pytest.mark.claims("KA-04", "F36", source="gRFC A8, Server Enforcement: a client doubles its keepalive time")
@pytest.mark.catches(NEVER_LEARNS)
@explained_by(causes.time_not_doubled)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(
    KEEPALIVE_PERMIT_WITHOUT_CALLS="true",
    KEEPALIVE_TIME_MS=f"{EAGER * 1000:.0f}",
    KEEPALIVE_TIMEOUT_MS=f"{ENOUGH * 1000:.0f}",
)
def test_too_many_pings_double_the_keepalive_time(
    orders: Orders, environment: Environment, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """After a GOAWAY that says too_many_pings the next connection is not pinged before twice the keepalive time."""
    peer, _ = _idle_beside_a_peer(orders, environment, peers, Steering(most_pings=1))
    for look in eventually(within=2 * PING + 2 * EAGER + budgets.reconnect, what="the next connection is pinged"):
        with look:
            frames = peers.frames(peer)
            refused = {each.connection for each in frames if each.frame == "GOAWAY"}
            pings = [each.seconds for each in frames if each.frame == "PING" and each.connection not in refused]
            assert refused
            assert pings
    measured(f"the next connection is pinged after {min(pings):.2f} s", bound=f"not before {2 * EAGER:.1f} s")

    assert min(pings) >= 2 * EAGER - TIMER


def _idle_beside_a_peer(
    orders: Orders, environment: Environment, peers: Peers, steering: Steering
) -> tuple[str, float]:
    """Give a fresh gateway one call and a peer to send it to; return the peer's name and since when it is idle."""
    peer = peers.start(steering, instead=True)
    environment.fresh_gateway()
    (reply,) = orders.place().replies
    if not reply.ok:
        raise InconclusiveError(f"the peer did not answer: {reply.message}")
    return peer, reply.received + ECHO


def _pings(peers: Peers, peer: str, since: float) -> list[str]:
    """Return after how many seconds the peer got pings."""
    frames = peers.frames(peer)
    return [f"{each.at - since + ECHO:.2f}" for each in frames if each.frame == "PING" and each.at > since]


def _pinged(after: list[str]) -> str:
    return f"pinged after {', '.join(after)} s" if after else "never pinged"
