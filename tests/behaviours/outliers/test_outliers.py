"""outlier_detection removes a failing replica from the rotation for a while."""

import functools
import math

import pytest

from tests.behaviours.outliers import causes
from tests.behaviours.outliers.mutants import (
    BY_SUCCESS,
    CAPPED,
    CONNECTED,
    CONSTANT_EJECTION,
    DROPS_OUTLIERS,
    EJECTING,
    ENFORCED,
    LIMITED,
    NO_LIMIT,
    PICKING_FIRST,
    RETURNING,
    ROUND_ROBIN_CHILD,
    TOLERANT,
    TOO_FEW_HOSTS,
    UNCAPPED_EJECTION,
    UNENFORCED,
)
from tests.harness.behaviour import Block, Budgets, Measured, Orders, Replica, eventually, explained_by, written
from tests.harness.judges.outliers import INTERVAL, RATE, absences

pytestmark = [pytest.mark.extended, pytest.mark.feature("outlier-detection")]

BASE = 0.6
"""Seconds for which a replica is ejected the first time, where it returns at all."""

CAP = 0.9
"""Seconds for which a replica is ejected at most, where that is judged."""

OFTEN = 4
"""Ejections after which one without a cap would last four times as long as the first."""

LATE = 0.2
"""Seconds by which the last attempt before an ejection may be late in the ledger, which shortens the absence."""

SEEN = 0.8
"""Seconds of calls before the ejections are judged: four intervals of outlier detection."""

CODE = "INTERNAL"
"""How calls fail here: with a non-retryable code, so that each makes one attempt."""


def after_four_intervals(orders: Orders, names: list[str], failing: list[str]) -> Block:
    """Let calls fail on these replicas during four intervals of outlier detection; return a fresh block."""
    rate, plan = RATE * len(names), f"{CODE}@{'!'.join(failing)}"
    orders.place(int(SEEN * rate), plan=plan, rate=rate)
    return orders.place(8 * len(names), plan=plan)


def absent(
    orders: Orders, names: list[str], failing: str, *, least: float, within: float, often: int = 1, longer: int = 1
) -> tuple[Block, list[float]]:
    """
    Let calls fail on this replica until it was ejected so often, and has returned.

    Of its ejections `longer` have to last for at least `least` seconds.

    Return all calls, and how long each of its absences lasted. Raises AssertionError after `within` seconds.
    """
    absences_of = functools.partial(absences, name=failing, over=len(names), longer_than=BASE / 2)
    with orders.load(RATE * len(names), plan=f"{CODE}@{failing}") as load:
        for look in eventually(within=within, what=f"{failing} was ejected for {least:.1f} s and has returned"):
            with look:
                gaps = absences_of([(reply.sent, failing if reply.code == CODE else "") for reply in load.replies])
                lasting = [round(gap, 2) for gap in gaps]
                assert len(gaps) >= often, f"it had no calls for {lasting} s"
                assert sum(gap >= least for gap in gaps) >= longer, f"it had no calls for {lasting} s"
    block = load.block()
    return block, absences_of([(attempt.arrived, attempt.replica) for attempt in block.attempts])


@pytest.mark.claims("OD-01", "F41", source="gRFC A50, Failure Percentage Algorithm")
@pytest.mark.catches(TOO_FEW_HOSTS)
@explained_by(causes.not_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(EJECTING))
def test_a_failing_replica_is_ejected(orders: Orders, struck: Replica, names: list[str], measured: Measured) -> None:
    """A replica that fails every call is ejected within four intervals; then it gets no calls, and no call fails."""
    block = after_four_intervals(orders, names, [struck.name])
    measured(f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed", bound=f"none on {struck.name}")

    assert struck.name not in block.tally.counts
    assert not block.failed


@pytest.mark.claims("OD-02", source="gRFC A50, Outlier Detection Algorithm, step 5")
@pytest.mark.catches(CONSTANT_EJECTION)
@explained_by(causes.not_ejected, causes.constant_ejection)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(RETURNING))
def test_repeated_ejections_last_longer(
    orders: Orders, struck: Replica, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """
    A replica that keeps failing returns after the base ejection time, and on later ejections after at least twice that.

    Not always on the very next one: an interval without calls to it, as on a stalled machine, lowers its multiplier.
    Two longer ones are waited for, as a stall can make one of a constant length look like one.
    """
    once, twice = ((BASE * times - LATE, BASE * times + INTERVAL + budgets.slack) for times in (1, 2))
    within = 2 * once[1] + 2 * twice[1] + (twice[1] + BASE)
    _, gaps = absent(orders, names, struck.name, least=twice[0], longer=2, within=within)
    bound = f"{once[0]:.1f} to {once[1]:.1f}, then {twice[0]:.1f} to {twice[1]:.1f} s, then longer"
    measured(f"ejected for {', '.join(f'{gap:.2f}' for gap in gaps)} s", bound=bound)

    assert once[0] <= gaps[0] <= once[1]
    assert any(twice[0] <= gap <= twice[1] for gap in gaps)
    assert sum(gap >= twice[0] for gap in gaps) > 1


@pytest.mark.claims("OD-08", source="gRFC A50, Outlier Detection Algorithm, step 6; max_ejection_time")
@pytest.mark.catches(UNCAPPED_EJECTION)
@explained_by(causes.not_ejected, causes.uncapped_ejection)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(CAPPED))
def test_max_ejection_time_caps_repeated_ejections(
    orders: Orders, struck: Replica, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that keeps failing is ejected for the maximum ejection time at most, however often."""
    most, uncapped = CAP + INTERVAL + budgets.slack, BASE * sum(range(1, OFTEN + 1))
    within = uncapped + OFTEN * (INTERVAL + budgets.slack)
    _, gaps = absent(orders, names, struck.name, least=BASE - LATE, within=within, often=OFTEN)
    measured(f"ejected for {', '.join(f'{gap:.2f}' for gap in gaps)} s", bound=f"{most:.1f} s at most")

    assert max(gaps) <= most


@pytest.mark.claims("OD-03", source="gRFC A50, Ejection Reporting; gRFC A61")
@pytest.mark.catches(DROPS_OUTLIERS)
@explained_by(causes.connection_dropped, causes.not_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(CONNECTED))
def test_an_ejected_replica_keeps_its_connection(
    orders: Orders, struck: Replica, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica gets its calls over the same connection before and after an ejection."""
    block, gaps = absent(orders, names, struck.name, least=BASE - LATE, within=3 * INTERVAL + BASE + 2 * budgets.slack)
    used = {attempt.peer for attempt in block.attempts if attempt.replica == struck.name}
    measured(f"connections used: {len(used)}, ejected for {gaps[0]:.2f} s in between", bound="1 connection")

    assert len(used) == 1


@pytest.mark.claims("OD-04", source="gRFC A50, max_ejection_percent; gRPC C-core outlier_detection.cc")
@pytest.mark.catches(NO_LIMIT)
@explained_by(causes.too_many_ejected, causes.not_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(LIMITED))
def test_max_ejection_percent_caps_the_ejected_replicas(
    orders: Orders, others: list[str], names: list[str], measured: Measured
) -> None:
    """When all replicas but one fail, ejections stop as soon as maxEjectionPercent is reached."""
    allowed = min(math.ceil(0.3 * len(names)), len(names) - 1)
    block = after_four_intervals(orders, names, others)
    ejected = len(names) - len(block.tally.counts)
    measured(f"{ejected} of {len(names)} ejected, {len(block.replies)} calls {block.tally}", bound=f"{allowed} ejected")

    assert ejected == allowed


@pytest.mark.claims("OD-05", source="gRFC A50, enforcement_percentage")
@pytest.mark.catches(ENFORCED)
@explained_by(causes.too_many_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(UNENFORCED))
def test_an_outlier_keeps_its_share_at_zero_enforcement(
    orders: Orders, struck: Replica, names: list[str], measured: Measured
) -> None:
    """With an enforcement of 0 % a replica that fails every call keeps its share."""
    block = after_four_intervals(orders, names, [struck.name])
    measured(f"{len(block.replies)} calls {block.tally}", bound="8 each")

    assert not block.tally.faults(names, spread=1)


@pytest.mark.claims("OD-07", "F41", source="gRFC A50, Success Rate Algorithm")
@pytest.mark.catches(TOLERANT)
@explained_by(causes.not_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(BY_SUCCESS))
def test_a_replica_far_below_the_mean_success_rate_is_ejected(
    orders: Orders, struck: Replica, names: list[str], measured: Measured
) -> None:
    """A replica whose success rate is half a standard deviation below the mean is ejected and gets no calls."""
    block = after_four_intervals(orders, names, [struck.name])
    measured(f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed", bound=f"none on {struck.name}")

    assert struck.name not in block.tally.counts
    assert not block.failed


@pytest.mark.claims("OD-06", source="gRFC A61, Reasons for Generic Health Reporting")
@pytest.mark.catches(ROUND_ROBIN_CHILD)
@explained_by(causes.spread)
@pytest.mark.settles_when_served
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PICKING_FIRST))
def test_a_failing_replica_is_not_ejected_under_pick_first(
    orders: Orders, names: list[str], measured: Measured
) -> None:
    """With pick_first as its child policy, outlier detection ejects no replica: calls stay on the failing one."""
    (first,) = orders.place().served
    block = after_four_intervals(orders, names, [str(first)])
    used = {attempt.replica for attempt in block.attempts}
    measured(f"{len(block.replies)} calls on {', '.join(sorted(used))}", bound=f"all on {first}")

    assert used == {first}
