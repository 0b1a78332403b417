"""round_robin spreads calls evenly over the replicas, one connection each, and reports truly who served."""

import pytest

from tests.behaviours.contract.mutants import FAILS_BY_ITSELF
from tests.behaviours.distribution import causes
from tests.behaviours.distribution.controls import (
    ANOTHER_SERVICE,
    BY_GRPC,
    BY_ITSELF,
    BY_STDIO,
    CARRIES_NOTHING,
    CHANNEL_POOL,
)
from tests.behaviours.distribution.mutants import (
    CHANNEL_PER_CALLER,
    CLUSTER_IP,
    HANGING_WORKER,
    LYING,
    PICK_FIRST,
    PICK_FIRST_BY_GRPC,
    PICK_FIRST_BY_ITSELF,
    PICK_FIRST_BY_STDIO,
    PICK_FIRST_ELSEWHERE,
    PICK_FIRST_UNTOLD,
    POLICY_TYPO,
    POOL_OF_PICK_FIRST,
    RANDOM_PICKER,
    RETRIES_ON_THE_SAME_REPLICA,
    ROTATION_PER_THREAD,
    SIDECARS,
    SKIPS_THE_LAST_ADDRESS,
    SOME_ADDRESSES,
    STICKY_CALLER,
    WAITS_FOR_ALL,
    WEIGHTED,
)
from tests.behaviours.dns.controls import COLD, GATED, POLLER
from tests.behaviours.mutants import (
    CALLS_TWICE,
    CALLS_TWICE_ELSEWHERE,
    CHANNEL_PER_REQUEST,
    NAIVE_ROTATION,
    ONE_ADDRESS,
)
from tests.behaviours.retry.controls_application import BREAKER, BULKHEAD
from tests.harness.behaviour import (
    Budgets,
    Dns,
    Environment,
    Measured,
    Orders,
    Promises,
    Replica,
    connection_faults,
    explained_by,
    many_of,
    recovery,
    turn_faults,
    waiting_faults,
)

balances = pytest.mark.promised("round_robin")

ROUNDS = 10
"""Rounds over the replicas in a serial block: a random picker passes 30 calls over 3 replicas with 2.9e-14."""


@pytest.mark.claims(
    "RR-01", "F01", "F02", "F04", "F09", "F10", "F12", source="grpc/grpc doc/load-balancing.md, round_robin"
)
@pytest.mark.catches(
    PICK_FIRST,
    POLICY_TYPO,
    ONE_ADDRESS,
    CLUSTER_IP,
    RANDOM_PICKER,
    WEIGHTED,
    SIDECARS,
    SOME_ADDRESSES,
    SKIPS_THE_LAST_ADDRESS,
    ROTATION_PER_THREAD,
    FAILS_BY_ITSELF,
    POOL_OF_PICK_FIRST,
    STICKY_CALLER,
    PICK_FIRST_ELSEWHERE,
    PICK_FIRST_UNTOLD,
    PICK_FIRST_BY_GRPC,
    PICK_FIRST_BY_STDIO,
)
@pytest.mark.acquits(POLLER, CHANNEL_POOL, ANOTHER_SERVICE, BY_GRPC, BY_STDIO)
@balances
def test_serial_calls_rotate_across_all_replicas(
    orders: Orders, promises: Promises, names: list[str], measured: Measured
) -> None:
    """Serial calls of one caller rotate across all replicas in a fixed order."""
    block = orders.place(ROUNDS * len(names))
    measured(f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed", bound=f"{ROUNDS} each, in turn")

    assert not block.failed
    assert not turn_faults(block, names, promises)


@pytest.mark.claims("RR-02", source="gRPC C-core round_robin.cc, Picker::Pick; grpc-go endpointsharding.go")
@pytest.mark.catches(PICK_FIRST, ONE_ADDRESS, CLUSTER_IP, WEIGHTED, POOL_OF_PICK_FIRST, PICK_FIRST_BY_ITSELF)
@pytest.mark.acquits(CHANNEL_POOL, BULKHEAD, CARRIES_NOTHING, BY_STDIO, BY_ITSELF)
@balances
@pytest.mark.by_arrivals
def test_concurrent_calls_are_spread_evenly(
    orders: Orders, promises: Promises, names: list[str], measured: Measured
) -> None:
    """Calls of sixteen concurrent callers are spread over the replicas evenly, to within one call."""
    block = orders.place(100 * len(names), callers=16)
    uneven = promises.uneven(block.seconds) + block.blurred(len(names))
    how = "that arrived" if block.arrived else "of 16 callers"
    measured(
        f"{len(block.replies)} calls {how} {block.tally}, {len(block.failed)} failed",
        bound=f"shares differ by {uneven} at most, none failed",
    )

    assert not block.failed
    assert not block.tally.faults(names, spread=uneven)


@pytest.mark.claims("RR-03", "F05", "F06", "F64", source="grpc/grpc doc/load-balancing.md, round_robin; gRFC A61")
@pytest.mark.catches(PICK_FIRST, CLUSTER_IP, CHANNEL_PER_REQUEST, POOL_OF_PICK_FIRST, PICK_FIRST_BY_ITSELF)
@pytest.mark.acquits(CHANNEL_POOL, BY_ITSELF)
@balances
@pytest.mark.by_arrivals
def test_each_replica_has_exactly_one_connection(
    orders: Orders, environment: Environment, promises: Promises, names: list[str], measured: Measured
) -> None:
    """The gateway keeps exactly one connection to every replica, however many calls it makes."""
    block = orders.place(ROUNDS * len(names))
    used = {name: {attempt.peer for attempt in block.attempts if attempt.replica == name} for name in names}
    connections = environment.connections()
    measured(
        f"open connections {connections}, used {[len(used[name]) for name in names]}",
        bound=f"{many_of(promises.connections_per_replica)} for each replica",
    )

    assert not connection_faults(connections, names, promises)
    assert not connection_faults({name: len(peers) for name, peers in used.items()}, names, promises)


@pytest.mark.claims("RR-04", "RR-05", source="gRPC C-core round_robin.cc: only READY endpoints are picked")
@pytest.mark.catches(NAIVE_ROTATION)
@balances
def test_a_dead_address_fails_no_calls(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """An address that refuses connections fails no calls, and the other replicas keep even shares."""
    dns.list_a_dead_address()
    environment.fresh_gateway()
    with orders.load() as load:
        spread = recovery(load, since=load.started, over=names, within=budgets.reconnect, outage=True)
    assert not waiting_faults(load.block(), budgets, spread)
    block = orders.place(ROUNDS * len(names), callers=len(names))
    # each dial of the dead address may restart the rotation and so shift a share by one; at least 100 ms lie between
    # two dials (RR-05; C-core's minimum reconnect backoff). With several callers few dials fall into a block, slow as
    # its calls may be
    uneven = budgets.promises.uneven(block.seconds, restarts=1 + int(block.seconds / 0.1))
    measured(
        f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed",
        bound=f"shares differ by {uneven} at most, none failed",
    )

    assert not block.failed
    assert not block.tally.faults(names, spread=uneven)


@pytest.mark.claims("RR-06", "F23", source="gRPC C-core round_robin.cc, endpoint_list.cc")
@pytest.mark.catches(PICK_FIRST, ONE_ADDRESS, CLUSTER_IP)
@pytest.mark.acquits(GATED, COLD)
@balances
def test_a_fresh_gateway_balances_from_its_first_calls(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A gateway that has just started fails no calls, and soon spreads them over all replicas."""
    environment.fresh_gateway()
    within = budgets.reconnect + budgets.first_call
    with orders.load() as load:
        spread = recovery(load, since=load.started, over=names, within=within, outage=True)
    measured(f"from its first call: {spread}", bound=f"no failures; even shares within {within:.1f} s")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, spread)
    assert not turn_faults(orders.place(ROUNDS * len(names)), names, budgets.promises)


@pytest.mark.claims("RR-06", "F38", source="gRPC C-core round_robin.cc: READY with the first READY endpoint")
@pytest.mark.catches(WAITS_FOR_ALL)
@pytest.mark.acquits(COLD)
@balances
def test_an_unresponsive_replica_does_not_delay_a_fresh_gateway(
    orders: Orders,
    environment: Environment,
    struck: Replica,
    others: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A replica that accepts connections and sends nothing delays no calls of a fresh gateway."""
    struck.pause()
    environment.fresh_gateway()
    with orders.load() as load:
        within = budgets.reconnect + budgets.first_call
        spread = recovery(load, since=load.started, over=others, within=within, outage=True)
    slowest, most = max(reply.seconds for reply in load.replies), budgets.slack + budgets.first_call
    measured(f"slowest {slowest:.2f} s; {spread}", bound=f"no failures; slowest below {most:.1f} s")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, spread)
    assert slowest < most


@pytest.mark.claims(
    "RR-17", "F57", "F58", source="grpc/grpc doc/load-balancing.md: balancing is per call, not per connection"
)
@pytest.mark.catches(PICK_FIRST, ONE_ADDRESS, CLUSTER_IP, CHANNEL_PER_CALLER, CHANNEL_PER_REQUEST, HANGING_WORKER)
@pytest.mark.acquits(CHANNEL_POOL)
@balances
def test_callers_share_one_rotation(orders: Orders, promises: Promises, names: list[str], measured: Measured) -> None:
    """Balancing is per call: callers on separate connections share one common rotation."""
    block = orders.place(ROUNDS * len(names), reconnect=True)
    measured(
        f"{len(block.replies)} calls over separate connections {block.tally}, {len(block.failed)} failed",
        bound=f"{ROUNDS} each, in turn",
    )

    assert not block.failed
    assert not turn_faults(block, names, promises)


@pytest.mark.claims("RR-15", "F50", source="gRFC A6, Where Retries Occur: a retry is a new pick")
@pytest.mark.catches(PICK_FIRST, RETRIES_ON_THE_SAME_REPLICA)
@pytest.mark.acquits(BREAKER)
@pytest.mark.promised("retries")
@balances
def test_a_retry_goes_to_another_replica(
    orders: Orders, promises: Promises, names: list[str], measured: Measured
) -> None:
    """The attempts of one call of a serial caller go to different replicas, in rotation order."""
    block = orders.place(promises.sparing(2), plan="UNAVAILABLE")
    trails = [[attempt.replica for attempt in trail] for trail in block.trails]
    measured(f"{trails[0]}", bound="different replicas")

    assert all(len(trail) > 1 for trail in trails)
    assert [len(set(trail[: len(names)])) for trail in trails] == [min(len(trail), len(names)) for trail in trails]


@pytest.mark.claims(
    "contract", source="docs/reference/contract.md: served_by is passed on as the order service sent it"
)
@pytest.mark.promised("served_by")
@pytest.mark.catches(LYING)
@explained_by(causes.served_by_changed)
def test_served_by_agrees_with_the_ledgers(orders: Orders, names: list[str], measured: Measured) -> None:
    """The replica named in a reply is the one whose ledger holds the call."""
    block = orders.place(ROUNDS * len(names))
    named = [reply.served_by for reply in block.replies]
    agreeing = sum(name == replica for name, replica in zip(named, block.served, strict=True))
    measured(f"{agreeing} of {len(named)} replies agree with the ledgers", bound="all")

    assert named == block.served


@pytest.mark.claims("F53", source="docs/reference/contract.md: one request makes exactly one call")
@pytest.mark.catches(CALLS_TWICE, CALLS_TWICE_ELSEWHERE)
@explained_by(causes.called_twice)
@pytest.mark.promised("no hedging")
def test_one_request_makes_one_call(orders: Orders, names: list[str], measured: Measured) -> None:
    """A request that succeeds on the first attempt is one call to one replica."""
    block = orders.place(ROUNDS * len(names))
    measured(f"{len(block.attempts)} attempts for {len(block.replies)} requests", bound="1 attempt for each")

    assert [len(trail) for trail in block.trails] == [1] * len(block.replies)
