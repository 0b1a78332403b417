"""
A policy other than round_robin: who gets calls, calls move from a lost replica, and service returns after outages.

Even shares are not promised there; that calls are served, and do not wait, is. A gateway that can be configured is
judged with pick_first, a black box with the policy that it promises.
"""

import pytest

from tests.behaviours.distribution.mutants import PICK_FIRST, WEIGHTED
from tests.behaviours.mutants import FROZEN_LIST, ONE_ADDRESS, SLOW_RECONNECT, SLOW_RESOLUTION
from tests.behaviours.pick_first import causes
from tests.behaviours.pick_first.controls import HASHES, PICKS_FIRST, WEIGHS
from tests.behaviours.pick_first.mutants import PICK_FIRST_CONFIG, ROUND_ROBIN_INSTEAD
from tests.behaviours.recovery import causes_repeated
from tests.behaviours.recovery.mutants import RECOVERS_ONCE
from tests.harness.behaviour import (
    Budgets,
    Environment,
    Measured,
    Orders,
    Promises,
    Replica,
    explained_by,
    records_stay,
    recovery,
    waiting_faults,
    written,
)

pytestmark = pytest.mark.settles_when_served

picks_first = pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PICK_FIRST_CONFIG))

TIMES = 3
"""How often a fault happens to one gateway."""

CALLERS = 16
"""Concurrent, so that any dependence on the caller shows: all on the same of three replicas by chance with 7e-8."""

CALLS_EACH = 25
"""Calls for each replica: of N, one that is chosen with a probability of 1/N gets none of them with e**-25."""


def _judge_moving(orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured) -> None:
    """Kill the replica that serves, again and again, while the others run."""
    recoveries = []
    with orders.load(30) as load:
        for _ in range(TIMES):
            (reply,) = orders.place().replies
            used = next(replica for replica in replicas if replica.name == reply.served_by)
            lost = used.kill()
            recoveries.append(recovery(load, since=lost, over=(), within=budgets.reconnect, outage=True))
            used.start()
    block = load.block()
    failed = block.failed if budgets.promises.has("retries") else []
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed; served again after "
        f"{', '.join(f'{back.even_after:.2f}' for back in recoveries)} s",
        bound=f"no failures with retries; within {budgets.reconnect:.1f} s each time",
    )

    assert not failed
    assert not waiting_faults(block, budgets, *recoveries)


def _judge_outages(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Kill every replica, and restart them all, again and again."""
    recoveries = []
    with orders.load(30) as load:
        for _ in range(TIMES):
            killed = max(replica.kill() for replica in replicas)
            load.wait_until_failing(since=killed, within=budgets.fail_fast + budgets.slack)
            returned = environment.restart_replicas()
            recoveries.append(recovery(load, since=returned, over=(), within=budgets.reconnect, outage=True))
    measured(
        f"served again after {', '.join(f'{back.even_after:.2f}' for back in recoveries)} s",
        bound=f"within {budgets.reconnect:.1f} s each time",
    )

    assert not waiting_faults(load.block(), budgets, *recoveries)


@pytest.mark.claims("PF-04", "PF-09", "F20", source="grpc/grpc doc/load-balancing.md, pick_first; grpc/grpc-js#2559")
@pytest.mark.catches(ONE_ADDRESS)
@explained_by(causes.no_other_address)
@pytest.mark.extended
@picks_first
@records_stay
def test_pick_first_moves_from_each_replica_that_is_lost(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Under pick_first calls move to another replica each time that the one that serves them is lost."""
    _judge_moving(orders, replicas, budgets, measured)


@pytest.mark.claims("PF-04", "PF-09", "F20", source="grpc/grpc doc/load-balancing.md, pick_first; grpc/grpc-js#2559")
@pytest.mark.catches(ONE_ADDRESS)
@pytest.mark.acquits(PICKS_FIRST, WEIGHS, HASHES)
@explained_by(causes.no_other_address)
@pytest.mark.promised("another policy")
@records_stay
def test_calls_move_from_a_lost_replica_under_the_promised_policy(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Under the promised policy calls move to other replicas each time that one which serves them is lost."""
    _judge_moving(orders, replicas, budgets, measured)


@pytest.mark.claims("PF-09", "RC-09", "F20", "F21", source="gRFC A62, Use sticky-TF by default; grpc/grpc-go#8615")
@pytest.mark.catches(RECOVERS_ONCE, SLOW_RECONNECT)
@explained_by(causes_repeated.gives_up, causes.stays_down)
@pytest.mark.extended
@picks_first
@records_stay
def test_pick_first_returns_after_each_of_three_outages(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Under pick_first calls are served again in time after each of three outages of all replicas."""
    _judge_outages(orders, environment, replicas, budgets, measured)


@pytest.mark.claims("PF-09", "RC-09", "F20", "F21", source="gRFC A62, Use sticky-TF by default; grpc/grpc-go#8615")
@pytest.mark.catches(RECOVERS_ONCE)
@pytest.mark.acquits(PICKS_FIRST, WEIGHS, HASHES)
@explained_by(causes_repeated.gives_up)
@pytest.mark.promised("another policy")
@records_stay
def test_service_returns_after_outages_under_the_promised_policy(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Under the promised policy calls are served again in time after each of three outages of all replicas."""
    _judge_outages(orders, environment, replicas, budgets, measured)


@pytest.mark.claims("PF-03", "PF-01", source="grpc/grpc doc/load-balancing.md, pick_first; gRFC A61, Happy Eyeballs")
@pytest.mark.catches(ROUND_ROBIN_INSTEAD)
@pytest.mark.acquits(PICKS_FIRST)
@explained_by(causes.in_turn)
@pytest.mark.promised("pick_first")
def test_a_promised_pick_first_sends_all_calls_to_one_replica(
    orders: Orders, environment: Environment, promises: Promises, measured: Measured
) -> None:
    """Where pick_first is promised, one replica gets the calls of all callers, and no other has a connection."""
    block = orders.place(5 * CALLERS, callers=CALLERS)
    connections = environment.connections()
    used = [name for name, count in connections.items() if count]
    measured(
        f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed, connections {connections}",
        bound=f"all on one, which has {promises.connections_per_replica} at most",
    )

    assert not block.failed
    assert used == list(block.tally.counts)
    assert len(used) == 1
    assert connections[used[0]] <= promises.connections_per_replica


@pytest.mark.claims("WRR-06", "F01", source="gRFC A58, EDF Scheduler; gRFC A48, least_request: picks at random")
@pytest.mark.catches(PICK_FIRST, ONE_ADDRESS)
@pytest.mark.acquits(WEIGHS)
@explained_by(causes.one_of_all)
@pytest.mark.promised("calls for every replica")
def test_every_replica_gets_calls_under_the_promised_policy(
    orders: Orders, names: list[str], measured: Measured
) -> None:
    """Where weighted_round_robin or least_request is promised, every replica gets calls."""
    block = orders.place(CALLS_EACH * len(names))
    measured(
        f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed", bound="some for each, none failed"
    )

    assert not block.failed
    assert set(block.tally.counts) == set(names)


@pytest.mark.claims("WRR-06", source="gRFC A58, EDF Scheduler: with fewer than two weights, round_robin")
@pytest.mark.catches(PICK_FIRST, WEIGHTED)
@pytest.mark.acquits(WEIGHS)
@explained_by(causes.one_of_all)
@pytest.mark.promised("weighted_round_robin")
def test_weighted_round_robin_is_even_without_load_reports(
    orders: Orders, promises: Promises, names: list[str], measured: Measured
) -> None:
    """
    Where weighted_round_robin is promised, replicas that report no load get the same share.

    A random picker passes 75 calls over 3 replicas with 8 %: it is what least_request may do, and is not told apart.
    """
    orders.place(2 * len(names))  # by now every replica is connected
    block = orders.place(CALLS_EACH * len(names))
    uneven = promises.uneven(block.seconds, restarts=1)
    measured(f"{len(block.replies)} calls {block.tally}", bound=f"shares differ by {uneven} at most, none failed")

    assert not block.failed
    assert not block.tally.faults(names, spread=uneven)


@pytest.mark.claims("RC-10", "F14", "F19", source="gRFC A61; gRPC C-core polling_resolver.cc")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.acquits(PICKS_FIRST, WEIGHS, HASHES)
@pytest.mark.promised("another policy")
def test_a_replaced_fleet_is_found_under_the_promised_policy(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """Under the promised policy calls are served again in time when every replica has moved to a new address."""
    with orders.load(30) as load:
        returned = environment.restart_replicas(moved=True)
        back = recovery(load, since=returned, over=(), within=budgets.rediscover, outage=True)
    measured(f"served again after {back.even_after:.2f} s", bound=f"within {budgets.rediscover:.1f} s")

    assert not waiting_faults(load.block(), budgets, back)
    assert not orders.place(3).failed


@pytest.mark.claims("PF-04", "F20", source="grpc/grpc doc/load-balancing.md, pick_first; grpc/grpc-js#2559")
@pytest.mark.catches(ONE_ADDRESS)
@explained_by(causes.no_other_address)
@pytest.mark.promised("another policy")
@pytest.mark.only_in("compose", "kind", reason="on loopback a killed replica's address refuses connections immediately")
def test_calls_move_from_an_unlisted_replica_under_the_promised_policy(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """
    Under the promised policy calls move to other replicas when one that serves them is killed, and unlisted.

    Its address swallows packets, so calls are due once the gateway has re-resolved; Happy Eyeballs moves them sooner.
    """
    with orders.load(30) as load:
        (reply,) = orders.place().replies
        used = next(replica for replica in replicas if replica.name == reply.served_by)
        lost = used.kill()
        back = recovery(load, since=lost, over=(), within=budgets.rediscover, outage=True)
    measured(f"served again after {back.even_after:.2f} s", bound=f"within {budgets.rediscover:.1f} s")

    block = load.block()
    after = orders.place(3)
    assert not waiting_faults(block, budgets, back)
    assert not after.failed
    assert used.name not in after.tally.counts
