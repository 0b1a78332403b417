"""When the gateway queries DNS, and what it makes of the answers."""

from collections import Counter

import pytest

from tests.behaviours.distribution import causes as distribution_causes
from tests.behaviours.distribution import causes_connections
from tests.behaviours.distribution.controls import CHANNEL_POOL
from tests.behaviours.dns import causes, causes_waiting
from tests.behaviours.dns.controls import POLLER
from tests.behaviours.dns.mutants import (
    ACCEPTS_TXT_CONFIG,
    DIALS_EACH_RECORD,
    HONOURS_TTL,
    IGNORES_ALIASES,
    KEEPS_ADDRESSES,
    NO_FLOOR,
    RENEWS_CHANNEL,
)
from tests.behaviours.dns.shared import first_answered, query_after_a_cut, wait_until_all_serve
from tests.behaviours.mutants import CHANNEL_PER_REQUEST, FROZEN_LIST, POLLING, SLOW_RESOLUTION
from tests.behaviours.pick_first.mutants import PICK_FIRST_CONFIG
from tests.harness.behaviour import (
    Budgets,
    Dns,
    Environment,
    InconclusiveError,
    Measured,
    Orders,
    Promises,
    Replica,
    connection_faults,
    consistently,
    explained_by,
    fresh_block_faults,
    many_of,
    recovery,
    text_record,
    waiting_faults,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
]

TTL = 1
"""Seconds (TTL); a gateway that honours it re-resolves after them."""

DELAY = 0.4
"""Seconds that a replica takes for a call which has to be in flight when something happens."""


@pytest.mark.claims("DNS-01", "F03", source="grpc/grpc doc/naming.md, Name Syntax; doc/load-balancing.md, round_robin")
@pytest.mark.catches(FROZEN_LIST, CHANNEL_PER_REQUEST)
@pytest.mark.acquits(CHANNEL_POOL)
@explained_by(causes.never_resolved)
@pytest.mark.promised("no polling")
def test_the_gateway_resolves_its_name_once_and_uses_every_address(
    orders: Orders, environment: Environment, dns: Dns, promises: Promises, names: list[str], measured: Measured
) -> None:
    """A gateway resolves its name once, however many calls it makes, and connects to every address."""
    block = orders.place(4 * len(names))
    queries = dns.queries()
    addresses = Counter(query.name for query in queries if query.kind == "A")
    connections = environment.connections()
    measured(
        f"{len(block.replies)} calls; queried DNS: {dict(Counter(query.kind for query in queries))}; "
        f"connections {connections}",
        bound=f"{many_of(promises.connections_per_replica)} A query, and as many connections to each replica",
    )

    assert addresses[dns.queried_name] >= 1
    assert max(addresses.values()) <= promises.connections_per_replica, (
        "each name, of a search list too, is queried once"
    )
    assert not connection_faults(connections, names, promises)


@pytest.mark.claims(
    "DNS-02", source="gRPC C-core polling_resolver.cc; grpc-go dns_resolver.go: neither honours the TTL"
)
@pytest.mark.catches(HONOURS_TTL, POLLING)
@explained_by(distribution_causes.connection_per_call, causes.resolved_unprompted)
@pytest.mark.promised("no polling")
@pytest.mark.vacuous_without("re-resolves")
def test_dns_ttl_expiry_does_not_trigger_re_resolution(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A gateway under load does not query DNS when the TTL of its records has expired."""
    dns.set_ttl(TTL)
    environment.fresh_gateway()
    wait_until_all_serve(orders, names, budgets)
    during = TTL + budgets.slack
    with orders.load() as load:
        for look in consistently(during=during):
            with look:
                later = dns.address_queries(since=load.started)
                measured(
                    f"{len(later)} DNS queries, {len(load.replies)} calls in {during:.1f} s", bound="no DNS queries"
                )
                assert not later, (
                    "it queried DNS without a trigger: if it polls on purpose, let it promise a refresh_interval"
                )

    assert not load.block().failed


@pytest.mark.claims("DNS-04", "F56", source="gRPC C-core polling_resolver.cc, dns_resolver.cc; grpc-go dns_resolver.go")
@pytest.mark.catches(NO_FLOOR)
@pytest.mark.acquits(POLLER)
@explained_by(causes.resolved_too_often)
@pytest.mark.waits(3)
def test_many_lost_connections_do_not_flood_the_dns_server(
    orders: Orders,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    promises: Promises,
    measured: Measured,
) -> None:
    """However often connections are lost, DNS queries keep the minimum re-resolution interval, and none is dropped."""
    interval = promises.floor
    with orders.load(plan=f"CLOSE@{names[0]}") as load:
        queries = [dns.wait_for_query(since=load.started, within=budgets.ask)]
        while queries[-1] is not None and len(queries) < 3:
            queries.append(dns.wait_for_query(since=queries[-1].monotonic + 1e-6, within=budgets.ask))
    times = [query.monotonic - load.started for query in queries if query is not None]
    least = 2 * interval - budgets.slack  # two of 0.2 s pass for two of 0.5 s: so long may a query be in flight
    measured(
        f"queried DNS at {', '.join(f'{at:.2f}' for at in times)} s", bound=f"three times, in at least {least:.2f} s"
    )

    assert len(times) == 3
    assert times[-1] - times[0] >= least


@pytest.mark.claims("DNS-09", "RR-09", source="gRFC A61, Address List Updates in Petiole Policies")
@pytest.mark.catches(KEEPS_ADDRESSES, RENEWS_CHANNEL, SLOW_RESOLUTION)
@explained_by(causes.channel_recreated, causes.addresses_never_removed)
def test_a_replica_removed_from_dns_finishes_its_calls_and_gets_no_new_ones(
    orders: Orders,
    dns: Dns,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A replica that is missing from a new DNS answer finishes its calls in flight and gets no new ones."""
    with orders.load(plan=f"OK:delay={DELAY * 1000:.0f}") as load:
        load.wait_until_served(by=names, within=budgets.reply)
        dns.unlist(replicas[-1])
        query = query_after_a_cut(orders, dns, names, budgets)
    block = load.block()
    there = [attempt for attempt in block.attempts if attempt.replica == names[-1]]
    in_flight = [attempt for attempt in there if attempt.arrived < query.monotonic < attempt.arrived + DELAY]
    answered = [trail[-1] for trail in block.trails if trail]
    measured(
        f"{len(in_flight)} calls in flight at the removed replica", bound="all finish there, and no new ones arrive"
    )
    if not in_flight or len(query.answer) != len(names) - 1:
        raise InconclusiveError(f"{len(in_flight)} calls were in flight when the gateway received {query.answer}")

    assert {attempt.id for attempt in in_flight}.isdisjoint(reply.id for reply in block.failed)
    assert [attempt for attempt in in_flight if attempt not in answered] == []
    assert not fresh_block_faults(orders, names[:-1], budgets.promises)


@pytest.mark.claims("RR-08", source="gRFC A61, Address List Updates in Petiole Policies; C-core round_robin.cc")
@pytest.mark.catches(RENEWS_CHANNEL)
@explained_by(causes.channel_recreated)
def test_reordered_addresses_keep_their_connections(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A DNS answer with the same addresses in another order costs no connection, and no call fails."""
    before = orders.place(4 * len(names))
    first, kept = first_answered(dns.queries()), names[1:]
    dns.list_in_order(names[::-1])  # answers rotate, and none of the rotations has this order
    query = query_after_a_cut(orders, dns, names, budgets)
    wait_until_all_serve(orders, names, budgets)
    after = orders.place(4 * len(names))
    peers = [{attempt.peer for attempt in block.attempts if attempt.replica in kept} for block in (before, after)]
    measured(
        f"DNS answer {query.answer} after {first.answer}; {len(peers[1] - peers[0])} new connections",
        bound="no new connections",
    )
    if query.answer == first.answer or set(query.answer) != set(first.answer):
        raise InconclusiveError("the second answer does not have the addresses of the first in another order")

    assert peers[1] == peers[0]
    assert not after.failed
    assert not connection_faults(environment.connections(), names, budgets.promises)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RR-10", source="gRPC C-core round_robin.cc: the list of the control plane is applied")
@pytest.mark.catches(KEEPS_ADDRESSES)
@explained_by(causes.addresses_never_removed)
@pytest.mark.waits(2)
def test_an_all_dead_address_list_is_applied_and_the_next_good_list_recovers(
    orders: Orders,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    promises: Promises,
    measured: Measured,
) -> None:
    """When DNS lists only a dead address the gateway drops its replicas, and it recovers with the next good list."""
    fails_after = promises.call_timeout if promises.wait_for_ready else promises.longest_backoffs
    with orders.load() as load:
        dns.list_only_a_dead_address()
        query = query_after_a_cut(orders, dns, names, budgets)
        load.wait_until_failing(since=query.monotonic, within=budgets.reconnect + fails_after)
        corrected = dns.publish()
        back = recovery(load, since=corrected, over=names, within=budgets.rediscover, outage=True)
    measured(
        f"calls failed after {query.answer}; good list: {back}",
        bound=f"no failures and even shares after {budgets.rediscover:.1f} s",
    )

    assert not waiting_faults(load.block(), budgets, back)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("DNS-12", "F55", source="gRFC A2; gRPC C-core, GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION")
@pytest.mark.catches(ACCEPTS_TXT_CONFIG)
@explained_by(causes.txt_record_applied)
@pytest.mark.feature("service-config-of-its-own")
def test_a_service_config_in_dns_does_not_override_the_local_one(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A service config in a TXT record of the DNS name changes nothing: calls still rotate across all replicas."""
    dns.publish_txt(text_record({"serviceConfig": PICK_FIRST_CONFIG}))
    environment.fresh_gateway()
    orders.place(len(names))
    kinds = Counter(query.kind for query in dns.queries())
    measured(f"queried DNS: {dict(kinds)}", bound="calls rotate across all replicas")

    wait_until_all_serve(orders, names, budgets)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("DNS-14", source="RFC 1034, section 3.6.2; RFC 1035, section 3.3.1")
@pytest.mark.catches(IGNORES_ALIASES)
@explained_by(causes_waiting.alias_not_followed)
def test_an_alias_is_followed_to_its_addresses(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A fresh gateway whose name is an alias of an alias (CNAME) uses every address at the end of the chain."""
    dns.alias()
    environment.fresh_gateway()
    within = budgets.reconnect + budgets.first_call
    with orders.load() as load:
        spread = recovery(load, since=load.started, over=names, within=within, outage=True)
    measured(f"from its first call: {spread}", bound=f"no failures; even shares within {within:.1f} s")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, spread)


@pytest.mark.claims("RR-13", source="gRFC A48, Duplicate addresses in resolution result; gRFC A58")
@pytest.mark.catches(DIALS_EACH_RECORD)
@explained_by(causes_connections.channel_pool)
def test_a_duplicate_address_gets_one_connection(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Two records of one address make one connection; it gets one or two shares, depending on the library."""
    dns.publish(also=[replicas[0].address.rpartition(":")[0]])
    environment.fresh_gateway()
    with orders.load() as load:
        load.wait_until_served(names, within=budgets.reconnect)
    once, twice = 2 * (len(names) + 1), 4 * len(names)
    block = orders.place(once * len(names))
    share, connections = block.tally.counts.get(names[0], 0), environment.connections()
    measured(
        f"{share} of {len(block.replies)} calls, connections {connections}",
        bound=f"{once} or {twice} calls; 1 connection each",
    )

    assert not connection_faults(connections, names, budgets.promises)
    assert min(abs(share - expected) for expected in (once, twice)) <= budgets.promises.uneven(block.seconds)
