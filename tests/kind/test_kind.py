"""
What only Kubernetes can show: readiness, rollouts, evictions, and Services that are wrong in a way that looks right.

A headless Service resolves to the addresses of all ready pods. Kubernetes removes an unready pod from DNS and leaves
its connections open: a gateway learns of it with its next DNS query.
"""

import pytest

from tests.behaviours.mutants import ABRUPT_STOP, FROZEN_LIST, NO_RETRY
from tests.harness.behaviour import (
    Budgets,
    Cluster,
    Environment,
    Load,
    Measured,
    Orders,
    Promises,
    Replica,
    connection_faults,
    eventually,
    fresh_block_faults,
    recovery,
    turn_faults,
    waiting_faults,
)
from tests.kind.mutants import SERVICE_PORT, UNREADY_TOO

pytestmark = [
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
    pytest.mark.only_in("kind", reason="needs the Services, readiness, Deployments and evictions of Kubernetes"),
]

CONNECTION_AGE = 0.8
"""Seconds; replicas close connections at this age ± 10 % (gRFC A9)."""

LEFT = 2 * 1.1 * CONNECTION_AGE
"""Seconds without a call after which a replica is left, and not just between two connections."""

ROLLOUT_RATE = 30
"""Orders per second during a rollout, each in flight for 0.2 s: six at any time, two on each replica."""

PROBES = "2"
"""Failed probes, one per second, before a pod counts as not ready."""

ROUNDS = 10
"""Rounds over the replicas in a serial block, as in test_distribution.py."""


@pytest.mark.claims("DNS-13", "F02", "F26", source="Kubernetes, DNS for Services and Pods: a headless Service")
@pytest.mark.catches(UNREADY_TOO)
def test_a_fresh_gateway_calls_only_ready_pods(
    orders: Orders,
    environment: Environment,
    cluster: Cluster,
    struck: Replica,
    others: list[str],
    names: list[str],
    promises: Promises,
    measured: Measured,
) -> None:
    """A gateway that starts while a pod is unready sends it no calls, and rotates across the ready ones."""
    cluster.take_readiness(struck)
    environment.fresh_gateway()
    orders.place(len(names))
    block = orders.place(ROUNDS * len(others))
    connections = environment.connections()
    measured(f"open connections {connections}; {len(block.replies)} calls {block.tally}, {len(block.failed)} failed")

    assert not block.failed
    assert not turn_faults(block, others, promises)
    assert not connection_faults(connections, others, promises)


def _wait_until_left(load: Load, name: str, *, since: float, within: float) -> float:
    """
    Wait until a replica has had no call for the time of two connections, and return when it had its last one.

    For less it may be between two connections: each ends by its age, and making the next one takes a moment. Raises
    AssertionError if its last call was later than `within` seconds after the monotonic time `since`.
    """
    for look in eventually(within=within + LEFT, what=f"{name} gets no calls"):
        with look:
            calls = load.answered_since(since)
            last = max((reply.sent for reply in calls if reply.served_by == name), default=since)
            assert calls, "no order was answered since"
            assert calls[-1].sent >= last + LEFT, f"{name} got a call {last - since:.2f} s after it was not ready"
    assert last <= since + within, f"{name} got its last call {last - since:.2f} s after it was not ready"
    return last


@pytest.mark.claims("F25", "DNS-13", source="gRFC A9: connection age makes clients reconnect and re-resolve")
@pytest.mark.catches(FROZEN_LIST)
def test_an_unready_pod_gets_no_calls_until_it_is_ready(
    orders: Orders,
    environment: Environment,
    cluster: Cluster,
    struck: Replica,
    others: list[str],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When replicas limit connection age, an unready pod loses its share, and gets it back once it is ready."""
    environment.restart_replicas(MAX_CONNECTION_AGE_MS=str(int(CONNECTION_AGE * 1000)))
    environment.fresh_gateway()
    orders.place(len(names))
    within = 1.1 * CONNECTION_AGE + budgets.rediscover
    with orders.load() as load:
        taken = cluster.take_readiness(struck)
        left = _wait_until_left(load, struck.name, since=taken, within=within)
        without = recovery(load, since=left, over=others, within=budgets.reconnect)
        unready = orders.place(ROUNDS * len(others))
        given = cluster.give_readiness(struck)
        back = recovery(load, since=given, over=names, within=within)
    measured(f"unready: left after {left - taken:.2f} s, {without}. ready: {back}")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, without, back)
    assert struck.name not in unready.tally.counts


@pytest.mark.claims(
    "F25", "DNS-13", source="Kubernetes, Pod Lifecycle, readinessProbe; gRPC C-core polling_resolver.cc: no polling"
)
@pytest.mark.catches(FROZEN_LIST)
def test_a_pod_whose_probe_fails_gets_no_calls_after_a_scale_down(
    orders: Orders,
    environment: Environment,
    cluster: Cluster,
    struck: Replica,
    others: list[str],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """
    A pod whose readiness probe answers 503 loses its share once a scale-down closes another pod's connections.

    Until then nothing tells the gateway: Kubernetes unlists the pod, and leaves its connections open.
    """
    environment.restart_replicas(PROBE_FAILURES=PROBES)
    environment.scale(len(names) + 1)
    environment.fresh_gateway()
    orders.place(2 * len(names))
    with orders.load() as load:
        failed = cluster.fail_probe(struck)
        scaled = environment.scale(len(names))
        back = recovery(load, since=scaled, over=others, within=budgets.rediscover)
    block = load.block()
    between = [reply for reply in block.replies if failed < reply.sent < scaled and reply.served_by == struck.name]
    measured(
        f"unready: {len(between)} calls until the scale-down. scaled down: {back}",
        bound=f"no failures; even shares over the others within {budgets.rediscover:.1f} s",
    )

    assert not block.failed
    assert not waiting_faults(block, budgets, back)
    assert not fresh_block_faults(orders, others, budgets.promises)


@pytest.mark.claims(
    "F27", "F28", source="grpc/grpc doc/connectivity-semantics-and-api.md (GOAWAY); Kubernetes, Pod Lifecycle"
)
@pytest.mark.catches(ABRUPT_STOP)
def test_a_rollout_loses_no_calls(
    orders: Orders, environment: Environment, cluster: Cluster, budgets: Budgets, measured: Measured
) -> None:
    """While a Deployment replaces all its pods, with preStop hook and drain, no call fails or is retried."""
    old = [replica.name for replica in cluster.deploy_instead()]
    environment.fresh_gateway()
    with orders.load(ROLLOUT_RATE, plan="OK:delay=200") as load:
        load.wait_until_served(by=old, within=budgets.reply)
        done = cluster.roll_out()
        over = [replica.name for replica in environment.replicas]
        back = recovery(load, since=done, over=over, within=budgets.rediscover)
    block = load.block()
    retried = [attempt for attempt in block.attempts if attempt.previous_attempts]
    measured(f"{len(block.failed)} of {len(block.replies)} calls failed, {len(retried)} retried; {back}")

    assert not block.failed
    assert not retried
    assert not waiting_faults(block, budgets, back)


@pytest.mark.claims(
    "F27", source="Kubernetes, API-initiated eviction; grpc/grpc doc/connectivity-semantics-and-api.md (GOAWAY)"
)
@pytest.mark.catches(ABRUPT_STOP)
def test_an_evicted_pod_loses_no_calls(
    orders: Orders,
    cluster: Cluster,
    struck: Replica,
    others: list[str],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """An evicted pod, as when its node is drained, finishes its calls, and the others get the rest."""
    with orders.load(plan="OK:delay=200") as load:
        load.wait_until_served(by=names, within=budgets.reply)
        evicted = cluster.evict(struck)
        without = recovery(load, since=evicted, over=others, within=budgets.reconnect)
    block = load.block()
    retried = [attempt for attempt in block.attempts if attempt.previous_attempts]
    measured(f"{without}; {len(retried)} retried")

    assert not block.failed
    assert not retried
    assert not waiting_faults(block, budgets, without)


@pytest.mark.claims("F41", "F52", source="the article's scene of a faulty Deployment; gRFC A6")
@pytest.mark.catches(NO_RETRY)
@pytest.mark.promised("retries")
def test_a_faulty_deployment_alongside_a_good_one_is_invisible_to_callers(
    orders: Orders, environment: Environment, cluster: Cluster, names: list[str], measured: Measured
) -> None:
    """A Deployment whose pods are ready and answer every call UNAVAILABLE fails no calls of a serial caller."""
    (faulty,) = cluster.deploy(faulty=True)
    environment.fresh_gateway()
    orders.place(2 * len(names))
    block = orders.place(4 * len(names))
    refused = block.tally.counts.get(faulty.name, 0)
    measured(f"{len(block.failed)} of {len(block.replies)} calls failed, {refused} attempts refused")

    assert not block.failed
    assert refused


@pytest.mark.claims("F08", source="Kubernetes, Service: a headless Service maps no ports")
@pytest.mark.catches(SERVICE_PORT)
def test_a_headless_service_is_dialled_at_the_replica_port(
    orders: Orders, cluster: Cluster, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """With a headless Service on port 80 for replicas on port 5000, a gateway that dials 5000 reaches them all."""
    cluster.fresh_gateway_at_mapped_port()
    with orders.load() as load:
        spread = recovery(load, since=load.started, over=names, within=budgets.reconnect, outage=True)
    measured(f"from its first call: {spread}")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, spread)
    assert not turn_faults(orders.place(ROUNDS * len(names)), names, budgets.promises)
