"""Which behaviours wait for long under which promises, and how many workers wait for them."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import pytest

from tests.harness.plugin.long_waits import longest_first, wait_of, workers_for
from tests.harness.plugin.selection import REFERENCE
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.subject.subject import Subject


def behaviour(module: str, name: str) -> Callable[..., object]:
    """Return a behaviour of the suite."""
    found: Callable[..., object] = getattr(importlib.import_module(f"tests.behaviours.{module}"), name)
    return found


REPEATED = behaviour("contract.test_contract", "test_a_repeated_order_is_called_every_time")
ASKS = behaviour("dns.test_discovery", "test_a_lost_connection_triggers_re_resolution")
REPLACED = behaviour("recovery.test_recovery", "test_a_fully_replaced_fleet_is_found")
DEFAULT, FAST = Promises(), Subject.from_file(REFERENCE).promises


@dataclass(frozen=True)
class Item:
    """Stands for one of pytest's."""

    function: object
    times: int = 1

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        """Return the mark of one that waits several times."""
        assert name == "waits"
        return pytest.mark.waits(self.times).mark if self.times > 1 else None


def test_a_behaviour_waits_as_long_as_the_budgets_that_it_names() -> None:
    """Those that functions of the behaviours name for it count, too."""
    budgets = Budgets(DEFAULT, slack=0.6)

    assert wait_of(REPLACED, budgets) == budgets.rediscover
    assert wait_of(ASKS, budgets) == budgets.ask
    assert wait_of(REPEATED, budgets) < 10
    assert wait_of(None, budgets) == 0


def test_what_waits_longest_begins_first() -> None:
    """All else stays in its order, and so does everything where nothing waits for long."""
    items = cast("list[pytest.Item]", [Item(REPEATED), Item(ASKS), Item(None), Item(REPLACED)])

    assert longest_first(items, DEFAULT) == [items[3], items[1], items[0], items[2]]
    assert longest_first(items, FAST) == items


def test_what_waits_several_times_begins_before_what_waits_longer_once() -> None:
    """One floor after the other is longer than one floor and a reconnection."""
    items = cast("list[pytest.Item]", [Item(REPLACED), Item(ASKS, times=2), Item(REPEATED, times=9)])

    assert longest_first(items, DEFAULT) == [items[1], items[0], items[2]]


@pytest.mark.parametrize(
    ("promises", "whole", "workers"),
    [(DEFAULT, False, 8), (DEFAULT, True, 14), (FAST, False, 3), (FAST, True, 3)],
    ids=["gRPC's defaults, core", "gRPC's defaults, whole", "fast, core", "fast, whole"],
)
def test_there_are_as_many_workers_as_the_waits_are_worth(promises: Promises, *, whole: bool, workers: int) -> None:
    """Where behaviours compute more than they wait, more workers would only wait for the processor."""
    assert workers_for(promises, whole=whole) == workers
