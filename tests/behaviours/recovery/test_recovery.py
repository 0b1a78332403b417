"""
Service goes on when replicas stop, die, move and return, and shares re-form within the promised time.

Each behaviour reports the failed calls, the time of the last one and the time to the first even window, measured by an
open-loop load; that it stays even is judged on one fresh block of serial calls.
"""

import pytest

from tests.behaviours.mutants import (
    ABRUPT_STOP,
    FROZEN_LIST,
    NAIVE_ROTATION,
    NO_DEADLINE,
    NO_RETRY,
    SLOW_RECONNECT,
    SLOW_RESOLUTION,
    WAITS_FOR_READY,
)
from tests.behaviours.recovery.mutants import CACHED_NAMES
from tests.harness.behaviour import (
    Budgets,
    Environment,
    InconclusiveError,
    Measured,
    Orders,
    Replica,
    fresh_block_faults,
    records_stay,
    recovery,
)

pytestmark = [pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]


@pytest.mark.claims("RC-01", "F20", "F21", source="grpc/grpc doc/connection-backoff.md; doc/load-balancing.md")
@pytest.mark.catches(SLOW_RECONNECT)
@pytest.mark.promised("retries")
@records_stay
def test_a_killed_replica_regains_its_share_when_it_returns(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that is killed and returns at its old address has its share again in time, and no call fails."""
    with orders.load() as load:
        killed = replicas[0].kill()
        gone = recovery(load, since=killed, over=names[1:], within=budgets.reconnect)
        returned = replicas[0].start()
        back = recovery(load, since=returned, over=names, within=budgets.reconnect)
    measured(f"killed: {gone}. returned: {back}", bound=f"none fails, even within {budgets.reconnect:.1f} s each time")

    assert not load.block().failed
    assert back.even_after <= budgets.reconnect
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RC-02", "F27", source="grpc/grpc doc/connectivity-semantics-and-api.md (GOAWAY); gRFC A6")
@pytest.mark.catches(ABRUPT_STOP, NAIVE_ROTATION)
def test_a_draining_replica_loses_no_calls(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica told to stop finishes its calls, the others get the rest, and nothing needs a second attempt."""
    with orders.load(plan="OK:delay=400") as load:
        load.wait_until_served(by=names)
        stopped = replicas[0].stop()
        gone = recovery(load, since=stopped, over=names[1:], within=budgets.reconnect)
    block = load.block()
    retried = [attempt for attempt in block.attempts if attempt.previous_attempts]
    measured(f"{gone}; {len(retried)} attempts repeated", bound="none fails, none is repeated")

    assert not block.failed
    assert not retried


@pytest.mark.claims("RC-02", "F30", source="grpc/grpc doc/connectivity-semantics-and-api.md (GOAWAY); gRFC A9")
@pytest.mark.catches(NO_DEADLINE)
@pytest.mark.extended
def test_a_drain_ends_by_the_deadline_of_the_last_call(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica told to stop is gone when the last of its calls has met its deadline, though they hang."""
    with orders.load(plan=f"HANG@{names[0]}") as load:
        load.wait_until_served(by=names[1:])
        stopped = replicas[0].stop()
    held = [attempt.arrived for attempt in load.block().attempts if attempt.replica == names[0]]
    if not held:
        raise InconclusiveError("no call was under way at the replica when it was told to stop")
    longest = budgets.promises.call_timeout + budgets.slack
    measured(f"{len(held)} calls hung, gone {stopped - max(held):.2f} s after the last", bound=f"{longest:.2f} s")

    assert stopped - max(held) <= longest


@pytest.mark.claims("RC-03", "F27", source="gRFC A6; grpc/grpc doc/statuscodes.md")
@pytest.mark.catches(NO_RETRY)
@pytest.mark.promised("retries")
def test_calls_in_flight_on_a_killed_replica_are_retried_elsewhere(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """The calls that were under way on a killed replica are retried on another one, and no caller sees a failure."""
    with orders.load(plan="OK:delay=300") as load:
        load.wait_until_served(by=names)
        killed = replicas[0].kill()
        gone = recovery(load, since=killed, over=names[1:], within=budgets.reconnect)
    block = load.block()
    cut = [trail for trail in block.trails if len(trail) > 1 and trail[0].replica == names[0]]
    measured(f"{gone}; {len(cut)} calls answered by another replica", bound="none fails")

    assert not block.failed
    if not cut:
        raise InconclusiveError("no call was under way at the replica when it was killed")
    assert {trail[-1].replica for trail in cut} <= set(names[1:])


@pytest.mark.claims("RC-09", "F19", "F21", source="gRFC A62; grpc/grpc doc/connection-backoff.md")
@pytest.mark.catches(SLOW_RECONNECT)
@records_stay
def test_service_returns_after_a_total_outage(
    orders: Orders,
    environment: Environment,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When all replicas were gone and return at their old addresses, calls succeed and are even again in time."""
    with orders.load() as load:
        killed = max(replica.kill() for replica in replicas)
        load.wait_until_failing(since=killed)
        returned = environment.restart_replicas()
        back = recovery(load, since=returned, over=names, within=budgets.reconnect)
    measured(f"returned: {back}", bound=f"no failure after {budgets.reconnect:.1f} s, even by then")

    assert back.last_failure <= budgets.reconnect
    assert back.even_after <= budgets.reconnect
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RR-11", "WFR-01", "F42", source="grpc/grpc doc/wait-for-ready.md; round_robin.cc")
@pytest.mark.catches(WAITS_FOR_READY)
@records_stay
def test_calls_fail_fast_while_all_replicas_are_down(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """With no replica left a call fails UNAVAILABLE once its retries are used up, well before its deadline."""
    for replica in replicas:
        replica.kill()
    orders.place()  # it may still meet the connections as they break
    block = orders.place(5, callers=5)
    slowest = max(reply.seconds for reply in block.replies)
    most = budgets.fail_fast
    measured(f"{[reply.code for reply in block.replies]}, slowest {slowest:.2f} s", bound=f"within {most:.2f} s")

    assert {reply.code for reply in block.replies} <= {"UNAVAILABLE", None}
    assert len(block.failed) == 5
    assert slowest <= most


@pytest.mark.claims("F14", "F16", "F17", source="gRPC C-core polling_resolver.cc; grpc-go dns_resolver.go")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION, CACHED_NAMES)
@pytest.mark.promised("retries")
def test_a_replaced_replica_is_found_while_the_others_serve(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """A replica that replaces another one at a new address, as in a rolling update, is found, and no call fails."""
    with orders.load() as load:
        replaced = environment.replace(replicas[0])
        over = [replica.name for replica in environment.replicas]
        back = recovery(load, since=replaced, over=over, within=budgets.rediscover)
    measured(f"replaced: {back}", bound=f"none fails, even within {budgets.rediscover:.1f} s")

    assert not load.block().failed
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims("F14", "F20", source="gRPC C-core polling_resolver.cc")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.promised("retries")
@records_stay
def test_a_replica_returning_at_a_new_address_regains_its_share(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that dies and returns at a new address, listed instead of the old one, has its share again."""
    with orders.load() as load:
        killed = replicas[0].kill()
        gone = recovery(load, since=killed, over=names[1:], within=budgets.reconnect)
        returned = replicas[0].start(moved=True)
        back = recovery(load, since=returned, over=names, within=budgets.rediscover)
    measured(f"killed: {gone}. returned: {back}", bound=f"none fails, even within {budgets.rediscover:.1f} s")

    assert not load.block().failed
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RC-10", "F19", source="gRFC A61; gRPC C-core polling_resolver.cc")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
def test_a_fully_replaced_fleet_is_found(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """When every replica is gone and has returned at a new address, the gateway finds them all in time."""
    with orders.load() as load:
        returned = environment.restart_replicas(moved=True)
        back = recovery(load, since=returned, over=names, within=budgets.rediscover)
    measured(f"replaced: {back}", bound=f"no failure after {budgets.rediscover:.1f} s, even by then")

    assert back.last_failure <= budgets.rediscover
    assert not fresh_block_faults(orders, names, budgets.promises)
