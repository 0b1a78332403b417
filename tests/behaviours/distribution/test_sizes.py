"""However many replicas there are, each is used: one, two, four, forty, and fewer than a call has attempts."""

import pytest

from tests.behaviours.distribution import causes_sizes
from tests.behaviours.distribution.mutants import BEGINS_AGAIN, PICK_FIRST, TEN_ADDRESSES
from tests.behaviours.recovery import causes_repeated
from tests.behaviours.recovery.mutants import BREAKS_ALONE, EXCLUDES_TRIED
from tests.harness.behaviour import (
    Budgets,
    Dns,
    Environment,
    Measured,
    Orders,
    Peers,
    Promises,
    Replica,
    Steering,
    connection_faults,
    consistently,
    eventually,
    explained_by,
    many_of,
    recovery,
    turn_faults,
    waiting_faults,
)
from tests.harness.judges.first_picks import CHANGES, calls_between, first_pick_faults, most_first

pytestmark = pytest.mark.promised("round_robin")

ROUNDS = 10
"""Rounds over the replicas in a serial block."""

READY = 0.1
"""Seconds from the accepted connection until the picker has it: the two exchange their settings."""

MANY = 40
"""Peers. Their addresses fill more than 512 bytes, what a DNS answer over UDP may have without EDNS."""


@pytest.mark.claims("RR-01", "RR-06", source="grpc/grpc doc/load-balancing.md, round_robin")
@pytest.mark.catches(PICK_FIRST)
@pytest.mark.parametrize("count", [2, 4])
def test_two_and_four_replicas_are_all_used(
    count: int, orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """A fresh gateway rotates across all replicas, whether there are two of them or four."""
    environment.scale(count)
    over = [replica.name for replica in environment.replicas]
    environment.fresh_gateway()
    with orders.load() as load:
        spread = recovery(load, since=load.started, over=over, within=budgets.reconnect, outage=True)
    block = orders.place(ROUNDS * count)
    measured(f"{spread}; {len(block.replies)} calls {block.tally}", bound=f"{ROUNDS} each, in turn; no failures")

    whole = load.block()
    assert not whole.failed + block.failed
    assert not waiting_faults(whole, budgets, spread)
    assert not turn_faults(block, over, budgets.promises)


@pytest.mark.claims("RR-01", "RR-03", "F10", "F11", source="grpc/grpc doc/load-balancing.md, round_robin; RFC 1035")
@pytest.mark.catches(TEN_ADDRESSES)
@explained_by(causes_sizes.some_addresses)
def test_forty_replicas_are_all_used_over_one_connection_each(
    orders: Orders, environment: Environment, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """A fresh gateway in front of forty servers calls each of them in turn, over one connection."""
    many = peers.start_many(MANY, Steering())
    environment.fresh_gateway()
    for look in eventually(within=budgets.reconnect, what=f"each of {MANY} servers is called"):
        with look:
            found = set(orders.place(MANY).served)
            measured(f"{len(found)} of {MANY} servers were called", bound=f"all within {budgets.reconnect:.1f} s")
            assert found == set(many)
    block = orders.place(2 * MANY)
    used = {name: {attempt.peer for attempt in block.attempts if attempt.replica == name} for name in many}
    connections, pool = peers.connections(many), budgets.promises.connections_per_replica
    measured(
        f"{len(block.replies)} calls to {len(set(block.served))} servers, {len(block.failed)} failed; "
        f"{sum(connections.values())} connections",
        bound=f"2 each, in turn; {many_of(pool)} for each of {MANY}; no failures",
    )

    assert not block.failed
    assert not turn_faults(block, many, budgets.promises)
    assert not connection_faults({name: len(peers_used) for name, peers_used in used.items()}, many, budgets.promises)
    assert not connection_faults(connections, many, budgets.promises)


@pytest.mark.claims("RR-01", "RC-06", "F13", source="grpc/grpc doc/load-balancing.md; gRPC C-core polling_resolver.cc")
@pytest.mark.catches(BREAKS_ALONE)
@explained_by(causes_sizes.fails_with_one)
@pytest.mark.promised("retries")
@pytest.mark.extended
def test_a_service_scaled_to_one_and_back_is_balanced_again(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Scaled down, one replica serves every call; scaled up, all get their share after a connection loss."""
    environment.scale(1)
    (left,) = [replica.name for replica in environment.replicas]
    with orders.load() as load:
        alone = recovery(load, since=load.started, over=[left], within=budgets.reconnect)
    assert not load.block().failed
    assert not waiting_faults(load.block(), budgets, alone)
    environment.scale(len(names))
    over = [replica.name for replica in environment.replicas]
    with orders.load() as load:
        (cut,) = orders.place(plan="CLOSE,OK").replies
        back = recovery(load, since=cut.received, over=over, within=budgets.rediscover, outage=True)
    measured(
        f"one left: {alone}. {len(over)} again: {back}",
        bound=f"even shares within {budgets.rediscover:.1f} s of a loss",
    )

    assert not waiting_faults(load.block(), budgets, back)
    assert not turn_faults(orders.place(ROUNDS * len(over)), over, budgets.promises, restarts=1)


@pytest.mark.claims("RR-05", "F23", source="gRPC C-core round_robin.cc, Picker::Picker: a random first replica")
@pytest.mark.catches(BEGINS_AGAIN)
@explained_by(causes_sizes.begins_again)
@pytest.mark.given_spread_calls
@pytest.mark.extended
def test_a_changed_picker_does_not_always_begin_with_the_same_replica(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Over 24 lost connections, each followed by fewer calls than there are replicas, none is always first."""
    dns.list_in_order(names)  # what comes first in the list stays the same
    first = []
    for change in range(CHANGES):
        orders.place(plan="CLOSE,OK")
        for look in eventually(within=budgets.reconnect, what="every replica is connected again"):
            with look:
                assert all(environment.connections().values())
        for look in consistently(during=READY, what="the new connection is in use"):
            with look:
                assert all(environment.connections().values())
        first.append(orders.place(calls_between(change, len(names))).served[0])
    counts = {name: first.count(name) for name in names}
    measured(f"first after {CHANGES} changes: {counts}", bound=f"each at most {most_first(names)} times")

    assert not first_pick_faults(first, names)


@pytest.mark.claims("RT-01", "RR-15", source="gRFC A6, Where Retries Occur: a retry is a new pick")
@pytest.mark.catches(EXCLUDES_TRIED)
@explained_by(causes_repeated.excludes_tried)
@pytest.mark.promised("retries")
@pytest.mark.given_spread_calls
def test_a_single_replica_gets_every_attempt_of_a_call(
    orders: Orders, replicas: list[Replica], struck: Replica, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """With fewer replicas than attempts a call is retried on one that it tried before, as often as promised."""
    orders.place(1, plan="UNAVAILABLE,OK")  # evidence of whether it retries at all, with others to retry on
    for replica in replicas:
        if replica.name != struck.name:
            replica.kill()
    for look in eventually(within=budgets.reconnect, what="the last replica serves every call"):
        with look:
            assert not orders.place(len(replicas)).failed
    plan = ",".join([*["UNAVAILABLE"] * (promises.max_attempts - 1), "OK"])
    block = orders.place(2, plan=plan)
    made = [len(trail) for trail in block.trails]
    measured(f"attempts {made}, {len(block.failed)} of 2 calls failed", bound=f"{promises.max_attempts}, none failed")

    assert made == [promises.max_attempts] * 2
    assert not block.failed
