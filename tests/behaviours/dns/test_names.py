"""What the gateway asks the name server, and what it makes of the answers."""

from collections import Counter

import pytest

from tests.behaviours.distribution import causes as distribution_causes
from tests.behaviours.dns import causes
from tests.behaviours.dns.mutants import (
    DIALS_EACH_RECORD,
    HEEDS_TEXT_RECORDS,
    HONOURS_LIFETIMES,
    KEEPS_ADDRESSES,
    NO_FLOOR,
    RENEWS_CHANNEL,
)
from tests.behaviours.dns.questions import asked_after_a_cut, first_told, wait_until_all_serve
from tests.behaviours.mutants import CHANNEL_PER_REQUEST, FROZEN_LIST, POLLING
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
    consistently,
    explained_by,
    fresh_block_faults,
    recovery,
    text_record,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
]

LIFETIME = 1
"""Seconds (TTL); a gateway that heeds it asks anew after them."""

DELAY = 0.4
"""Seconds that a replica takes over a call which is to be under way when something happens."""


@pytest.mark.claims("DNS-01", "F03", source="grpc/grpc doc/naming.md, Name Syntax; doc/load-balancing.md, round_robin")
@pytest.mark.catches(FROZEN_LIST, CHANNEL_PER_REQUEST)
@explained_by(causes.never_resolved)
def test_the_gateway_asks_for_its_name_once_and_uses_all_it_is_told(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], measured: Measured
) -> None:
    """However many calls it has made, a gateway has asked for its addresses once, and holds a connection to each."""
    block = orders.place(4 * len(names))
    asked = dns.queries()
    addresses = Counter(query.name for query in asked if query.kind == "A")
    connections = environment.connections()
    measured(
        f"{len(block.replies)} calls; asked {dict(Counter(query.kind for query in asked))}; connections {connections}",
        bound="one question for addresses, one connection to each replica",
    )

    assert addresses[dns.queried_name] == 1
    assert set(addresses.values()) == {1}, "names of a search list included, each is asked for once"
    assert connections == dict.fromkeys(names, 1)


@pytest.mark.claims("DNS-02", source="gRPC C-core polling_resolver.cc; grpc-go dns_resolver.go: neither heeds the TTL")
@pytest.mark.catches(HONOURS_LIFETIMES, POLLING)
@explained_by(distribution_causes.connection_per_call, causes.resolved_unprompted)
@pytest.mark.promised("no polling")
def test_the_lifetime_of_records_is_no_reason_to_ask(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """When the lifetime of its records has passed a gateway with calls under way asks nothing."""
    dns.set_ttl(LIFETIME)
    environment.fresh_gateway()
    wait_until_all_serve(orders, names, budgets)
    during = LIFETIME + budgets.slack
    with orders.load() as load:
        for look in consistently(during=during):
            with look:
                later = dns.address_queries(since=load.started)
                measured(f"{len(later)} questions, {len(load.replies)} calls in {during:.1f} s", bound="no question")
                assert not later, "it asked: if it polls on purpose, let it promise a refresh_interval"

    assert not load.block().failed


@pytest.mark.claims("DNS-04", "F56", source="gRPC C-core polling_resolver.cc, dns_resolver.cc; grpc-go dns_resolver.go")
@pytest.mark.catches(NO_FLOOR)
@explained_by(causes.resolved_too_often)
def test_many_lost_connections_do_not_flood_the_name_server(
    orders: Orders,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    promises: Promises,
    measured: Measured,
) -> None:
    """However often connections are lost, questions keep the promised floor, and one that has to wait is not lost."""
    floor = promises.min_resolution_interval
    with orders.load(plan=f"CLOSE@{names[0]}") as load:
        asked = [dns.wait_for_query(since=load.started, within=budgets.ask)]
        while asked[-1] is not None and len(asked) < 3:
            asked.append(dns.wait_for_query(since=asked[-1].monotonic + 1e-6, within=budgets.ask))
    times = [query.monotonic - load.started for query in asked if query is not None]
    least = 2 * floor - budgets.slack  # two floors of 0.2 s pass for two of 0.5 s: so long may a question be under way
    measured(f"asked at {', '.join(f'{at:.2f}' for at in times)} s", bound=f"three times, in {least:.2f} s or more")

    assert len(times) == 3
    assert times[-1] - times[0] >= least


@pytest.mark.claims("DNS-09", "RR-09", source="gRFC A61, Address List Updates in Petiole Policies")
@pytest.mark.catches(KEEPS_ADDRESSES, RENEWS_CHANNEL)
@explained_by(causes.channel_recreated, causes.addresses_never_removed)
def test_an_unlisted_replica_finishes_its_calls_and_gets_no_new_one(
    orders: Orders,
    dns: Dns,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Once the gateway was told a list without a replica, that one finishes the calls it has and gets no other."""
    with orders.load(plan=f"OK:delay={DELAY * 1000:.0f}") as load:
        load.wait_until_served(by=names)
        dns.unlist(replicas[-1])
        query = asked_after_a_cut(orders, dns, names, budgets)
    block = load.block()
    there = [each for each in block.attempts if each.replica == names[-1]]
    under_way = [each for each in there if each.arrived < query.monotonic < each.arrived + DELAY]
    answers = [trail[-1] for trail in block.trails if trail]
    measured(f"{len(under_way)} calls under way there", bound="all finished there, and none after them")
    if not under_way or len(query.answer) != len(names) - 1:
        raise InconclusiveError(f"{len(under_way)} calls were under way when the gateway was told {query.answer}")

    assert {each.id for each in under_way}.isdisjoint(reply.id for reply in block.failed)
    assert [each for each in under_way if each not in answers] == []
    assert not fresh_block_faults(orders, names[:-1], budgets.promises)


@pytest.mark.claims("RR-08", source="gRFC A61, Address List Updates in Petiole Policies; C-core round_robin.cc")
@pytest.mark.catches(RENEWS_CHANNEL)
@explained_by(causes.channel_recreated)
def test_the_same_addresses_in_another_order_keep_their_connections(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """An answer with the addresses that the gateway has, in another order, costs no connection and no call."""
    before = orders.place(4 * len(names))
    first, kept = first_told(dns.queries()), names[1:]
    dns.list_in_order(names[::-1])  # answers rotate, and none of the turns is this one
    query = asked_after_a_cut(orders, dns, names, budgets)
    wait_until_all_serve(orders, names, budgets)
    after = orders.place(4 * len(names))
    peers = [{each.peer for each in block.attempts if each.replica in kept} for block in (before, after)]
    measured(f"answered {query.answer} after {first.answer}; {len(peers[1] - peers[0])} new connections", bound="none")
    if query.answer == first.answer or set(query.answer) != set(first.answer):
        raise InconclusiveError("the second answer is not the first one in another order")

    assert peers[1] == peers[0]
    assert not after.failed
    assert environment.connections() == dict.fromkeys(names, 1)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RR-10", source="gRPC C-core round_robin.cc: the list that the control plane gives is obeyed")
@pytest.mark.catches(KEEPS_ADDRESSES)
@explained_by(causes.addresses_never_removed)
def test_a_list_of_dead_addresses_is_obeyed_until_it_is_mended(
    orders: Orders,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    promises: Promises,
    measured: Measured,
) -> None:
    """When the name leads to nobody any more the gateway leaves its old replicas, and it returns when the name does."""
    fails_after = promises.longest_backoffs
    with orders.load() as load:
        dns.list_only_a_dead_address()
        query = asked_after_a_cut(orders, dns, names, budgets)
        load.wait_until_failing(since=query.monotonic, within=budgets.reconnect + fails_after)
        mended = dns.publish()
        back = recovery(load, since=mended, over=names, within=budgets.rediscover)
    measured(f"left after {query.answer}; mended: {back}", bound=f"even within {budgets.rediscover:.1f} s")

    assert back.last_failure <= budgets.rediscover
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("DNS-12", "F55", source="gRFC A2; gRPC C-core, GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION")
@pytest.mark.catches(HEEDS_TEXT_RECORDS)
@explained_by(causes.txt_record_applied)
@pytest.mark.feature("service-config-of-its-own")
def test_a_service_config_in_the_name_server_does_not_replace_the_gateways(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A service config that someone puts into the name server's TXT record changes nothing: calls go round."""
    dns.publish_txt(text_record({"serviceConfig": PICK_FIRST_CONFIG}))
    environment.fresh_gateway()
    orders.place(len(names))
    kinds = Counter(query.kind for query in dns.queries())
    measured(f"asked {dict(kinds)}", bound="calls go round, whatever it asked for")

    wait_until_all_serve(orders, names, budgets)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("RR-13", source="gRFC A48, Duplicate addresses in resolution result; gRFC A58")
@pytest.mark.catches(DIALS_EACH_RECORD)
@explained_by(distribution_causes.channel_pool)
def test_an_address_that_is_listed_twice_has_one_connection(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Two records of one address make one connection; its share is one or two, as the library has it."""
    dns.publish(also=[replicas[0].address.rpartition(":")[0]])
    environment.fresh_gateway()
    with orders.load() as load:
        load.wait_until_served(names, within=budgets.reconnect)
    once, twice = 2 * (len(names) + 1), 4 * len(names)
    block = orders.place(once * len(names))
    share, connections = block.tally.counts.get(names[0], 0), environment.connections()
    measured(f"{share} of {len(block.replies)} calls, connections {connections}", bound=f"{once} or {twice}; 1 each")

    assert connections == dict.fromkeys(names, 1)
    assert min(abs(share - due) for due in (once, twice)) <= 1
