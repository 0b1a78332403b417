"""A replica that reports NOT_SERVING gets no calls until it recovers, although it is connected and could answer."""

import pytest

from tests.behaviours.health import causes
from tests.behaviours.health.mutants import (
    CHECKED,
    HEALTH_OF_THE_SERVER,
    HEALTH_REQUIRED,
    HONOURS_NOT_SERVING_ONLY,
    NO_HEALTH_CHECK,
    OWN_HEALTH_CHECKS,
    PICK_FIRST_CHECKED,
    ROUND_ROBIN_CHECKED,
    UNANSWERED_IS_HEALTHY,
    WATCHES_ONCE,
)
from tests.behaviours.mutants import WAITS_FOR_READY
from tests.behaviours.pick_first import causes as pick_first_causes
from tests.harness.behaviour import (
    SERVICE,
    TIMER,
    WATCHES_END,
    Budgets,
    Environment,
    Ledgers,
    Measured,
    Orders,
    Replica,
    eventually,
    explained_by,
    fresh_block_faults,
    records_stay,
    recovery,
    waiting_faults,
    written,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.feature("client-health-checking"),
    pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(CHECKED)),
]

DELAY = 0.8
"""Seconds by which a replica delays its first health response, where that is judged."""


@pytest.mark.claims("HC-01", "F45", "F25", source="gRFC A17, Client Workflow")
@pytest.mark.catches(NO_HEALTH_CHECK, HEALTH_OF_THE_SERVER)
@explained_by(causes.not_checked, causes.wrong_service_name, causes.checked_by_hand)
@pytest.mark.given_spread_calls
def test_a_not_serving_replica_gets_no_calls(
    orders: Orders, struck: Replica, others: list[str], budgets: Budgets, measured: Measured
) -> None:
    """As soon as a replica reports NOT_SERVING the others take over its calls, and no call fails."""
    with orders.load() as load:
        reported = struck.say_health("NOT_SERVING")
        without = recovery(load, since=reported, over=others, within=budgets.slack)
    measured(f"{without}", bound=f"no failures; even shares of the others within {budgets.slack:.1f} s")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, without)
    assert not fresh_block_faults(orders, others, budgets.promises)


@pytest.mark.claims("HC-02", "F45", source="gRFC A17, Client Workflow")
@pytest.mark.catches(NO_HEALTH_CHECK, OWN_HEALTH_CHECKS)
@explained_by(causes.not_checked, causes.wrong_service_name, causes.checked_by_hand)
@pytest.mark.given_spread_calls
def test_a_replica_back_to_serving_gets_calls_over_the_same_connection(
    orders: Orders, struck: Replica, others: list[str], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that reports NOT_SERVING and then SERVING gets its share again immediately, without a reconnect."""
    with orders.load() as load:
        load.wait_until_served(by=names, within=budgets.reply)
        reported = struck.say_health("NOT_SERVING")
        without = recovery(load, since=reported, over=others, within=budgets.slack)
        reported = struck.say_health("SERVING")
        back = recovery(load, since=reported, over=names, within=budgets.slack)
    block = load.block()
    peers = {attempt.peer for attempt in block.attempts if attempt.replica == struck.name}
    measured(
        f"NOT_SERVING: {without}. SERVING: {back}; connections used: {len(peers)}",
        bound=f"no failures; even shares within {budgets.slack:.1f} s each time; 1 connection",
    )

    assert not block.failed
    assert not waiting_faults(block, budgets, without, back)
    assert 1 <= len(peers) <= budgets.promises.connections_per_replica


@pytest.mark.claims("HC-03", "F45", "F42", source="gRFC A17; gRFC A61, Generic Health Reporting")
@pytest.mark.catches(NO_HEALTH_CHECK, WAITS_FOR_READY)
@explained_by(causes.waits_for_serving, causes.not_checked, causes.wrong_service_name, causes.checked_by_hand)
@pytest.mark.promised("retries", "fail fast")
@pytest.mark.given_spread_calls
def test_calls_fail_fast_while_all_replicas_are_not_serving(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """With all replicas NOT_SERVING a call fails UNAVAILABLE once its retries are used up, and reaches no replica."""
    for replica in replicas:
        replica.say_health("NOT_SERVING")
    for look in eventually(within=budgets.slack, what="calls reach no replica"):
        with look:
            assert not orders.place().attempts, "a NOT_SERVING replica gets calls"
    block = orders.place(5, callers=5)
    slowest, most = max(reply.seconds for reply in block.replies), budgets.fail_fast
    measured(
        f"{[reply.code for reply in block.replies]}, slowest {slowest:.2f} s", bound=f"UNAVAILABLE within {most:.2f} s"
    )

    assert not block.attempts
    assert {reply.code for reply in block.replies} <= budgets.promises.unserved_codes
    assert len(block.failed) == 5
    assert slowest <= most


@pytest.mark.claims("HC-04", source="gRFC A17, Client Workflow: UNIMPLEMENTED")
@pytest.mark.catches(HEALTH_REQUIRED)
@explained_by(causes.health_service_required)
@pytest.mark.given_spread_calls
@pytest.mark.vacuous_without("watches health")
def test_a_replica_without_a_health_service_gets_its_share(
    orders: Orders,
    environment: Environment,
    struck: Replica,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A replica that does not implement health checking is treated as SERVING and gets its share."""
    struck.kill()
    struck.start(HEALTH_SERVICE="false")
    environment.fresh_gateway()  # a restarted pod has a new address
    with orders.load() as load:
        spread = recovery(load, since=load.started, over=names, within=budgets.reconnect, outage=True)
    measured(f"one without a health service: {spread}", bound=f"even shares within {budgets.reconnect:.1f} s")

    assert not waiting_faults(load.block(), budgets, spread)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("HC-05", "F45", source="gRFC A17; grpc/grpc doc/health-checking.md")
@pytest.mark.catches(HONOURS_NOT_SERVING_ONLY)
@explained_by(causes.other_status, causes.not_checked, causes.wrong_service_name, causes.checked_by_hand)
@pytest.mark.given_spread_calls
def test_a_replica_of_unknown_health_gets_no_calls(
    orders: Orders, struck: Replica, others: list[str], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that reports UNKNOWN or SERVICE_UNKNOWN gets no calls, as with NOT_SERVING."""
    recoveries = []
    with orders.load() as load:
        for status in ("UNKNOWN", "SERVICE_UNKNOWN"):
            reported = struck.say_health(status)
            recoveries.append(recovery(load, since=reported, over=others, within=budgets.slack))
            reported = struck.say_health("SERVING")
            recoveries.append(recovery(load, since=reported, over=names, within=budgets.slack))
    measured(
        f"UNKNOWN: {recoveries[0]}. SERVICE_UNKNOWN: {recoveries[2]}",
        bound=f"no failures; even shares of the others within {budgets.slack:.1f} s",
    )

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, *recoveries)


@pytest.mark.claims("HC-07", "F45", source="gRFC A17, Client Workflow: Watch on each connection")
@pytest.mark.catches(HEALTH_OF_THE_SERVER, OWN_HEALTH_CHECKS)
@explained_by(causes.not_checked_by_fresh_gateway, causes.wrong_service_name, causes.checked_by_hand)
@pytest.mark.given_spread_calls
def test_each_connection_has_one_health_watch(
    orders: Orders, environment: Environment, ledgers: Ledgers, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """The gateway opens one health watch, for the configured service, on each connection that carries calls."""
    since = orders.place().replies[0].received
    environment.fresh_gateway()
    for look in eventually(within=budgets.reconnect, what="every replica gets calls"):
        with look:
            block = orders.place(len(names))
            assert set(block.tally.counts) == set(names)
    carry = sorted({(attempt.replica, attempt.peer, SERVICE) for attempt in block.attempts})
    queries = ledgers.health_queries(since)
    watched = sorted((query.replica, query.peer, query.service) for query in queries if query.by == "Watch")
    measured(
        f"{len(watched)} watches for {sorted({query.service for query in queries})}",
        bound=f"{len(carry)} for {SERVICE}",
    )

    assert watched == carry


@pytest.mark.claims("HC-08", "F45", source="gRFC A17, Client Workflow: a failed Watch is retried")
@pytest.mark.catches(WATCHES_ONCE, NO_HEALTH_CHECK)
@explained_by(causes.watch_not_reopened, causes.not_checked)
@pytest.mark.given_spread_calls
def test_a_health_watch_that_fails_is_opened_again(
    orders: Orders,
    ledgers: Ledgers,
    struck: Replica,
    others: list[str],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When a replica fails the health watch a new one is opened, and its next report is honoured; no call fails."""
    with orders.load() as load:
        load.wait_until_served(by=names, within=budgets.reply)
        ended = struck.say_health(WATCHES_END)
        back = recovery(load, since=ended, over=names, within=budgets.reconnect)
        reported = struck.say_health("NOT_SERVING")
        without = recovery(load, since=reported, over=others, within=budgets.slack)
    opened = [query for query in ledgers.health_queries(ended - budgets.slack) if query.replica == struck.name]
    measured(
        f"{len(opened)} watches opened after it failed: {back}. NOT_SERVING: {without}",
        bound=f"no failures; even shares within {budgets.reconnect:.1f} s, of the others within {budgets.slack:.1f} s",
    )

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, back, without)


@pytest.mark.claims("HC-07", "F26", "F45", source="gRFC A17, Race Conditions and Subchannel Startup")
@pytest.mark.catches(NO_HEALTH_CHECK, UNANSWERED_IS_HEALTHY)
@explained_by(causes.called_before_health_response, causes.not_checked_after_return)
@records_stay
@pytest.mark.only_in("loopback", reason="a process in a container that lives on cannot be given other variables")
@pytest.mark.given_spread_calls
def test_a_replica_gets_no_calls_before_its_first_health_response(
    orders: Orders,
    ledgers: Ledgers,
    struck: Replica,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A connected replica gets no calls before its first health response, and its share after SERVING."""
    killed = struck.kill()
    with orders.load() as load:
        returned = struck.start(HEALTH_DELAY_MS=str(int(DELAY * 1000)))
        back = recovery(load, since=returned, over=names, within=DELAY + budgets.rediscover)
    queried = [query.monotonic for query in ledgers.health_queries(killed) if query.replica == struck.name]
    block = load.block()
    first = min(attempt.arrived for attempt in block.attempts if attempt.replica == struck.name)
    waited = first - min(queried, default=first)
    measured(f"first call {waited:.2f} s after the first health query; {back}", bound=f"at least {DELAY:.2f} s after")

    assert waited >= DELAY - TIMER
    assert not waiting_faults(block, budgets, back)


@pytest.mark.claims("HC-06", source="gRFC A17: pick_first does not check health")
@pytest.mark.catches(ROUND_ROBIN_CHECKED)
@explained_by(pick_first_causes.called_in_turn, pick_first_causes.connected_to_several)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PICK_FIRST_CHECKED))
@pytest.mark.settles_when_served
@pytest.mark.vacuous_without("watches health")
def test_pick_first_ignores_health_status(orders: Orders, replicas: list[Replica], measured: Measured) -> None:
    """Under pick_first a replica keeps its calls after it reports NOT_SERVING."""
    used = orders.place().attempts[-1].replica
    (replica,) = [candidate for candidate in replicas if candidate.name == used]
    replica.say_health("NOT_SERVING")
    block = orders.place(30)
    measured(
        f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed", bound=f"all on {used}, none failed"
    )

    assert not block.failed
    assert set(block.tally.counts) == {used}
