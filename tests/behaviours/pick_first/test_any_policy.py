"""
Recovery under a policy other than round_robin: calls move from a lost replica, and service returns after outages.

Even shares are not promised there; that calls are served, and do not wait, is. A gateway that can be configured is
judged with pick_first, a black box with the policy that it promises.
"""

import pytest

from tests.behaviours.mutants import ONE_ADDRESS, SLOW_RECONNECT
from tests.behaviours.pick_first import causes
from tests.behaviours.pick_first.mutants import PICK_FIRST_CONFIG
from tests.behaviours.recovery import causes_repeated
from tests.behaviours.recovery.mutants import RECOVERS_ONCE
from tests.harness.behaviour import (
    Budgets,
    Environment,
    Measured,
    Orders,
    Replica,
    explained_by,
    records_stay,
    recovery,
    waiting_faults,
    written,
)

pytestmark = [pytest.mark.settles_when_served, records_stay]

picks_first = pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PICK_FIRST_CONFIG))

TIMES = 3
"""How often a fault happens to one gateway."""


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
def test_pick_first_moves_from_each_replica_that_is_lost(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Under pick_first calls move to another replica each time that the one that serves them is lost."""
    _judge_moving(orders, replicas, budgets, measured)


@pytest.mark.claims("PF-04", "PF-09", "F20", source="grpc/grpc doc/load-balancing.md, pick_first; grpc/grpc-js#2559")
@pytest.mark.catches(ONE_ADDRESS)
@explained_by(causes.no_other_address)
@pytest.mark.promised("another policy")
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
def test_pick_first_returns_after_each_of_three_outages(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Under pick_first calls are served again in time after each of three outages of all replicas."""
    _judge_outages(orders, environment, replicas, budgets, measured)


@pytest.mark.claims("PF-09", "RC-09", "F20", "F21", source="gRFC A62, Use sticky-TF by default; grpc/grpc-go#8615")
@pytest.mark.catches(RECOVERS_ONCE)
@explained_by(causes_repeated.gives_up)
@pytest.mark.promised("another policy")
def test_service_returns_after_outages_under_the_promised_policy(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Under the promised policy calls are served again in time after each of three outages of all replicas."""
    _judge_outages(orders, environment, replicas, budgets, measured)
