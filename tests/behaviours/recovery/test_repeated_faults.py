"""
More than one life: a gateway meets the same fault again and again, an outage that lasts, and its last replica.

What is wrong after the second loss, or once an address was dialled for long, does not show with one short outage.
"""

import pytest

from tests.behaviours.recovery import causes_repeated
from tests.behaviours.recovery.mutants import (
    BREAKS_ALONE,
    GIVES_UP,
    HOLDS_ALL_CALLS,
    HOLDS_SOME_CALLS,
    LOSES_WAKEUPS,
    NEVER_REDIALS,
    RECOVERS_ONCE,
    RESOLVES_TWICE,
    WAITS_FOR_DIALS,
)
from tests.harness.behaviour import (
    Budgets,
    Environment,
    Measured,
    Orders,
    Peers,
    Recovery,
    Replica,
    consistently,
    eventually,
    explained_by,
    fresh_block_faults,
    records_stay,
    recovery,
    waiting_faults,
)

pytestmark = [pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

TIMES = 3
"""How often a fault happens to one gateway."""

OUTAGE = 15.0
"""Seconds: long enough for the backoff of most clients to reach its maximum, and for a count of dials to run out."""

ROUNDS = 10
"""Rounds over the replicas in a serial block."""


def _stated(recoveries: list[Recovery]) -> str:
    return ". ".join(f"{number}: {back}" for number, back in enumerate(recoveries, 1))


@pytest.mark.claims("RC-01", "F20", "F21", source="grpc/grpc doc/connection-backoff.md: a success resets the backoff")
@pytest.mark.catches(RECOVERS_ONCE, HOLDS_ALL_CALLS, HOLDS_SOME_CALLS)
@explained_by(causes_repeated.holds_calls, causes_repeated.gives_up)
@pytest.mark.promised("retries")
@records_stay
@pytest.mark.parametrize("fault", ["killed", pytest.param("stopped", marks=pytest.mark.extended)])
def test_a_replica_that_is_lost_three_times_regains_its_share_each_time(
    fault: str,
    orders: Orders,
    struck: Replica,
    others: list[str],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A replica that goes down and returns three times gets its share each time, and no call fails or waits."""
    recoveries = []
    with orders.load() as load:
        for _ in range(TIMES):
            lost = struck.kill() if fault == "killed" else struck.stop()
            recoveries.append(recovery(load, since=lost, over=others, within=budgets.reconnect))
            returned = struck.start()
            recoveries.append(recovery(load, since=returned, over=names, within=budgets.reconnect))
    measured(
        _stated(recoveries[1::2]), bound=f"no failures; even shares within {budgets.reconnect:.1f} s after each return"
    )

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, *recoveries)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RC-09", "F20", "F21", source="gRFC A62; grpc/grpc doc/connection-backoff.md")
@pytest.mark.catches(RECOVERS_ONCE, LOSES_WAKEUPS)
@explained_by(causes_repeated.left_waiting, causes_repeated.gives_up)
@records_stay
def test_service_returns_after_each_of_three_outages(
    orders: Orders,
    environment: Environment,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """All replicas go down and return three times: each time shares are even in time, and no call is left waiting."""
    recoveries = []
    with orders.load() as load:
        for _ in range(TIMES):
            killed = max(replica.kill() for replica in replicas)
            load.wait_until_failing(since=killed, within=budgets.fail_fast + budgets.slack)
            returned = environment.restart_replicas()
            back = recovery(load, since=returned, over=names, within=budgets.reconnect, outage=True)
            recoveries.append(back)
    measured(_stated(recoveries), bound=f"no failures and even shares after {budgets.reconnect:.1f} s each time")

    assert not waiting_faults(load.block(), budgets, *recoveries)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RC-09", "F20", "F21", source="grpc/grpc doc/connection-backoff.md: there is no last attempt")
@pytest.mark.catches(GIVES_UP)
@explained_by(causes_repeated.gives_up)
@records_stay
@pytest.mark.extended
def test_service_returns_after_a_long_outage(
    orders: Orders,
    environment: Environment,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """After an outage of 15 s service returns as after a short one: no address is given up, and nothing trips."""
    with orders.load(20) as load:
        killed = max(replica.kill() for replica in replicas)
        for look in consistently(during=OUTAGE, every=0.5, what="no call is served while all replicas are down"):
            with look:
                assert not [reply for reply in load.answered_since(killed) if reply.ok]
        returned = environment.restart_replicas()
        back = recovery(load, since=returned, over=names, within=budgets.reconnect, outage=True)
    measured(
        f"returned after {returned - killed:.1f} s: {back}",
        bound=f"no failures and even shares after {budgets.reconnect:.1f} s",
    )

    assert not waiting_faults(load.block(), budgets, back)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RC-10", "F14", "F19", source="gRFC A61; gRPC C-core polling_resolver.cc")
@pytest.mark.catches(RESOLVES_TWICE)
@pytest.mark.extended
@pytest.mark.waits(3)
def test_a_fleet_that_is_replaced_three_times_is_found_each_time(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Every replica moves to a new address three times, and the gateway finds them all in time each time."""
    recoveries = []
    with orders.load(30) as load:
        for _ in range(TIMES):
            returned = environment.restart_replicas(moved=True)
            back = recovery(load, since=returned, over=names, within=budgets.rediscover, outage=True)
            recoveries.append(back)
    measured(_stated(recoveries), bound=f"no failures and even shares after {budgets.rediscover:.1f} s each time")

    assert not waiting_faults(load.block(), budgets, *recoveries)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims(
    "RR-03", "RC-01", "F20", source="grpc/grpc doc/load-balancing.md, round_robin: reconnects by itself"
)
@pytest.mark.catches(NEVER_REDIALS)
@explained_by(causes_repeated.not_redialled)
def test_a_cut_connection_is_made_again_without_a_call(
    orders: Orders, environment: Environment, struck: Replica, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A connection that a living replica closes is made again in time, without a call that needs it, three times."""
    for _ in range(TIMES):
        for look in eventually(within=budgets.reconnect, what=f"a call reaches {struck.name}, which then closes"):
            with look:
                block = orders.place(len(names), plan=f"CLOSE@{struck.name}")
                assert struck.name in block.tally.counts
        for look in eventually(within=budgets.reconnect, what="every replica is connected"):
            with look:
                connections = environment.connections()
                measured(
                    f"connections {connections}", bound=f"to each, within {budgets.reconnect:.1f} s, {TIMES} times"
                )
                assert all(connections.values())

    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RR-04", "F38", source="gRPC C-core round_robin.cc: only READY endpoints are picked")
@pytest.mark.catches(WAITS_FOR_DIALS)
@explained_by(causes_repeated.waits_for_lost)
def test_a_lost_replica_that_turns_silent_delays_no_calls(
    orders: Orders, peers: Peers, struck: Replica, others: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica is lost, and its address then accepts connections and sends nothing: no call fails or waits for it."""
    struck.kill()
    peers.silence([struck.name])
    block = orders.place(ROUNDS * len(others))
    slowest = max(reply.seconds for reply in block.replies)
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed, slowest {slowest:.2f} s",
        bound=f"no failures; slowest below {budgets.slack:.1f} s",
    )

    assert not block.failed
    assert slowest < budgets.slack


@pytest.mark.claims("RC-01", "RR-04", "F20", source="grpc/grpc doc/load-balancing.md, round_robin")
@pytest.mark.catches(BREAKS_ALONE)
@explained_by(causes_repeated.breaks_alone)
@pytest.mark.promised("retries")
@records_stay
def test_the_last_replica_left_serves_every_call(
    orders: Orders, replicas: list[Replica], struck: Replica, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Replicas are lost one after the other until one is left, and return: no call fails or waits."""
    recoveries, left = [], list(names)
    with orders.load() as load:
        for replica in replicas:
            if replica.name != struck.name:
                lost = replica.kill()
                left.remove(replica.name)
                recoveries.append(recovery(load, since=lost, over=left, within=budgets.reconnect))
        returned = max(replica.start() for replica in replicas if replica.name != struck.name)
        recoveries.append(recovery(load, since=returned, over=names, within=budgets.reconnect))
    measured(
        f"with one left: {recoveries[-2]}. returned: {recoveries[-1]}",
        bound=f"no failures; even shares within {budgets.reconnect:.1f} s each time",
    )

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, *recoveries)
