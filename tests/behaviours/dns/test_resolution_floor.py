"""The minimum re-resolution interval counts from the last query: a gateway older than it queries immediately."""

import pytest

from tests.behaviours.dns import causes
from tests.behaviours.dns.mutants import LATE_QUERIES
from tests.harness.behaviour import Budgets, Dns, Measured, Orders, consistently, explained_by

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin", "no polling"),
    pytest.mark.given_spread_calls,
]

FLOOR = 2.5
"""Seconds: the minimum re-resolution interval of a gateway that can be configured."""


def _queries_immediately(orders: Orders, dns: Dns, budgets: Budgets, measured: Measured, floor: float) -> None:
    """Let the interval pass without a reason to query DNS, cut a connection, and judge when the query comes."""
    served = orders.place()
    for look in consistently(during=floor + budgets.slack, every=0.2, what="nothing is lost, so DNS is not queried"):
        with look:
            assert not dns.address_queries(since=served.replies[0].received)
    (cut,) = orders.place(plan="CLOSE,OK").replies
    query = dns.wait_for_query(since=cut.sent, within=floor + 2 * budgets.slack)
    when = "never re-resolved" if query is None else f"re-resolved after {query.monotonic - cut.sent:.2f} s"
    measured(
        f"the last query was {floor + budgets.slack:.1f} s old or older; {when}", bound=f"within {budgets.slack:.1f} s"
    )

    assert query is not None
    assert query.monotonic - cut.sent <= budgets.slack


@pytest.mark.claims("DNS-04", "F14", source="gRPC C-core polling_resolver.cc; grpc/grpc-go#7262")
@pytest.mark.catches(LATE_QUERIES)
@explained_by(causes.late_queries)
@pytest.mark.promised("a floor")
def test_a_gateway_older_than_its_resolution_interval_re_resolves_immediately(
    orders: Orders, dns: Dns, budgets: Budgets, measured: Measured
) -> None:
    """A connection lost later than the promised interval after the last query makes the gateway query immediately."""
    _queries_immediately(orders, dns, budgets, measured, budgets.promises.min_resolution_interval)


@pytest.mark.claims("DNS-04", "F14", source="gRPC C-core polling_resolver.cc; grpc/grpc-go#7262")
@pytest.mark.catches(LATE_QUERIES)
@explained_by(causes.late_queries)
@pytest.mark.gateway(DNS_MIN_RESOLUTION_INTERVAL_MS=f"{FLOOR * 1000:.0f}")
def test_a_resolution_interval_that_has_passed_delays_no_query(
    orders: Orders, dns: Dns, budgets: Budgets, measured: Measured
) -> None:
    """A connection lost later than the given interval after the last query makes the gateway query immediately."""
    _queries_immediately(orders, dns, budgets, measured, FLOOR)
