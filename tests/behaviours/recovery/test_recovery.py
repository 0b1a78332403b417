"""
Service continues when replicas stop, die, move and return, and shares become even within the promised time.

Each behaviour reports the failed calls, the time of the last failure and the time to the first even window, measured by
an open-loop load; that shares stay even is judged on one fresh block of serial calls.
"""

import pytest

from tests.behaviours.deadlines.controls import ENDLESS, TIGHT, WAITS
from tests.behaviours.distribution.controls import BY_ITSELF, CHANNEL_POOL
from tests.behaviours.dns.controls import POLLER
from tests.behaviours.mutants import (
    ABRUPT_STOP,
    FROZEN_LIST,
    NAIVE_ROTATION,
    NO_DEADLINE,
    NO_RETRY,
    SLOW_RECONNECT,
    SLOW_RECONNECT_BY_ITSELF,
    SLOW_RESOLUTION,
    WAITS_FOR_READY,
)
from tests.behaviours.recovery.mutants import CACHED_NAMES, HALF_A_SHARE
from tests.behaviours.retry.controls import EJECTOR, NO_RETRIES, PATIENT, THROTTLED
from tests.behaviours.retry.controls_application import BREAKER, BULKHEAD, PER_TRY_TIMEOUT
from tests.harness.behaviour import (
    Budgets,
    Environment,
    InconclusiveError,
    Measured,
    Orders,
    Replica,
    failures_allowed,
    failures_but_cut,
    fresh_block_faults,
    records_stay,
    recovery,
    waiting_faults,
)

pytestmark = [pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

FEW = 2
"""Calls under way on a replica that is killed: some are cut, and no retry budget or breaker notices so few."""


@pytest.mark.claims("RC-01", "F20", "F21", source="grpc/grpc doc/connection-backoff.md; doc/load-balancing.md")
@pytest.mark.catches(SLOW_RECONNECT, SLOW_RECONNECT_BY_ITSELF, HALF_A_SHARE)
@pytest.mark.acquits(NO_RETRIES, CHANNEL_POOL, BY_ITSELF)
@records_stay
@pytest.mark.by_arrivals
def test_a_killed_replica_regains_its_share_when_it_returns(
    orders: Orders, struck: Replica, others: list[str], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """
    A replica that is killed and returns at its old address gets its share again in time, and no call fails.

    Without a promise of retries the calls that were under way on the killed replica may fail, and only those.
    """
    with orders.load() as load:
        killed = struck.kill()
        without = recovery(load, since=killed, over=others, within=budgets.reconnect)
        returned = struck.start()
        back = recovery(load, since=returned, over=names, within=budgets.reconnect)
    measured(
        f"killed: {without}. returned: {back}",
        bound=f"{failures_allowed(budgets.promises)}; even shares within {budgets.reconnect:.1f} s each time",
    )

    block = load.block()
    assert not failures_but_cut(block, budgets, killed)
    assert not waiting_faults(block, budgets, without, back)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RC-02", "F27", source="grpc/grpc doc/connectivity-semantics-and-api.md (GOAWAY); gRFC A6")
@pytest.mark.catches(ABRUPT_STOP, NAIVE_ROTATION)
@pytest.mark.acquits(BULKHEAD, TIGHT, PER_TRY_TIMEOUT)
def test_a_draining_replica_loses_no_calls(
    orders: Orders, struck: Replica, others: list[str], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that stops gracefully finishes its calls, the others get the rest, and no call is retried."""
    held = budgets.held(0.4)
    with orders.load(plan=f"OK:delay={held}", lasting=budgets.lasting(held)) as load:
        load.wait_until_served(by=names, within=budgets.reply)
        stopped = struck.stop()
        without = recovery(load, since=stopped, over=others, within=budgets.reconnect)
    block = load.block()
    retried = [attempt for attempt in block.attempts if attempt.previous_attempts]
    measured(f"{without}; {len(retried)} retried", bound="no failures, no retries")

    assert not block.failed
    assert not retried or budgets.promises.hedging
    assert not waiting_faults(block, budgets, without)


@pytest.mark.claims("RC-02", "F30", source="grpc/grpc doc/connectivity-semantics-and-api.md (GOAWAY); gRFC A9")
@pytest.mark.catches(NO_DEADLINE)
@pytest.mark.promised("deadline")
@pytest.mark.extended
def test_a_drain_ends_by_the_deadline_of_the_last_call(
    orders: Orders, struck: Replica, others: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A draining replica whose calls hang exits when the last of them has reached its deadline."""
    with orders.load(plan=f"HANG@{struck.name}") as load:
        load.wait_until_served(by=others, within=budgets.reply, times=2)  # so one hangs
        stopped = struck.stop()
    held = [attempt.arrived for attempt in load.block().attempts if attempt.replica == struck.name]
    if not held:
        raise InconclusiveError("no call was in flight on the replica when it started to drain")
    longest = budgets.promises.call_timeout + budgets.slack
    measured(
        f"{len(held)} calls hung, exit {stopped - max(held):.2f} s after the last one arrived",
        bound=f"within {longest:.2f} s",
    )

    assert stopped - max(held) <= longest


@pytest.mark.claims("RC-03", "F27", source="gRFC A6; grpc/grpc doc/statuscodes.md")
@pytest.mark.catches(NO_RETRY)
@pytest.mark.acquits(TIGHT, THROTTLED)
@pytest.mark.promised("retries")
def test_calls_in_flight_on_a_killed_replica_are_retried_elsewhere(
    orders: Orders, struck: Replica, others: list[str], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Calls in flight on a killed replica are retried on another one, and no caller sees a failure."""
    held = budgets.held(0.3)
    few = FEW * len(names) * 1000 / held
    rate = max(60.0, few) if budgets.promises.has("sustained retries") else few
    with orders.load(rate, plan=f"OK:delay={held}", lasting=budgets.lasting(held)) as load:
        load.wait_until_served(by=names, within=budgets.reply)
        killed = struck.kill()
        without = recovery(load, since=killed, over=others, within=budgets.reconnect)
    block = load.block()
    cut = [trail for trail in block.trails if len(trail) > 1 and trail[0].replica == struck.name]
    measured(f"{without}; {len(cut)} calls answered by another replica", bound="no failures")

    assert not block.failed
    assert not waiting_faults(block, budgets, without)
    if not cut:
        raise InconclusiveError("no call was in flight on the replica when it was killed")
    assert {trail[-1].replica for trail in cut} <= set(others)


@pytest.mark.claims("RC-09", "F19", "F21", source="gRFC A62; grpc/grpc doc/connection-backoff.md")
@pytest.mark.catches(SLOW_RECONNECT)
@pytest.mark.acquits(WAITS, BREAKER, PATIENT, EJECTOR)
@records_stay
def test_service_returns_after_a_total_outage(
    orders: Orders,
    environment: Environment,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When all replicas were down and return at their old addresses, calls succeed and shares are even in time."""
    with orders.load() as load:
        killed = max(replica.kill() for replica in replicas)
        load.wait_until_failing(since=killed, within=budgets.reply)
        returned = environment.restart_replicas()
        back = recovery(load, since=returned, over=names, within=budgets.reconnect, outage=True)
    measured(f"returned: {back}", bound=f"no failures and even shares after {budgets.reconnect:.1f} s")

    assert not waiting_faults(load.block(), budgets, back)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RR-11", "WFR-01", "F42", source="grpc/grpc doc/wait-for-ready.md; round_robin.cc")
@pytest.mark.catches(WAITS_FOR_READY)
@pytest.mark.acquits(BREAKER, ENDLESS)
@pytest.mark.promised("fail fast")
@records_stay
def test_calls_fail_fast_while_all_replicas_are_down(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """With all replicas down a call fails UNAVAILABLE once its retries are used up, well before its deadline."""
    for replica in replicas:
        replica.kill()
    orders.place()  # this call may still use the connections as they break
    block = orders.place(5, callers=5)
    slowest = max(reply.seconds for reply in block.replies)
    most = budgets.fail_fast
    measured(
        f"{[reply.code for reply in block.replies]}, slowest {slowest:.2f} s", bound=f"UNAVAILABLE within {most:.2f} s"
    )

    assert {reply.code for reply in block.replies} <= budgets.promises.unserved_codes
    assert len(block.failed) == 5
    assert slowest <= most


@pytest.mark.claims("F14", "F16", "F17", source="gRPC C-core polling_resolver.cc; grpc-go dns_resolver.go")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION, CACHED_NAMES)
@pytest.mark.acquits(NO_RETRIES, POLLER)
def test_a_replaced_replica_is_found_while_the_others_serve(
    orders: Orders, environment: Environment, struck: Replica, budgets: Budgets, measured: Measured
) -> None:
    """A replica that replaces another at a new address, as in a rolling update, gets its share, and no call fails."""
    with orders.load() as load:
        replaced = environment.replace(struck)
        over = [replica.name for replica in environment.replicas]
        back = recovery(load, since=replaced, over=over, within=budgets.rediscover)
    measured(f"replaced: {back}", bound=f"no failures; even shares within {budgets.rediscover:.1f} s")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, back)
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims("F14", "F20", source="gRPC C-core polling_resolver.cc")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.acquits(NO_RETRIES)
@records_stay
@pytest.mark.by_arrivals
def test_a_replica_returning_at_a_new_address_regains_its_share(
    orders: Orders, struck: Replica, others: list[str], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """
    A replica that dies and returns at a new address, which replaces the old one in DNS, gets its share again.

    No call fails, but without a promise of retries those that were under way on the replica when it died.
    """
    with orders.load() as load:
        killed = struck.kill()
        without = recovery(load, since=killed, over=others, within=budgets.reconnect)
        returned = struck.start(moved=True)
        back = recovery(load, since=returned, over=names, within=budgets.rediscover)
    measured(
        f"killed: {without}. returned: {back}",
        bound=f"{failures_allowed(budgets.promises)}; even shares within {budgets.rediscover:.1f} s",
    )

    block = load.block()
    assert not failures_but_cut(block, budgets, killed)
    assert not waiting_faults(block, budgets, without, back)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RC-10", "F19", source="gRFC A61; gRPC C-core polling_resolver.cc")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.acquits(POLLER)
@pytest.mark.by_arrivals
def test_a_fully_replaced_fleet_is_found(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """When every replica has moved to a new address, the gateway finds them all in time."""
    with orders.load() as load:
        returned = environment.restart_replicas(moved=True)
        back = recovery(load, since=returned, over=names, within=budgets.rediscover, outage=True)
    measured(f"replaced: {back}", bound=f"no failures and even shares after {budgets.rediscover:.1f} s")

    assert not waiting_faults(load.block(), budgets, back)
    assert not fresh_block_faults(orders, names, budgets.promises)
