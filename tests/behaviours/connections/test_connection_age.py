"""Max connection age fails no calls; a call that outlasts the grace period is cut, and retried."""

import math

import pytest

from tests.behaviours.connections import causes_ageing
from tests.behaviours.connections.mutants import WAITS_FOR_CALLS
from tests.behaviours.dns.shared import wait_until_all_serve
from tests.behaviours.mutants import NO_RETRY
from tests.behaviours.retry.controls_application import BULKHEAD
from tests.behaviours.wire.mutants import SHORT_AGE_GRACE
from tests.harness.behaviour import (
    Budgets,
    Environment,
    InconclusiveError,
    Ledgers,
    Measured,
    Orders,
    Promises,
    calls_until_all,
    eventually,
    explained_by,
    turn_faults,
)

pytestmark = [pytest.mark.extended, pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

AGE, GRACE = 0.4, 0.2
"""Seconds; a connection is closed at this age ± 10 %, and calls in flight on it are cut after the grace period."""

OLDEST = 1.1 * AGE

IDLE = 0.4
"""Seconds without a call after which a replica closes a connection; C-core's timer takes up to twice as long."""

ROUNDS = 10


@pytest.mark.claims("RC-04", "RT-20", "F29", source="gRFC A9; gRPC C-core kMaxConnectionAgeJitter")
@pytest.mark.catches(SHORT_AGE_GRACE)
@pytest.mark.acquits(BULKHEAD)
@explained_by(causes_ageing.cut_by_world)
def test_max_connection_age_fails_no_calls(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Connections that replicas close at their max age are replaced under load; no call fails or is sent twice."""
    environment.restart_replicas(MAX_CONNECTION_AGE_MS=f"{AGE * 1000:.0f}")
    environment.fresh_gateway()
    held = budgets.held(0.1)
    with orders.load(plan=f"OK:delay={held}", lasting=budgets.lasting(held)) as load:
        # so many connections may be closed that each call begins the rotation again
        within = OLDEST + max(budgets.reconnect, calls_until_all(len(names)) / load.rate)
        for look in eventually(
            within=within, what="every replica serves calls after its connections reached their max age"
        ):
            with look:
                connected = min((reply.received for reply in load.replies), default=math.inf)
                assert {reply.served_by for reply in load.answered_since(connected + OLDEST)} >= set(names)
    block = load.block()
    renewed = len({attempt.peer for attempt in block.attempts}) - len(names)
    retried = [attempt for attempt in block.attempts if attempt.previous_attempts]
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed, {len(retried)} retried, "
        f"{renewed} connections replaced",
        bound=f"no failures, no retries; all replicas serve again within {within:.1f} s",
    )

    assert not block.failed
    assert not retried
    if renewed < 1:
        raise InconclusiveError("no connection was replaced")


@pytest.mark.claims("RC-05", "F29", source="gRFC A9, MAX_CONNECTION_AGE_GRACE; gRFC A6")
@pytest.mark.catches(NO_RETRY)
@explained_by(causes_ageing.not_retried)
@pytest.mark.promised("retries")
@pytest.mark.feature("previous-attempts")
def test_a_call_outlasting_the_connection_age_grace_is_retried(
    orders: Orders, environment: Environment, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A call that is cut because it outlasts its connection's max age and grace period is retried, and succeeds."""
    environment.restart_replicas(
        MAX_CONNECTION_AGE_MS=f"{AGE * 1000:.0f}", MAX_CONNECTION_AGE_GRACE_MS=f"{GRACE * 1000:.0f}"
    )
    environment.fresh_gateway()
    most = OLDEST + GRACE + promises.waits(1)[1] + budgets.slack
    if 0 < promises.attempt_timeout <= most:
        pytest.skip(
            f"calls end after {promises.attempt_timeout:g} s, before one has outlasted a connection and is retried"
        )
    block = orders.place(3, plan=f"OK:delay={most * 1500:.0f},OK", callers=3)
    took = [reply.seconds for reply in block.replies]
    measured(
        f"attempts {[len(trail) for trail in block.trails]}, {len(block.failed)} failed, slowest {max(took):.2f} s",
        bound=f"no failures; within {most:.2f} s",
    )

    assert not block.failed
    assert [trail[-1].previous_attempts for trail in block.trails] == [1] * 3
    assert max(took) <= most


@pytest.mark.claims("RC-07", source="gRFC A9, MAX_CONNECTION_IDLE; grpc/grpc doc/load-balancing.md, round_robin")
@pytest.mark.catches(WAITS_FOR_CALLS)
@explained_by(causes_ageing.not_reconnected)
@pytest.mark.feature("connects-ahead")
def test_a_connection_closed_for_being_idle_is_re_established_before_the_next_call(
    orders: Orders, environment: Environment, ledgers: Ledgers, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that closes an idle connection gets a new one promptly, without waiting for a call."""
    environment.restart_replicas(MAX_CONNECTION_IDLE_MS=f"{IDLE * 1000:.0f}")
    environment.fresh_gateway()
    wait_until_all_serve(orders, names, budgets)
    since = orders.place(len(names)).replies[-1].received
    within = 2 * IDLE + budgets.reconnect
    for look in eventually(within=within, what="every replica has a new connection"):
        with look:
            opened = ledgers.connections_opened(since)
            measured(f"connections opened without a call: {opened}", bound=f"at least 1 for each within {within:.1f} s")
            assert min(opened.values()) >= 1
    block = orders.place(ROUNDS * len(names))

    assert not block.failed
    assert not turn_faults(block, names, budgets.promises, restarts=1)
