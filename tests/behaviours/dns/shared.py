"""Shared by the behaviours of DNS: a trigger for re-resolution, and how soon a failed resolution is repeated."""

from collections.abc import Iterable

from tests.harness.behaviour import JITTER, Budgets, Dns, InconclusiveError, Orders, Promises, Query, eventually
from tests.harness.judges.backoff import MULTIPLIER

FIRST_WAIT = (1.0, 1.6)
"""Seconds before a failed resolution is repeated for the first time: in gRPC C-core, and in grpc-go."""


def asks_again_within(failing: float, promises: Promises) -> float:
    """
    Return how many seconds after the DNS server has recovered the next query comes, at the latest.

    That may be promised. Otherwise it follows from the backoff of connections, with which a failed resolution is
    repeated (grpc/grpc doc/connection-backoff.md; C-core polling_resolver.cc; grpc-go dns_resolver.go). `failing` is
    for how many seconds the server has failed, from the first query on: each wait is longer than the one before, so
    what counts is how many can have passed.
    """
    if promises.dns_retry_within:
        return promises.dns_retry_within
    shortest, longest = FIRST_WAIT
    passed = 0
    over = (1 - JITTER) * shortest
    while over <= failing:
        passed += 1
        over += (1 - JITTER) * shortest * MULTIPLIER**passed
    return (1 + JITTER) * longest * MULTIPLIER**passed


def query_after_a_cut(orders: Orders, dns: Dns, names: list[str], budgets: Budgets) -> Query:
    """
    Let the first replica close its connection to the gateway, and return the DNS query that follows.

    Raises AssertionError without a query within the promised interval: a lost connection is a reason to re-resolve.
    """
    for look in eventually(within=budgets.reconnect, what=f"a call reaches {names[0]}, which then closes"):
        with look:
            block = orders.place(len(names), plan=f"CLOSE@{names[0]}")
            assert names[0] in block.tally.counts
    query = dns.wait_for_query(since=block.replies[0].sent, within=budgets.ask)
    assert query is not None, f"a connection was cut, and the gateway has not re-resolved within {budgets.ask:.1f} s"
    return query


def first_answered(queries: Iterable[Query]) -> Query:
    """
    Return the first query that was answered with addresses. Raises InconclusiveError if there is none.

    The very first query may be another: grpc-go sends A and AAAA together, and either may arrive before the other.
    """
    answered = next((query for query in queries if query.kind == "A" and query.answer), None)
    if answered is None:
        raise InconclusiveError("the gateway serves, but has received no address from the DNS server")
    return answered


def wait_until_all_serve(orders: Orders, names: list[str], budgets: Budgets) -> None:
    """Wait until each replica answers one of as many orders. Raises AssertionError if that takes too long."""
    for look in eventually(within=budgets.reconnect, what="every replica serves"):
        with look:
            assert set(orders.place(len(names)).served) == set(names)
