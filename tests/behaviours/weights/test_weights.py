"""weighted_round_robin gives each replica the share that its load reports earn."""

import pytest

from tests.behaviours.weights import causes
from tests.behaviours.weights.mutants import (
    EXPIRING,
    KEEPS_WEIGHTS,
    LONG_BLACKOUT,
    NAMED,
    NO_BLACKOUT,
    NO_NAMED_METRICS,
    NO_PENALTY,
    PLAIN_ROUND_ROBIN,
    RARE,
    WEIGHTS,
    WEIGHTS_TOO_OFTEN,
)
from tests.harness.behaviour import (
    Budgets,
    Environment,
    InconclusiveError,
    Measured,
    Orders,
    consistently,
    explained_by,
    written,
)
from tests.harness.judges.weights import report_load, share_faults, wait_until_weighted, weighted_block

pytestmark = [pytest.mark.extended, pytest.mark.feature("weighted-round-robin")]

UPDATE = 0.1
"""Seconds between two weight updates, by the service configs here; the shortest possible."""

SEEN = 0.8
"""Seconds for which shares are observed: a gateway that applies its weights later than this passes unnoticed."""

EXPIRES, BLACKOUT = 0.7, 0.8
"""Seconds from the last report to the expiration of a weight, and the blackout period after that."""

UNEVEN = {
    "rps_fractional=800,cpu_utilization=0.5": 8,
    "rps_fractional=100,cpu_utilization=0.5": 1,
}


@pytest.mark.claims("WRR-01", "F40", source="gRFC A58, Subchannel Weights; gRPC C-core static_stride_scheduler.cc")
@pytest.mark.catches(PLAIN_ROUND_ROBIN)
@explained_by(causes.unexpected_shares)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WEIGHTS))
def test_shares_follow_the_reported_load(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """A replica's share follows its reported calls per second divided by its utilization: a busy one gets less."""
    loads = {
        "rps_fractional=100,cpu_utilization=0.2": 2,
        "rps_fractional=200,cpu_utilization=0.8": 1,
        "rps_fractional=300,cpu_utilization=0.4": 3,
    }
    weights = report_load(environment, loads)
    block = weighted_block(orders, weights, budgets, after=UPDATE)
    measured(f"{len(block.replies)} calls {block.tally}", bound="2:1:3, each within 2 % of the calls")

    assert not block.failed
    assert not share_faults(block.tally.counts, weights)


@pytest.mark.claims("WRR-04", source="gRFC A58, blackout_period")
@pytest.mark.catches(NO_BLACKOUT)
@explained_by(causes.too_early)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(LONG_BLACKOUT))
def test_load_reports_are_ignored_during_the_blackout_period(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """During the blackout period of a connection its replica gets an equal share, regardless of its load reports."""
    report_load(environment, UNEVEN)
    with orders.load() as load:
        load.wait_until_served(names, within=budgets.reconnect)
    for look in consistently(during=SEEN, what="shares are equal"):
        with look:
            block = orders.place(4 * len(names))
            measured(f"{len(block.replies)} calls {block.tally}", bound=f"equal for {SEEN} s")
            # a new picker, as after a DNS answer, starts at any replica
            assert not block.tally.faults(names, spread=2)


@pytest.mark.claims("WRR-02", source="gRFC A58, Subchannel Weights: application_utilization before cpu_utilization")
@pytest.mark.catches(PLAIN_ROUND_ROBIN)
@explained_by(causes.unexpected_shares)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WEIGHTS))
def test_application_utilization_wins_over_cpu_utilization(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """For a replica that reports application_utilization, cpu_utilization does not matter."""
    loads = {
        "rps_fractional=100,cpu_utilization=0.8,application_utilization=0.2": 4,
        "rps_fractional=100,cpu_utilization=0.2,application_utilization=0.8": 1,
        "rps_fractional=100,cpu_utilization=0.4,application_utilization=0.4": 2,
    }
    weights = report_load(environment, loads)
    block = weighted_block(orders, weights, budgets, after=UPDATE)
    measured(f"{len(block.replies)} calls {block.tally}", bound="4:1:2, each within 2 % of the calls")

    assert not block.failed
    assert not share_faults(block.tally.counts, weights)


@pytest.mark.claims("WRR-03", source="gRFC A58, Subchannel Weights: error_utilization_penalty")
@pytest.mark.catches(NO_PENALTY)
@explained_by(causes.unexpected_shares)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WEIGHTS))
def test_errors_count_against_a_replica(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """The error rate of a replica is added to its utilization, and so reduces its share."""
    loads = {
        "rps_fractional=300,cpu_utilization=0.5,eps=300": 3,
        "rps_fractional=100,cpu_utilization=0.5,eps=100": 1,
        "rps_fractional=100,cpu_utilization=0.5": 3,
    }
    weights = report_load(environment, loads)
    block = weighted_block(orders, weights, budgets, after=UPDATE)
    measured(f"{len(block.replies)} calls {block.tally}", bound="3:1:3, each within 2 % of the calls")

    assert not share_faults(block.tally.counts, weights)


@pytest.mark.claims("WRR-05", source="gRFC A58, weight_expiration_period")
@pytest.mark.catches(KEEPS_WEIGHTS)
@explained_by(causes.stale_weights)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(EXPIRING))
def test_a_weight_expires_without_new_load_reports(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """After weightExpirationPeriod without reports shares are equal again, until a new blackout period ends."""
    weights = report_load(environment, UNEVEN)
    wait_until_weighted(orders, weights, budgets, after=BLACKOUT + UPDATE)
    for look in consistently(during=EXPIRES + 3 * UPDATE, what="no load is reported, as there are no calls"):
        with look:
            environment.check_gateway()
    block = orders.place(2 * len(weights))
    measured(f"{len(block.replies)} calls {block.tally} in {block.seconds:.2f} s", bound="2 each")
    if block.seconds > BLACKOUT:
        raise InconclusiveError(f"the calls took {block.seconds:.2f} s, and the new blackout period ended before")

    assert not block.tally.faults(list(weights), spread=1)


@pytest.mark.claims("WRR-06", source="gRFC A58, EDF Scheduler: an endpoint without a weight gets the mean")
@pytest.mark.catches(PLAIN_ROUND_ROBIN)
@explained_by(causes.unexpected_shares)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WEIGHTS))
def test_a_replica_without_load_reports_gets_the_mean_weight(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """A replica without load reports gets as many calls as the mean of those with a weight."""
    loads = {"rps_fractional=100,cpu_utilization=0.5": 1, "": None, "rps_fractional=300,cpu_utilization=0.5": 3}
    weights = report_load(environment, loads)
    block = weighted_block(orders, weights, budgets, after=UPDATE)
    measured(f"{len(block.replies)} calls {block.tally}", bound="1:2:3, each within 2 % of the calls")

    assert not block.failed
    assert not share_faults(block.tally.counts, weights)


@pytest.mark.claims("WRR-07", source="gRFC A114; gRPC C-core weighted_round_robin.cc")
@pytest.mark.catches(NO_NAMED_METRICS)
@explained_by(causes.unexpected_shares)
@pytest.mark.feature("named-metrics")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(NAMED))
def test_a_named_metric_wins_over_cpu_utilization(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """When the service config names a metric, the reports of that metric are the utilization of a replica."""
    loads = {
        "rps_fractional=100,cpu_utilization=0.8,named_metrics.queue=0.2": 4,
        "rps_fractional=100,cpu_utilization=0.2,named_metrics.queue=0.8": 1,
        "rps_fractional=100,cpu_utilization=0.4,named_metrics.queue=0.4": 2,
    }
    weights = report_load(environment, loads)
    block = weighted_block(orders, weights, budgets, after=UPDATE)
    measured(f"{len(block.replies)} calls {block.tally}", bound="4:1:2, each within 2 % of the calls")

    assert not block.failed
    assert not share_faults(block.tally.counts, weights)


@pytest.mark.claims("WRR-08", source="gRFC A58, weight_update_period")
@pytest.mark.catches(WEIGHTS_TOO_OFTEN)
@explained_by(causes.updated_too_often)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(RARE))
def test_weights_are_not_updated_before_the_update_period_ends(
    orders: Orders,
    environment: Environment,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """
    Shares stay equal after the blackout period, until weightUpdatePeriod has passed.

    All replicas connect within the blackout period: a rotation that is restarted for one of them has no weights.
    """
    report_load(environment, UNEVEN)
    with orders.load() as load:
        load.wait_until_served(names, within=budgets.reconnect)
        first = {reply.served_by: reply.received for reply in reversed(load.replies) if reply.ok}
        took = max(first.values()) - load.started
        for look in consistently(during=BLACKOUT + SEEN, what="calls continue"):
            with look:
                environment.check_gateway()
    block = orders.place(8 * len(names))
    measured(f"{len(block.replies)} calls {block.tally}, all replicas connected in {took:.2f} s", bound="8 each")
    if took > BLACKOUT:
        raise InconclusiveError(
            f"it took {took:.2f} s until all replicas served, and load reports may have counted before"
        )

    assert not block.tally.faults(names, spread=1)
