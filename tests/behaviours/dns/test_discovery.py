"""The gateway queries DNS when a trigger tells it to, and uses the answer."""

import math

import pytest

from tests.behaviours.distribution.controls import BY_ITSELF
from tests.behaviours.dns import causes, causes_discovery
from tests.behaviours.dns.mutants import AGEING_CONNECTIONS, KEEPS_ADDRESSES
from tests.behaviours.mutants import FROZEN_LIST, POLLING, SLOW_RESOLUTION, SLOW_RESOLUTION_BY_ITSELF
from tests.behaviours.recovery.mutants import QUERIES_WHEN_ALL_ARE_LOST
from tests.behaviours.retry.controls import NO_RETRIES
from tests.harness.behaviour import (
    Budgets,
    Dns,
    Environment,
    Load,
    Measured,
    Orders,
    Replica,
    consistently,
    explained_by,
    failures_but_cut,
    fresh_block_faults,
    recovery,
    waiting_faults,
)

pytestmark = [pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

CONNECTION_AGE = 0.8
"""Seconds; replicas close connections at this age ± 10 % (gRFC A9)."""

AGEING_RATE = 15
"""
Calls per second for each replica while connections age.

Each connection that is closed restarts the rotation twice: shares drift with the root of the number of restarts, and
are bounded by their mean, 12 calls for each age. The block lasts longer for more replicas: of 20,000 rotations with
random restarts, for each of 3 to 24 replicas, none had shares that differ by more than four fifths of the mean.
"""

UNSEEN = 1.5
"""Seconds without a trigger. A gateway that polls more slowly than this passes unnoticed."""

UNSEEN_INSIDE = 3.0
"""Likewise where only the calls show a query: a name server may learn of an added replica up to a second late."""

UNCALLED = 5.0
"""The same where a replica is watched until another one is lost."""

only_in_containers = pytest.mark.only_in("compose", "kind", reason="on loopback the DNS queries themselves are judged")


def _judge_uncalled(load: Load, name: str, since: float, budgets: Budgets, measured: Measured) -> None:
    """Watch for calls to a replica that no query can have found, from the monotonic time at which it was listed."""
    during = UNCALLED + budgets.slack
    for look in consistently(during=during, what=f"{name} gets no calls"):
        with look:
            early = [reply for reply in load.answered_since(since) if reply.served_by == name]
            measured(f"{len(early)} calls to {name} in {during:.1f} s without a trigger", bound="none")
            assert not early, (
                f"{name} got calls before a connection was lost: a gateway that polls on purpose promises a "
                "refresh_interval"
            )


@pytest.mark.claims("DNS-03", "F19", source="gRFC A61; gRPC C-core pick_first.cc, RequestReresolution")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION, SLOW_RESOLUTION_BY_ITSELF, QUERIES_WHEN_ALL_ARE_LOST)
@pytest.mark.acquits(BY_ITSELF)
@pytest.mark.by_arrivals
def test_a_lost_connection_triggers_re_resolution(
    orders: Orders,
    dns: Dns,
    struck: Replica,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When a replica dies the gateway re-resolves, as soon as its minimum re-resolution interval allows."""
    with orders.load():
        killed = struck.kill()
        query = dns.wait_for_query(since=killed, within=budgets.ask)
    measured(
        f"re-resolved after {query.monotonic - killed:.2f} s" if query else "never re-resolved",
        bound=f"within {budgets.ask:.2f} s",
    )

    assert query is not None


@pytest.mark.claims("DNS-05", "F13", source="gRPC C-core polling_resolver.cc: no polling")
@pytest.mark.catches(AGEING_CONNECTIONS, POLLING)
@explained_by(causes_discovery.resolved_after_scaling)
@pytest.mark.promised("no polling")
@pytest.mark.by_arrivals
@pytest.mark.vacuous_without("finds new addresses")
def test_an_added_replica_gets_no_calls_before_re_resolution(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], measured: Measured
) -> None:
    """While nothing breaks, the gateway does not query DNS, and a newly listed replica gets no calls."""
    added = environment.scale(len(names) + 1)
    with orders.load() as load:
        for look in consistently(during=UNSEEN):
            with look:
                queries = dns.address_queries(since=added)
                measured(f"{len(queries)} DNS queries in {UNSEEN} s, {len(load.replies)} calls", bound="no DNS queries")
                assert not queries, (
                    "it queried DNS without a trigger: if it polls on purpose, let it promise a refresh_interval"
                )
    block = load.block()

    assert set(block.tally.counts) <= set(names)


@pytest.mark.claims("DNS-05", "F13", source="gRPC C-core polling_resolver.cc: no polling")
@pytest.mark.catches(AGEING_CONNECTIONS)
@explained_by(causes_discovery.used_after_scaling)
@pytest.mark.promised("no polling")
@pytest.mark.only_in("compose", "kind", reason="on loopback a behaviour looks closer, at the DNS queries")
@pytest.mark.vacuous_without("finds new addresses")
def test_an_added_replica_gets_no_calls_while_nothing_is_lost(
    orders: Orders, environment: Environment, names: list[str], measured: Measured
) -> None:
    """While no connection is lost, the gateway has no reason to re-resolve, and an added replica gets no calls."""
    environment.scale(len(names) + 1)
    with orders.load() as load:
        for look in consistently(during=UNSEEN_INSIDE):
            with look:
                early = [reply for reply in load.replies if reply.served_by not in {*names, None}]
                measured(
                    f"{len(early)} of {len(load.replies)} calls in {UNSEEN_INSIDE} s by the added replica", bound="none"
                )
                assert not early, (
                    "it queried DNS without a trigger: if it polls on purpose, let it promise a refresh_interval"
                )

    assert not load.block().failed


@pytest.mark.claims("DNS-09", "F22", source="gRFC A61: an address that is no longer listed is dropped")
@pytest.mark.catches(KEEPS_ADDRESSES)
@pytest.mark.acquits(NO_RETRIES)
@explained_by(causes.addresses_never_removed)
@pytest.mark.extended
def test_an_address_reassigned_to_another_service_is_dropped(
    orders: Orders,
    dns: Dns,
    struck: Replica,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A server at the address of a replica that is down and no longer listed gets no calls."""
    with orders.load() as load:
        lost = struck.kill()
        dns.unlist(struck)
        struck.start()  # it stands in for another service at the same address
        query = dns.wait_for_query(since=lost, within=budgets.ask)
        assert query is not None, "it lost a connection and never re-resolved"
        for look in consistently(during=budgets.reconnect + budgets.slack):
            with look:
                since = query.monotonic + budgets.slack
                late = [reply for reply in load.replies if reply.served_by == struck.name and reply.sent > since]
                measured(f"{len(late)} calls to the address after it was removed from DNS", bound="none; no failures")
                assert not late, "it calls the service that has the address now"

    assert not failures_but_cut(load.block(), budgets, lost)


@pytest.mark.claims("RC-06", "F13", source="gRPC C-core polling_resolver.cc; the article's scene of scaling up")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.only_in("compose", "kind", reason="on loopback two behaviours look closer, at the DNS queries")
@pytest.mark.by_arrivals
def test_an_added_replica_is_found_after_a_connection_loss(
    orders: Orders,
    environment: Environment,
    struck: Replica,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """An added replica gets its share once another replica is lost at the latest, and no call fails."""
    environment.scale(len(names) + 1)
    over = [replica.name for replica in environment.replicas if replica.name != struck.name]
    with orders.load() as load:
        lost = struck.kill()
        back = recovery(load, since=lost, over=over, within=budgets.rediscover)
    measured(f"{back}", bound=f"no failures; even shares within {budgets.rediscover:.1f} s")

    block = load.block()
    assert not failures_but_cut(block, budgets, lost)
    assert not waiting_faults(block, budgets, back)
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims(
    "DNS-05", "RC-06", "F13", source="gRPC C-core polling_resolver.cc: no polling; the article's scene of scaling up"
)
@pytest.mark.catches(FROZEN_LIST, AGEING_CONNECTIONS)
@explained_by(causes_discovery.called_after_scaling)
@pytest.mark.promised("no polling")
@only_in_containers
def test_an_added_replica_gets_calls_only_after_a_connection_loss(
    orders: Orders,
    environment: Environment,
    struck: Replica,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """An added replica gets no calls while nothing breaks, and its share once another replica is lost."""
    environment.fresh_gateway()  # an earlier loss may have left a query pending
    orders.place(2 * len(names))
    with orders.load() as load:
        scaled = environment.scale(len(names) + 1)
        _judge_uncalled(load, environment.replicas[-1].name, scaled, budgets, measured)
        over = [replica.name for replica in environment.replicas if replica.name != struck.name]
        lost = struck.stop()  # gracefully, so that no call is cut
        back = recovery(load, since=lost, over=over, within=budgets.rediscover)
    measured(
        f"no calls to it while nothing broke. lost: {back}", bound=f"within {budgets.rediscover:.1f} s of the loss"
    )

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, back)
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims(
    "DNS-05", "RC-06", "F13", source="gRPC C-core polling_resolver.cc: no polling; the article's scene of a restart"
)
@pytest.mark.catches(FROZEN_LIST, AGEING_CONNECTIONS)
@explained_by(causes_discovery.called_after_scaling)
@pytest.mark.promised("no polling")
@only_in_containers
@pytest.mark.extended
def test_a_forgotten_replica_that_returns_gets_calls_only_after_a_connection_loss(
    orders: Orders,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """
    A replica that returns once it was forgotten gets no calls while nothing breaks, and its share after the next loss.

    It is down for two resolution intervals. After less it is often found earlier: its address may still be in the list,
    or a query may be pending that a failed dial of it triggered, and the interval delayed.
    """
    stopped, next_lost = replicas[0], replicas[-1]
    forgotten = 2 * budgets.promises.min_resolution_interval + budgets.reconnect
    with orders.load(30) as load:
        down = stopped.stop()
        for look in consistently(during=forgotten, every=0.5, what="the others serve"):
            with look:
                assert not [reply for reply in load.answered_since(down) if reply.served_by == stopped.name]
        returned = stopped.start(moved=True)
        _judge_uncalled(load, stopped.name, returned, budgets, measured)
        over = [name for name in names if name != next_lost.name]
        lost = next_lost.stop()
        back = recovery(load, since=lost, over=over, within=budgets.rediscover)
    measured(
        f"down for {returned - down:.1f} s, then no calls while nothing broke. lost: {back}",
        bound=f"within {budgets.rediscover:.1f} s of the loss",
    )

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, back)
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims("RC-06", "F13", "F32", source="gRFC A9: connection age makes clients reconnect and re-resolve")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.by_arrivals
def test_an_added_replica_is_found_through_max_connection_age(
    orders: Orders,
    environment: Environment,
    replicas: list[Replica],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When replicas limit connection age, a newly listed replica gets its share, and no call fails."""
    environment.restart_replicas(MAX_CONNECTION_AGE_MS=str(int(CONNECTION_AGE * 1000)))
    environment.fresh_gateway()
    orders.place(len(replicas))
    rate = AGEING_RATE * (len(replicas) + 1)
    with orders.load(rate) as load:
        added = environment.scale(len(replicas) + 1)
        over = [replica.name for replica in environment.replicas]
        within = 1.1 * CONNECTION_AGE + budgets.rediscover
        back = recovery(load, since=added, over=over, within=within)
    whole = load.block()
    block = orders.place(int(rate * CONNECTION_AGE * math.ceil(len(over) / 4)), rate=rate)
    measured(f"added: {back}, then {block.tally}", bound=f"no failures; even shares within {within:.1f} s")

    assert not whole.failed
    assert not waiting_faults(whole, budgets, back)
    assert not block.tally.faults(over, spread=len(block.replies) // len(over))
