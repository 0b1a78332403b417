"""What becomes of calls when the name server fails: is silent, lags behind, or says that there is nobody."""

from collections import Counter

import pytest

from tests.behaviours.dns import causes
from tests.behaviours.dns.mutants import FORGETS_NAMES, KEEPS_FAILURES, NEEDS_IPV6, WITHOUT_TCP
from tests.behaviours.dns.questions import asked_after_a_cut, asks_again_within, wait_until_all_serve
from tests.behaviours.mutants import FROZEN_LIST, NO_DEADLINE, SLOW_RESOLUTION, WAITS_FOR_READY
from tests.harness.behaviour import (
    Budgets,
    Dns,
    Environment,
    InconclusiveError,
    Measured,
    Orders,
    Promises,
    Replica,
    explained_by,
    fresh_block_faults,
    recovery,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
]

KEEPS = pytest.mark.feature("addresses-outlive-names")


@pytest.mark.claims("DNS-06", "F18", source="gRPC C-core round_robin.cc, UpdateLocked: an error keeps the last list")
@pytest.mark.catches(FORGETS_NAMES)
@explained_by(causes.addresses_dropped)
@pytest.mark.parametrize(
    "fault", ["SERVFAIL", pytest.param("NXDOMAIN", marks=KEEPS), pytest.param("EMPTY", marks=KEEPS)]
)
def test_a_failing_name_server_costs_no_call(
    fault: str,
    orders: Orders,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A gateway whose name server fails when it asks again goes on with the addresses that it has."""
    dns.fail(fault)
    query = asked_after_a_cut(orders, dns, names, budgets)
    block = orders.place(4 * len(names))
    measured(
        f"asked, answered {query.rcode} with {len(query.answer)} addresses; {len(block.failed)} calls failed",
        bound="none",
    )

    assert not block.failed
    wait_until_all_serve(orders, names, budgets)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("DNS-07", "F18", source="gRPC C-core dns_resolver.cc, GRPC_DNS_*; doc/wait-for-ready.md")
@pytest.mark.catches(KEEPS_FAILURES, WAITS_FOR_READY)
@explained_by(causes.waited_for_dns, causes.failure_treated_as_permanent)
def test_a_gateway_that_starts_before_its_name_finds_it(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Where its name does not exist yet a gateway's calls fail at once, and are served soon after the name is there."""
    dns.fail("NXDOMAIN")
    environment.fresh_gateway()
    (reply,) = orders.place().replies
    healed = dns.heal()
    if not any(query.rcode == "NXDOMAIN" for query in dns.queries()):
        raise InconclusiveError("the gateway was not told that the name does not exist")
    within = asks_again_within(healed - reply.sent) + budgets.reconnect
    with orders.load() as load:
        back = recovery(load, since=healed, over=names, within=within)
    most = budgets.fail_fast
    measured(f"{reply.code} after {reply.seconds:.2f} s; then {back}", bound=f"{most:.2f} s; {within:.1f} s")

    assert reply.code in ("UNAVAILABLE", None)
    assert reply.seconds <= most
    assert back.last_failure <= within


@pytest.mark.claims("DNS-08", "F42", source="grpc/grpc doc/statuscodes.md; gRPC C-core ares_resolver.cc")
@pytest.mark.catches(NO_DEADLINE)
@explained_by(causes.waited_without_deadline)
def test_a_silent_name_server_holds_no_call_beyond_its_deadline(
    orders: Orders, environment: Environment, dns: Dns, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A call that waits for a name server which never answers ends at its deadline at the latest."""
    dns.fail("SILENT")
    environment.fresh_gateway()
    block = orders.place(3, callers=3)
    slowest, most = max(reply.seconds for reply in block.replies), promises.call_timeout + budgets.slack
    measured(f"{[reply.code for reply in block.replies]}, slowest {slowest:.2f} s", bound=f"within {most:.2f} s")
    if not dns.queries():
        raise InconclusiveError("the gateway had no question for the name server")

    assert {reply.code for reply in block.replies} <= {"DEADLINE_EXCEEDED", "UNAVAILABLE", None}
    assert slowest <= most


@pytest.mark.claims("DNS-10", "F11", source="RFC 1035, 4.2.1; RFC 7766; gRPC C-core with c-ares")
@pytest.mark.catches(WITHOUT_TCP)
@explained_by(causes.no_tcp)
def test_an_answer_that_was_cut_is_asked_for_over_tcp(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A gateway whose answer did not fit into a datagram asks again over TCP and uses every replica."""
    dns.fail("TRUNCATED")
    environment.fresh_gateway()
    block = orders.place(4 * len(names))
    asked = [query.protocol for query in dns.queries() if query.kind == "A"]
    measured(f"asked over {', '.join(asked)}; {len(block.failed)} of {len(block.replies)} calls failed", bound="none")
    if "udp" not in asked:
        raise InconclusiveError("it had no answer over UDP that could be cut")

    assert not block.failed
    wait_until_all_serve(orders, names, budgets)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("F16", "F14", source="gRPC C-core polling_resolver.cc; grpc/grpc-java#11268")
@pytest.mark.catches(FROZEN_LIST, SLOW_RESOLUTION)
@pytest.mark.promised("retries")
def test_a_name_server_that_lags_behind_delays_discovery_and_costs_no_call(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    replicas: list[Replica],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A gateway that was told the old addresses when a replica was replaced asks again, and finds it without a loss."""
    with orders.load() as load:
        dns.fail("STALE")
        environment.replace(replicas[0])
        query = dns.wait_for_query(since=load.started, within=budgets.ask)
        assert query is not None, "it lost a connection and never asked"
        healed = dns.heal()
        over = [replica.name for replica in environment.replicas]
        back = recovery(load, since=healed, over=over, within=budgets.rediscover)
    measured(f"told {query.answer}; mended: {back}", bound=f"none fails, even within {budgets.rediscover:.1f} s")

    assert not load.block().failed
    assert not fresh_block_faults(orders, over, budgets.promises)


@pytest.mark.claims("F61", source="RFC 8305, section 3; gRPC C-core dns_resolver.cc")
@pytest.mark.catches(NEEDS_IPV6)
@explained_by(causes.ipv6_needed)
@pytest.mark.parametrize("fault", ["SERVFAIL", "NXDOMAIN"])
def test_a_failing_question_for_ipv6_addresses_costs_no_call(
    fault: str,
    orders: Orders,
    environment: Environment,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Where a name server answers questions for IPv4 addresses only, and those for IPv6 fail, a gateway serves."""
    dns.fail(fault, kinds=["AAAA"])
    environment.fresh_gateway()
    block = orders.place(4 * len(names))
    asked = Counter(f"{query.kind} {query.rcode}" for query in dns.queries())
    measured(f"asked {dict(asked)}; {len(block.failed)} of {len(block.replies)} calls failed", bound="none")

    assert not block.failed
    wait_until_all_serve(orders, names, budgets)
    assert not fresh_block_faults(orders, names, budgets.promises)


@pytest.mark.claims("F18", source="gRPC C-core polling_resolver.cc; grpc/grpc-dotnet#1672")
@pytest.mark.catches(KEEPS_FAILURES)
@explained_by(causes.failure_treated_as_permanent)
def test_a_service_that_was_scaled_to_nothing_is_found_again(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A gateway that was told of no replica at all finds those that come back, at other addresses."""
    with orders.load() as load:
        environment.scale(0)
        query = dns.wait_for_query(since=load.started, within=budgets.ask)
        if query is None or query.answer:
            raise InconclusiveError("the gateway was not told that there is no replica")
        returned = environment.scale(len(names))
        over = [replica.name for replica in environment.replicas]
        within = asks_again_within(returned - query.monotonic) + budgets.reconnect
        back = recovery(load, since=returned, over=over, within=within)
    gone = returned - query.monotonic
    measured(f"gone for {gone:.1f} s; returned: {back}", bound=f"no failure after {within:.1f} s, even by then")

    assert back.last_failure <= within
    assert not fresh_block_faults(orders, over, budgets.promises)
