"""weighted_round_robin gives each replica the share that its own load reports earn it."""

import pytest

from tests.harness.environment import Measured, Replica
from tests.harness.eventually import consistently, eventually
from tests.harness.orders import Orders
from tests.harness.promises import Budgets
from tests.harness.service_configs import written
from tests.harness.weights import report_load, share_faults, weighted_block
from tests.mutants.weights import LONG_BLACKOUT, NO_BLACKOUT, PLAIN_ROUND_ROBIN, WEIGHTS

pytestmark = [pytest.mark.extended, pytest.mark.feature("weighted-round-robin")]

UPDATE = 0.1
"""Seconds from one making of weights to the next, by the service configs here; the shortest that there is."""

SEEN = 0.8
"""Seconds for which shares are looked at: a gateway that uses its weights later than this passes unnoticed."""

UNEVEN = {
    "rps_fractional=800,cpu_utilization=0.5": 8,
    "rps_fractional=100,cpu_utilization=0.5": 1,
}


@pytest.mark.claims("WRR-01", "F40", source="gRFC A58, Subchannel Weights; gRPC C-core static_stride_scheduler.cc")
@pytest.mark.catches(PLAIN_ROUND_ROBIN)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WEIGHTS))
def test_shares_follow_the_reported_load(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """A replica's share is what it serves in a second over how busy it says it is: a busy one gets less."""
    loads = {
        "rps_fractional=100,cpu_utilization=0.2": 2,
        "rps_fractional=200,cpu_utilization=0.8": 1,
        "rps_fractional=300,cpu_utilization=0.4": 3,
    }
    weights = report_load(replicas, loads)
    block = weighted_block(orders, weights, within=budgets.reconnect + UPDATE)
    measured(f"{len(block.replies)} calls {block.tally}", bound="2:1:3, each within 2 % of the calls")

    assert not block.failed
    assert not share_faults(block, weights)


@pytest.mark.claims("WRR-04", source="gRFC A58, blackout_period")
@pytest.mark.catches(NO_BLACKOUT)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(LONG_BLACKOUT))
def test_reports_count_for_nothing_before_the_blackout_is_over(
    orders: Orders, replicas: list[Replica], names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Until a connection's blackout period is over, its replica has an equal share, whatever it reports."""
    report_load(replicas, UNEVEN)
    for look in eventually(within=budgets.reconnect, what="every replica has answered since"):
        with look:
            assert set(orders.place(2 * len(names)).served) == set(names)
    for look in consistently(during=SEEN, what="shares are equal"):
        with look:
            block = orders.place(4 * len(names))
            measured(f"{len(block.replies)} calls {block.tally}", bound=f"equal for {SEEN} s")
            # a picker that is made anew, as after the name server's answer, begins at any replica
            assert not block.tally.faults(names, spread=2)
