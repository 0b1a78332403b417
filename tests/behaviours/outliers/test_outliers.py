"""outlier_detection takes a replica whose calls fail out of the rotation for a while."""

import functools
import math

import pytest

from tests.behaviours.outliers import causes
from tests.behaviours.outliers.mutants import (
    BY_SUCCESS,
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
    UNENFORCED,
)
from tests.harness.behaviour import Block, Budgets, Measured, Orders, eventually, explained_by, written
from tests.harness.judges.outliers import INTERVAL, RATE, absences

pytestmark = [pytest.mark.extended, pytest.mark.feature("outlier-detection")]

BASE = 0.6
"""Seconds for which a replica is ejected the first time, where it returns at all."""

LATE = 0.2
"""Seconds by which the last attempt before an ejection may be late in the ledger: the absence is as much shorter."""

SEEN = 0.8
"""Seconds of calls before it is judged who is ejected: four looks for outliers."""

CODE = "INTERNAL"
"""How calls fail here: with a code that nobody retries, so that each makes one attempt."""


def after_four_looks(orders: Orders, names: list[str], failing: list[str]) -> Block:
    """Let calls fail on these replicas while the gateway looks for outliers four times; return a fresh block."""
    rate, plan = RATE * len(names), f"{CODE}@{'!'.join(failing)}"
    orders.place(int(SEEN * rate), plan=plan, rate=rate)
    return orders.place(8 * len(names), plan=plan)


def absent(orders: Orders, names: list[str], *, least: float, within: float) -> tuple[Block, list[float]]:
    """
    Let calls fail on the first replica until it was ejected for at least so many seconds and taken back.

    Return all calls, and for how long it was without them each time. Raises AssertionError after `within` seconds.
    """
    fails = names[0]
    look_at = functools.partial(absences, name=fails, over=len(names), longer_than=BASE / 2)
    with orders.load(RATE * len(names), plan=f"{CODE}@{fails}") as load:
        for look in eventually(within=within, what=f"{fails} was ejected for {least:.1f} s and taken back"):
            with look:
                gaps = look_at([(reply.sent, fails if reply.code == CODE else "") for reply in load.replies])
                assert max(gaps, default=0.0) >= least, f"it was without calls for {[round(gap, 2) for gap in gaps]} s"
    block = load.block()
    return block, look_at([(each.arrived, each.replica) for each in block.attempts])


@pytest.mark.claims("OD-01", "F41", source="gRFC A50, Failure Percentage Algorithm")
@pytest.mark.catches(TOO_FEW_HOSTS)
@explained_by(causes.not_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(EJECTING))
def test_a_replica_whose_calls_fail_is_ejected(orders: Orders, names: list[str], measured: Measured) -> None:
    """A replica that fails every call gets none any more once outliers were looked for, and no call fails."""
    block = after_four_looks(orders, names, names[:1])
    measured(f"{len(block.replies)} calls {block.tally}, failed {len(block.failed)}", bound=f"none at {names[0]}")

    assert names[0] not in block.tally.counts
    assert not block.failed


@pytest.mark.claims("OD-02", source="gRFC A50, Outlier Detection Algorithm, step 5")
@pytest.mark.catches(CONSTANT_EJECTION)
@explained_by(causes.not_ejected, causes.constant_ejection)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(RETURNING))
def test_an_ejected_replica_returns_later_each_time(
    orders: Orders, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """
    A replica that goes on failing returns after the base ejection time, and later on after twice that.

    Not always the very next time: a look that finds no call at it, as on a machine that stands still, forgives it.
    """
    once, twice = ((BASE * times - LATE, BASE * times + INTERVAL + budgets.slack) for times in (1, 2))
    _, gaps = absent(orders, names, least=twice[0], within=2 * once[1] + 2 * twice[1])
    bound = f"{once[0]:.1f} to {once[1]:.1f}, then {twice[0]:.1f} to {twice[1]:.1f} s"
    measured(f"without calls for {', '.join(f'{gap:.2f}' for gap in gaps)} s", bound=bound)

    assert once[0] <= gaps[0] <= once[1]
    assert twice[0] <= max(gaps) <= twice[1]


@pytest.mark.claims("OD-03", source="gRFC A50, Ejection Reporting; gRFC A61")
@pytest.mark.catches(DROPS_OUTLIERS)
@explained_by(causes.connection_dropped, causes.not_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(CONNECTED))
def test_an_ejected_replica_keeps_its_connection(
    orders: Orders, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that was ejected gets its calls over the same connection as before when it is taken back."""
    block, gaps = absent(orders, names, least=BASE - LATE, within=3 * INTERVAL + BASE + 2 * budgets.slack)
    used = {each.peer for each in block.attempts if each.replica == names[0]}
    measured(f"{len(used)} connections, without calls for {gaps[0]:.2f} s between", bound="1 connection")

    assert len(used) == 1


@pytest.mark.claims("OD-04", source="gRFC A50, max_ejection_percent; gRPC C-core outlier_detection.cc")
@pytest.mark.catches(NO_LIMIT)
@explained_by(causes.too_many_ejected, causes.not_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(LIMITED))
def test_no_more_replicas_are_ejected_than_allowed(orders: Orders, names: list[str], measured: Measured) -> None:
    """Where all replicas but one fail, only so many are ejected that the promised part of them is reached."""
    allowed = min(math.ceil(0.3 * len(names)), len(names) - 1)
    block = after_four_looks(orders, names, names[1:])
    ejected = len(names) - len(block.tally.counts)
    measured(f"{ejected} of {len(names)} ejected, {len(block.replies)} calls {block.tally}", bound=f"{allowed} ejected")

    assert ejected == allowed


@pytest.mark.claims("OD-05", source="gRFC A50, enforcement_percentage")
@pytest.mark.catches(ENFORCED)
@explained_by(causes.too_many_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(UNENFORCED))
def test_an_outlier_that_is_not_to_be_ejected_keeps_its_share(
    orders: Orders, names: list[str], measured: Measured
) -> None:
    """With an enforcement of 0 % a replica that fails every call goes on getting its share of them."""
    block = after_four_looks(orders, names, names[:1])
    measured(f"{len(block.replies)} calls {block.tally}", bound="8 each")

    assert not block.tally.faults(names, spread=1)


@pytest.mark.claims("OD-07", "F41", source="gRFC A50, Success Rate Algorithm")
@pytest.mark.catches(TOLERANT)
@explained_by(causes.not_ejected)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(BY_SUCCESS))
def test_a_replica_far_below_the_others_success_is_ejected(
    orders: Orders, names: list[str], measured: Measured
) -> None:
    """A replica whose success rate is half a standard deviation below the mean gets no calls any more."""
    block = after_four_looks(orders, names, names[:1])
    measured(f"{len(block.replies)} calls {block.tally}, failed {len(block.failed)}", bound=f"none at {names[0]}")

    assert names[0] not in block.tally.counts
    assert not block.failed


@pytest.mark.claims("OD-06", source="gRFC A61, Reasons for Generic Health Reporting")
@pytest.mark.catches(ROUND_ROBIN_CHILD)
@explained_by(causes.spread)
@pytest.mark.settles_when_served
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PICKING_FIRST))
def test_pick_first_keeps_a_replica_whose_calls_fail(orders: Orders, names: list[str], measured: Measured) -> None:
    """With pick_first below it, outlier detection ejects nobody: calls stay on the replica that fails them."""
    (first,) = orders.place().served
    block = after_four_looks(orders, names, [str(first)])
    at = {attempt.replica for attempt in block.attempts}
    measured(f"{len(block.replies)} calls at {', '.join(sorted(at))}", bound=f"all at {first}")

    assert at == {first}
