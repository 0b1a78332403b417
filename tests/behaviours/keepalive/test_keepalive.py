"""A replica that freezes with its connection open: when keepalive notices, and which calls fail until then."""

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
from tests.behaviours.retry.controls_application import PER_TRY_TIMEOUT
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
    waiting_faults,
)

pytestmark = [pytest.mark.extended, pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

PING, ANSWER = 1.0, 0.5
"""
Seconds: the keepalive time and timeout that gateways are started with.

C-core sends at most one ping per second, so it could not keep a shorter time.
"""

ROUNDS = 4
"""Rounds over the replicas, one of which is frozen."""

STALL, ENOUGH = 1.3, 10.0
"""Seconds: how long a replica stalls, more than the keepalive time, and a timeout that tolerates it anywhere."""

IN_TIME = {"CALL_TIMEOUT_MS": "10000"}
"""A deadline that calls to a stalled replica do not reach."""

UNHURRIED = 2.0
"""Seconds: twice as long as a replica takes for a call, if calls have no deadline."""

EAGER = 0.3
"""Seconds: a keepalive time that is too short for the peer. C-core keeps it for the first ping of a connection."""

WATCHED = {"KEEPALIVE_TIME_MS": f"{PING * 1000:.0f}", "KEEPALIVE_TIMEOUT_MS": f"{ANSWER * 1000:.0f}"}


@pytest.mark.claims("KA-01", "F34", "F35", "F37", source="gRFC A8, Basic Keepalive; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(NO_KEEPALIVE, KEEPALIVE_UNTIMED, KEEPALIVE_MISSPELT)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(**WATCHED)
@pytest.mark.only_in("loopback", "compose", reason="a pod that does not answer its probe is removed from DNS")
def test_a_frozen_replica_gets_no_calls_until_it_resumes(
    orders: Orders, struck: Replica, others: list[str], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that freezes under load is dropped after keepalive time and timeout, and used again once it resumes."""
    within = PING + ANSWER + budgets.slack
    frozen = struck.pause()
    for look in eventually(within=within, what="no call waits for the frozen replica"):
        with look:
            replies = orders.place(len(names)).replies
            dropped = f"no call waited for it after {replies[0].sent - frozen:.2f} s"
            measured(dropped, bound=f"within {within:.1f} s")
            assert not [reply for reply in replies if not reply.ok or reply.seconds > budgets.slack]
    assert not fresh_block_faults(orders, others, budgets.promises)

    with orders.load() as load:
        resumed = struck.resume()
        back = recovery(load, since=resumed, over=names, within=budgets.reconnect)
    measured(
        f"{dropped}; resumed: {back}",
        bound=f"within {within:.1f} s; no failures; even shares within {budgets.reconnect:.1f} s",
    )
    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, back)


@pytest.mark.claims("KA-02", "F34", "F54", source="gRFC A8: keepalive is off by default; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(KEEPALIVE_ANYWAY)
@explained_by(causes.unrequested_keepalive)
@pytest.mark.gateway(KEEPALIVE_TIME_MS="0")
@pytest.mark.promised("deadline", "one deadline", "no ejection", "no hedging")
def test_without_keepalive_a_frozen_replica_fails_its_share_of_calls(
    orders: Orders, replicas: list[Replica], struck: Replica, budgets: Budgets, measured: Measured
) -> None:
    """Without keepalive, exactly the calls sent to a frozen replica fail, each of them at its deadline."""
    struck.pause()
    block = orders.place(ROUNDS * len(replicas), rate=60)
    took = [reply.seconds for reply in block.failed]
    least, most = budgets.deadline
    measured(
        f"{len(took)} of {len(block.replies)} calls failed, after {min(took, default=0):.2f} s or more",
        bound=f"{ROUNDS} failed, each after {least:.2f} to {most:.2f} s",
    )

    assert len(took) == ROUNDS
    assert all(least <= seconds <= most for seconds in took)
    assert {reply.code for reply in block.failed} <= {"DEADLINE_EXCEEDED", None}


@pytest.mark.claims("F39", source="gRFC A8: a connection is closed if a ping is not acknowledged within the timeout")
@pytest.mark.catches(KEEPALIVE_HASTY)
@explained_by(causes.short_timeout)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(KEEPALIVE_TIME_MS=f"{PING * 1000:.0f}", KEEPALIVE_TIMEOUT_MS=f"{ENOUGH * 1000:.0f}", **IN_TIME)
@pytest.mark.only_in("loopback", "compose", reason="a pod that does not answer its probe is removed from DNS")
def test_a_stall_shorter_than_the_keepalive_timeout_keeps_the_connection(
    orders: Orders, struck: Replica, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that stalls under load for less than the keepalive timeout loses neither calls nor its connection."""
    with orders.load(30) as load:
        load.wait_until_served(by=names, within=budgets.reply)
        struck.pause()
        for look in consistently(during=STALL, what="no call fails"):
            with look:
                assert not [reply for reply in load.replies if not reply.ok]
        resumed = struck.resume()
        back = recovery(load, since=resumed, over=names, within=budgets.reconnect, outage=True)
    block = load.block()
    peers = {attempt.peer for attempt in block.attempts if attempt.replica == struck.name}
    retried = [attempt for attempt in block.attempts if attempt.previous_attempts]
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed, {len(retried)} retried; "
        f"connections to the replica: {len(peers)}",
        bound="no failures, no retries, 1 connection",
    )

    assert not block.failed
    assert not retried
    assert not waiting_faults(block, budgets, back)
    assert 1 <= len(peers) <= budgets.promises.connections_per_replica


@pytest.mark.claims("F40", "RR-01", source="gRPC C-core round_robin.cc: a pick ignores load")
@pytest.mark.catches(LEAST_LOADED)
@pytest.mark.acquits(PER_TRY_TIMEOUT)
@pytest.mark.promised("no ejection", "no hedging")
def test_a_slow_replica_keeps_its_share_and_delays_no_other_calls(
    orders: Orders, names: list[str], promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A replica that is slow to answer gets as many calls as the others, and only the calls it serves wait."""
    held = (promises.attempt_timeout or UNHURRIED) / 2
    block = orders.place(8 * len(names), rate=80, plan=f"OK:delay={held * 1000:.0f}@{names[0]}")
    seconds = sorted(reply.seconds for reply in block.replies)
    others = max((reply.seconds for reply in block.replies if reply.served_by != names[0]), default=0.0)
    measured(
        f"{block.tally}; calls took {median(seconds):.2f} s in the median, {seconds[-1]:.2f} s at most, "
        f"{others:.2f} s at most on the other replicas",
        bound=f"even shares; other replicas below {budgets.slack:.1f} s",
    )

    assert not block.failed
    assert not block.tally.faults(names, spread=promises.uneven(block.seconds))
    assert others < budgets.slack


@pytest.mark.claims("KA-05", "KA-06", "F33", "F35", source="gRFC A8, Basic Keepalive; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(IDLE_UNWATCHED)
@explained_by(causes.idle_pings)
@pytest.mark.feature("short-keepalive")
@pytest.mark.gateway(KEEPALIVE_PERMIT_WITHOUT_CALLS="true", **WATCHED)
def test_keepalive_pings_idle_connections_when_permitted(
    orders: Orders, environment: Environment, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """With permit_without_calls, an idle connection is pinged after the keepalive time."""
    peer, idle = _idle_next_to_a_peer(orders, environment, peers, Steering())
    for look in eventually(within=PING + budgets.slack, what="the idle connection is pinged"):
        with look:
            pings = _pings(peers, peer, idle)
            measured(_pinged(pings), bound=f"within {PING + budgets.slack:.1f} s")
            assert pings


@pytest.mark.claims("KA-05", "F36", source="gRFC A8, Basic Keepalive: none without calls unless permitted")
@pytest.mark.catches(IDLE_PINGED)
@explained_by(causes.idle_pings)
@pytest.mark.gateway(KEEPALIVE_PERMIT_WITHOUT_CALLS="false", **WATCHED)
def test_keepalive_does_not_ping_idle_connections_unless_permitted(
    orders: Orders, environment: Environment, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """Without permit_without_calls, an idle connection is not pinged."""
    peer, idle = _idle_next_to_a_peer(orders, environment, peers, Steering())
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
def test_a_too_many_pings_goaway_doubles_the_keepalive_time(
    orders: Orders, environment: Environment, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """After a GOAWAY with too_many_pings the next connection is not pinged before twice the keepalive time."""
    peer, _ = _idle_next_to_a_peer(orders, environment, peers, Steering(most_pings=1))
    for look in eventually(within=2 * PING + 2 * EAGER + budgets.reconnect, what="the next connection is pinged"):
        with look:
            frames = peers.frames(peer)
            refused = {frame.connection for frame in frames if frame.frame == "GOAWAY"}
            pings = [frame.seconds for frame in frames if frame.frame == "PING" and frame.connection not in refused]
            assert refused
            assert pings
    measured(f"the next connection is pinged after {min(pings):.2f} s", bound=f"not before {2 * EAGER:.1f} s")

    assert min(pings) >= 2 * EAGER - TIMER


def _idle_next_to_a_peer(
    orders: Orders, environment: Environment, peers: Peers, steering: Steering
) -> tuple[str, float]:
    """Let a fresh gateway send one call to a peer; return the name of the peer and since when it has been idle."""
    peer = peers.start(steering, instead=True)
    environment.fresh_gateway()
    (reply,) = orders.place().replies
    if not reply.ok:
        raise InconclusiveError(f"the peer did not answer: {reply.message}")
    return peer, reply.received + ECHO


def _pings(peers: Peers, peer: str, since: float) -> list[str]:
    """Return after how many seconds the peer received pings."""
    frames = peers.frames(peer)
    return [f"{frame.at - since + ECHO:.2f}" for frame in frames if frame.frame == "PING" and frame.at > since]


def _pinged(after: list[str]) -> str:
    return f"pinged after {', '.join(after)} s" if after else "never pinged"
