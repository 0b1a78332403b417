"""What happens to calls when the DNS server fails: no answer, a stale answer, or one without addresses."""

from collections import Counter

import pytest

from tests.behaviours.deadlines.controls import WAITS
from tests.behaviours.deadlines.mutants import FAILS_FAST
from tests.behaviours.dns import causes, causes_waiting
from tests.behaviours.dns.controls import COLD, NEGATIVE_CACHE
from tests.behaviours.dns.mutants import FORGETS_NAMES, KEEPS_FAILURES, NEEDS_IPV6, RESOLVES_IN_CALLS, WITHOUT_TCP
from tests.behaviours.dns.shared import asks_again_within, query_after_a_cut, wait_until_all_serve
from tests.behaviours.mutants import FROZEN_LIST, NO_DEADLINE, SLOW_RESOLUTION, WAITS_FOR_READY
from tests.behaviours.retry.controls import NO_RETRIES
from tests.behaviours.retry.controls_application import ONE_STATUS
from tests.harness.behaviour import (
    Budgets,
    Dns,
    Environment,
    InconclusiveError,
    Measured,
    Orders,
    Promises,
    Replica,
    eventually,
    explained_by,
    fresh_block_faults,
    recovery,
    waiting_faults,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
]

ROUNDS = 10
"""Rounds over the replicas in a serial block."""

KEEPS = pytest.mark.feature("addresses-outlive-names")


@pytest.mark.claims("DNS-06", "F18", source="gRPC C-core round_robin.cc, UpdateLocked: an error keeps the last list")
@pytest.mark.catches(FORGETS_NAMES)
@explained_by(causes.addresses_dropped)
@pytest.mark.parametrize(
    "fault", ["SERVFAIL", pytest.param("NXDOMAIN", marks=KEEPS), pytest.param("EMPTY", marks=KEEPS)]
)
def test_a_failing_dns_server_fails_no_calls(
    fault: str,
    orders: Orders,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A gateway keeps its addresses when the DNS server fails on re-resolution."""
    dns.fail(fault)
    query = query_after_a_cut(orders, dns, names, budgets)
    block = orders.place(4 * len(names))
    measured(
        f"re-resolved, answer {query.rcode} with {len(query.answer)} addresses; {len(block.failed)} calls failed",
        bound="no failures",
    )

    assert not block.failed
    wait_until_all_serve(orders, names, budgets)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("DNS-06", "DNS-08", "F42", source="gRPC C-core polling_resolver.cc: a call never waits for it")
@pytest.mark.catches(RESOLVES_IN_CALLS)
@explained_by(causes.resolves_in_calls)
@pytest.mark.parametrize("fault", ["SILENT", "SLOW"])
def test_a_dns_server_that_does_not_answer_delays_no_calls_while_connected(
    fault: str,
    orders: Orders,
    dns: Dns,
    struck: Replica,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A gateway that re-resolves after a cut connection keeps serving calls, however long DNS takes to answer."""
    dns.fail(fault)
    with orders.load(20) as load:
        for look in eventually(within=budgets.reconnect, what=f"a call reaches {struck.name}, which then closes"):
            with look:
                cut = orders.place(len(names), plan=f"CLOSE@{struck.name}")
                assert struck.name in cut.tally.counts
        query = dns.wait_for_query(since=cut.replies[0].sent, within=budgets.ask)
        block = orders.place(ROUNDS * len(names))
    under_way, after = (max(reply.seconds for reply in calls.replies) for calls in (load.block(), block))
    most = budgets.fail_fast
    measured(
        f"slowest call {under_way:.2f} s around the cut, {after:.2f} s after it; {len(block.failed)} failed",
        bound=f"below {most:.2f} s and {budgets.slack:.2f} s; no failures",
    )

    assert not block.failed
    assert under_way < most
    assert after < budgets.slack
    assert query is not None, "it lost a connection and never re-resolved"


@pytest.mark.claims("DNS-07", "F18", source="gRPC C-core dns_resolver.cc, GRPC_DNS_*; doc/wait-for-ready.md")
@pytest.mark.catches(KEEPS_FAILURES, WAITS_FOR_READY)
@pytest.mark.acquits(WAITS, COLD, NEGATIVE_CACHE)
@explained_by(causes.waited_for_dns, causes.failure_treated_as_permanent)
@pytest.mark.promised("serves when it listens")
def test_a_gateway_started_before_its_dns_name_exists_recovers(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Calls fail fast while the gateway's DNS name does not exist, and succeed soon after it does."""
    dns.fail("NXDOMAIN")
    environment.fresh_gateway()
    (reply,) = orders.place().replies
    healed = dns.heal()
    if not any(query.rcode == "NXDOMAIN" for query in dns.queries()):
        raise InconclusiveError("the gateway has not received an NXDOMAIN answer")
    within = asks_again_within(healed - reply.sent, budgets.promises) + budgets.reconnect
    with orders.load() as load:
        back = recovery(load, since=healed, over=names, within=within, outage=True)
    most = budgets.unserved + budgets.first_call
    measured(
        f"{reply.code} after {reply.seconds:.2f} s; then {back}",
        bound=f"UNAVAILABLE within {most:.2f} s; no failures after {within:.1f} s",
    )

    assert reply.code in budgets.promises.unserved_codes
    assert reply.seconds <= most
    assert not waiting_faults(load.block(), budgets, back)


@pytest.mark.claims("WFR-02", "DNS-07", source="grpc/grpc doc/wait-for-ready.md; gRPC C-core client_channel.cc")
@pytest.mark.catches(FAILS_FAST)
@pytest.mark.acquits(WAITS)
@explained_by(causes_waiting.did_not_wait_for_dns)
@pytest.mark.gateway(WAIT_FOR_READY="true")
@pytest.mark.or_promised("wait_for_ready")
@pytest.mark.promised("deadline", "no ejection", "serves when it listens")
def test_wait_for_ready_calls_wait_through_a_dns_failure(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Calls with wait_for_ready outlast a DNS failure: until the name exists none fails before its deadline."""
    dns.fail("NXDOMAIN")
    environment.fresh_gateway()
    with orders.load(20) as load:
        query = dns.wait_for_query(since=load.started, within=budgets.slack)
        if query is None:
            raise InconclusiveError("the gateway has not queried DNS")
        healed = dns.heal()
        within = asks_again_within(healed - query.monotonic, budgets.promises) + budgets.reconnect
        load.wait_until_served(by=names, within=within)
    least, most = budgets.deadline
    failed = [reply for reply in load.replies if not reply.ok]
    early = [reply for reply in failed if not least <= reply.seconds <= most]
    measured(
        f"{len(failed)} of {len(load.replies)} calls failed, {len(early)} not at their deadline",
        bound=f"each at its deadline; all served within {within:.1f} s",
    )

    assert not early


@pytest.mark.claims("DNS-08", "F42", source="grpc/grpc doc/statuscodes.md; gRPC C-core ares_resolver.cc")
@pytest.mark.catches(NO_DEADLINE)
@pytest.mark.acquits(COLD, ONE_STATUS)
@explained_by(causes.waited_without_deadline)
@pytest.mark.promised("deadline", "serves when it listens")
def test_an_unresponsive_dns_server_does_not_delay_calls_past_their_deadline(
    orders: Orders, environment: Environment, dns: Dns, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A call that waits for a DNS server which never answers ends at its deadline at the latest."""
    dns.fail("SILENT")
    environment.fresh_gateway()
    block = orders.place(3, callers=3)
    slowest, most = (
        max(reply.seconds for reply in block.replies),
        promises.call_timeout + budgets.slack + budgets.first_call,
    )
    measured(f"{[reply.code for reply in block.replies]}, slowest {slowest:.2f} s", bound=f"within {most:.2f} s")
    if not dns.queries():
        raise InconclusiveError("the gateway sent no DNS query")

    assert {reply.code for reply in block.replies} <= {"DEADLINE_EXCEEDED", "UNAVAILABLE", None}
    assert slowest <= most


@pytest.mark.claims("DNS-10", "F11", source="RFC 1035, 4.2.1; RFC 7766; gRPC C-core with c-ares")
@pytest.mark.catches(WITHOUT_TCP)
@explained_by(causes.no_tcp)
def test_a_truncated_dns_answer_is_retried_over_tcp(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """After a truncated DNS answer a gateway repeats the query over TCP and uses every replica."""
    dns.fail("TRUNCATED")
    environment.fresh_gateway()
    block = orders.place(4 * len(names))
    protocols = [query.protocol for query in dns.queries() if query.kind == "A"]
    measured(
        f"queried DNS over {', '.join(protocols)}; {len(block.failed)} of {len(block.replies)} calls failed",
        bound="no failures",
    )
    if "udp" not in protocols:
        raise InconclusiveError("it sent no DNS query over UDP, so that no answer could be truncated")

    assert not block.failed
    wait_until_all_serve(orders, names, budgets)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("F16", "F14", source="gRPC C-core polling_resolver.cc; grpc/grpc-java#11268")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.acquits(NO_RETRIES)
@pytest.mark.waits(2)
def test_a_stale_dns_answer_delays_discovery_but_fails_no_calls(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    struck: Replica,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A gateway that gets stale addresses after a replacement re-resolves and finds the replica; no call fails."""
    with orders.load() as load:
        dns.fail("STALE")
        environment.replace(struck)
        query = dns.wait_for_query(since=load.started, within=budgets.ask)
        assert query is not None, "it lost a connection and never re-resolved"
        healed = dns.heal()
        over = [replica.name for replica in environment.replicas]
        back = recovery(load, since=healed, over=over, within=budgets.rediscover)
    measured(
        f"stale answer {query.answer}; corrected: {back}",
        bound=f"no failures; even shares within {budgets.rediscover:.1f} s",
    )

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, back)
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims("F61", source="RFC 8305, section 3; gRPC C-core dns_resolver.cc")
@pytest.mark.catches(NEEDS_IPV6)
@explained_by(causes.ipv6_needed)
@pytest.mark.parametrize("fault", ["SERVFAIL", "NXDOMAIN"])
def test_a_failing_aaaa_query_fails_no_calls(
    fault: str,
    orders: Orders,
    environment: Environment,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A gateway serves when the DNS server answers A queries and fails AAAA queries."""
    dns.fail(fault, kinds=["AAAA"])
    environment.fresh_gateway()
    block = orders.place(4 * len(names))
    answers = Counter(f"{query.kind} {query.rcode}" for query in dns.queries())
    measured(
        f"queried DNS: {dict(answers)}; {len(block.failed)} of {len(block.replies)} calls failed", bound="no failures"
    )

    assert not block.failed
    wait_until_all_serve(orders, names, budgets)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("F18", source="gRPC C-core polling_resolver.cc; grpc/grpc-dotnet#1672")
@pytest.mark.catches(KEEPS_FAILURES)
@explained_by(causes.failure_treated_as_permanent)
def test_a_service_scaled_to_zero_is_found_again(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A gateway that received an empty answer finds the replicas that return, at new addresses."""
    with orders.load() as load:
        environment.scale(0)
        query = dns.wait_for_query(since=load.started, within=budgets.ask)
        assert query is not None, "it lost every connection and never re-resolved"
        if query.answer:
            raise InconclusiveError("the gateway has not received an empty answer")
        returned = environment.scale(len(names))
        over = [replica.name for replica in environment.replicas]
        within = asks_again_within(returned - query.monotonic, budgets.promises) + budgets.reconnect
        back = recovery(load, since=returned, over=over, within=within, outage=True)
    empty = returned - query.monotonic
    measured(
        f"no replicas for {empty:.1f} s; returned: {back}",
        bound=f"no failures and even shares after {within:.1f} s",
    )

    assert not waiting_faults(load.block(), budgets, back)
    assert not fresh_block_faults(orders, over, budgets.promises)
