"""Polling as a subject promises it, with the configuration that it ships with."""

import pytest

from tests.behaviours.dns import causes
from tests.behaviours.mutants import FROZEN_LIST
from tests.harness.behaviour import (
    Budgets,
    Environment,
    Measured,
    Orders,
    Promises,
    explained_by,
    recovery,
    waiting_faults,
)

pytestmark = [pytest.mark.extended, pytest.mark.promised("round_robin", "polling"), pytest.mark.given_spread_calls]

USUAL = 1.0
"""Seconds between two polls by which a mutant is judged: what it runs as promises no polling."""


@pytest.mark.claims("DNS-05", "F13", source="docs/reference/contract.md, refresh_interval")
@pytest.mark.catches(FROZEN_LIST)
@explained_by(causes.never_resolved)
def test_promised_polling_finds_an_added_replica(
    orders: Orders,
    environment: Environment,
    names: list[str],
    promises: Promises,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A replica that is added while nothing breaks gets its share within the promised refresh interval."""
    within = (promises.refresh_interval or USUAL) + budgets.reconnect
    added = environment.scale(len(names) + 1)
    every = [replica.name for replica in environment.replicas]
    with orders.load() as load:
        found = recovery(load, since=added, over=every, within=within)
    measured(f"{found}", bound=f"no failures; even shares within {within:.1f} s")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, found)
