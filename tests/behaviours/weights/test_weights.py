"""weighted_round_robin gives each replica the share that its own load reports earn it."""

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
"""Seconds from one making of weights to the next, by the service configs here; the shortest that there is."""

SEEN = 0.8
"""Seconds for which shares are looked at: a gateway that uses its weights later than this passes unnoticed."""

EXPIRES, BLACKOUT = 0.7, 0.8
"""Seconds after its last report for which a weight counts, where that is judged, and then until it counts again."""

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
    """A replica's share is what it serves in a second over how busy it says it is: a busy one gets less."""
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
def test_reports_count_for_nothing_before_the_blackout_is_over(
    orders: Orders, environment: Environment, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Until a connection's blackout period is over, its replica has an equal share, whatever it reports."""
    report_load(environment, UNEVEN)
    with orders.load() as load:
        load.wait_until_served(names, within=budgets.reconnect)
    for look in consistently(during=SEEN, what="shares are equal"):
        with look:
            block = orders.place(4 * len(names))
            measured(f"{len(block.replies)} calls {block.tally}", bound=f"equal for {SEEN} s")
            # a picker that is made anew, as after the name server's answer, begins at any replica
            assert not block.tally.faults(names, spread=2)


@pytest.mark.claims("WRR-02", source="gRFC A58, Subchannel Weights: application_utilization before cpu_utilization")
@pytest.mark.catches(PLAIN_ROUND_ROBIN)
@explained_by(causes.unexpected_shares)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WEIGHTS))
def test_the_applications_own_utilization_counts_before_the_processors(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """Where a replica says how much of what its application can do is in use, its processors do not matter."""
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
    """The part of its calls that fail is added to a replica's utilization, and so makes its share smaller."""
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
def test_a_weight_expires_with_its_last_report(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """After a time without reports shares are equal again, until a new blackout is over."""
    weights = report_load(environment, UNEVEN)
    wait_until_weighted(orders, weights, budgets, after=BLACKOUT + UPDATE)
    for look in consistently(during=EXPIRES + 3 * UPDATE, what="nothing is reported, as nothing is called"):
        with look:
            environment.check_gateway()
    block = orders.place(2 * len(weights))
    measured(f"{len(block.replies)} calls {block.tally} in {block.seconds:.2f} s", bound="2 each")
    if block.seconds > BLACKOUT:
        raise InconclusiveError(f"the calls took {block.seconds:.2f} s, and the new blackout was over before")

    assert not block.tally.faults(list(weights), spread=1)


@pytest.mark.claims("WRR-06", source="gRFC A58, EDF Scheduler: an endpoint without a weight has the mean")
@pytest.mark.catches(PLAIN_ROUND_ROBIN)
@explained_by(causes.unexpected_shares)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WEIGHTS))
def test_a_replica_that_reports_nothing_has_the_mean_of_the_others(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """A replica without a weight gets as many calls as the mean of those that have one."""
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
def test_a_metric_of_the_replicas_own_counts_before_the_processors(
    orders: Orders, environment: Environment, budgets: Budgets, measured: Measured
) -> None:
    """Where the service config names a metric, what replicas report under that name is their utilization."""
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
def test_weights_are_not_made_before_their_time(
    orders: Orders,
    environment: Environment,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """
    Shares that are equal while no report counts stay so when reports do, until weightUpdatePeriod has passed.

    All replicas are connected within the blackout: a rotation that is made anew for one of them has no weights.
    """
    report_load(environment, UNEVEN)
    with orders.load() as load:
        load.wait_until_served(names, within=budgets.reconnect)
        first = {reply.served_by: reply.received for reply in reversed(load.replies) if reply.ok}
        took = max(first.values()) - load.started
        for look in consistently(during=BLACKOUT + SEEN, what="calls go on"):
            with look:
                environment.check_gateway()
    block = orders.place(8 * len(names))
    measured(f"{len(block.replies)} calls {block.tally}, all connected in {took:.2f} s", bound="8 each")
    if took > BLACKOUT:
        raise InconclusiveError(f"it took {took:.2f} s until all replicas served, and reports may have counted before")

    assert not block.tally.faults(names, spread=1)
