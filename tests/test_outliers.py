"""outlier_detection takes a replica whose calls fail out of the rotation for a while."""

import math

import pytest

from tests.harness.environment import Measured
from tests.harness.eventually import consistently, eventually
from tests.harness.orders import Orders
from tests.harness.outliers import absences
from tests.harness.promises import Budgets
from tests.harness.service_configs import written
from tests.mutants.outliers import (
    CONSTANT_EJECTION,
    EJECTING,
    ENFORCED,
    LIMITED,
    NO_LIMIT,
    RETURNING,
    TOO_FEW_HOSTS,
    UNENFORCED,
)

pytestmark = [pytest.mark.extended, pytest.mark.feature("outlier-detection")]

INTERVAL = 0.2
"""Seconds from one look for outliers to the next, by the service configs here."""

BASE = 0.6
"""Seconds for which a replica is ejected the first time, where it returns at all."""

LATE = 0.2
"""Seconds by which the last attempt before an ejection may be late in the ledger: the absence is as much shorter."""

SEEN = 0.8
"""Seconds for which it is looked at whether nobody is ejected: four looks for outliers."""

CODE = "INTERNAL"
"""How calls fail here: with a code that nobody retries, so that each makes one attempt."""


@pytest.mark.claims("OD-01", "F41", source="gRFC A50, Failure Percentage Algorithm")
@pytest.mark.catches(TOO_FEW_HOSTS)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(EJECTING))
def test_a_replica_whose_calls_fail_is_ejected(
    orders: Orders, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that fails every call gets none any more from the next look for outliers on, and no call fails."""
    plan = f"{CODE}@{names[0]}"
    within = 2 * INTERVAL + budgets.slack  # the interval in which the first calls came may have too few of them
    for look in eventually(within=within, what=f"{names[0]} gets no calls"):
        with look:
            assert names[0] not in orders.place(4 * len(names), plan=plan).tally.counts, "it is not ejected"
    block = orders.place(10 * len(names), plan=plan)
    measured(f"{len(block.replies)} calls {block.tally}, failed {len(block.failed)}", bound=f"none at {names[0]}")

    assert names[0] not in block.tally.counts
    assert not block.failed


@pytest.mark.claims("OD-02", source="gRFC A50, Outlier Detection Algorithm, step 5")
@pytest.mark.catches(CONSTANT_EJECTION)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(RETURNING))
def test_an_ejected_replica_returns_later_each_time(
    orders: Orders, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that goes on failing returns after the base ejection time, and the next time after twice that."""
    bounds = [(BASE * times - LATE, BASE * times + INTERVAL + budgets.slack) for times in (1, 2)]
    until_ejected = 2 * INTERVAL + budgets.slack
    with orders.load(25 * len(names), plan=f"{CODE}@{names[0]}") as load:
        for look in eventually(within=sum(until_ejected + most for _, most in bounds), what="it has returned twice"):
            with look:
                trail = [(reply.sent, names[0] if reply.code == CODE else "") for reply in load.replies]
                gaps = absences(trail, names[0], over=len(names), longer_than=BASE / 2)
                assert len(gaps) > 1, "it has not been ejected and taken back twice"
    trail = [(each.arrived, each.replica) for each in load.block().attempts]
    gaps = absences(trail, names[0], over=len(names), longer_than=BASE / 2)[:2]
    bound = " and ".join(f"{least:.1f} to {most:.1f}" for least, most in bounds)
    measured(f"without calls for {', '.join(f'{gap:.2f}' for gap in gaps)} s", bound=f"{bound} s")

    assert [least <= gap <= most for gap, (least, most) in zip(gaps, bounds, strict=True)] == [True, True]


@pytest.mark.claims("OD-04", source="gRFC A50, max_ejection_percent; gRPC C-core outlier_detection.cc")
@pytest.mark.catches(NO_LIMIT)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(LIMITED))
def test_no_more_replicas_are_ejected_than_allowed(
    orders: Orders, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Where all replicas but one fail, only so many are ejected that the promised part of them is reached."""
    allowed = min(math.ceil(0.3 * len(names)), len(names) - 1)
    plan = f"{CODE}@{'!'.join(names[1:])}"
    for look in eventually(within=2 * INTERVAL + budgets.slack, what=f"{allowed} replicas are ejected"):
        with look:
            used = orders.place(4 * len(names), plan=plan).tally
            assert len(names) - len(used.counts) == allowed
    for look in consistently(during=SEEN, what="no more are ejected"):
        with look:
            used = orders.place(4 * len(names), plan=plan).tally
            measured(f"{len(names) - len(used.counts)} of {len(names)} ejected, calls {used}", bound=f"{allowed}")
            assert len(names) - len(used.counts) == allowed


@pytest.mark.claims("OD-05", source="gRFC A50, enforcement_percentage")
@pytest.mark.catches(ENFORCED)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(UNENFORCED))
def test_an_outlier_that_is_not_to_be_ejected_keeps_its_share(
    orders: Orders, names: list[str], measured: Measured
) -> None:
    """With an enforcement of 0 % a replica that fails every call goes on getting its share of them."""
    plan = f"{CODE}@{names[0]}"
    rate = 25 * len(names)
    orders.place(int(SEEN * rate), plan=plan, rate=rate)
    block = orders.place(8 * len(names), plan=plan)
    measured(f"{len(block.replies)} calls {block.tally} after {SEEN} s of failures", bound="8 each")

    assert not block.tally.faults(names, spread=1)
