"""
Behaviours that wait for long: which these are under a subject's promises, and how many workers wait for them.

A behaviour waits for no longer than the budgets that it names (promises.py). With gRPC's default promises one that
waits for a re-resolution takes more than half a minute, in which it computes nothing: so these begin first, each in a
worker that does nothing else.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.harness.paths import ROOT
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.orders import LONG

WORKERS = 3
"""How many workers a run has: most behaviours wait for less than they compute, and two cores are kept busy by three."""

WAITING_CORE, WAITING_WHOLE = 8, 14
"""
How many it has where behaviours wait for long: as many as let the longest one decide how long the run takes.

What one more costs is in docs/lab/measurements.md.
"""

_BUDGETS = [name for name, member in vars(Budgets).items() if isinstance(member, property)]


def workers_for(promises: Promises, *, whole: bool = True) -> int:
    """Return how many workers a run on loopback has: of the core, or with the extended behaviours too."""
    if Budgets(promises, slack=0.0).rediscover < LONG:
        return WORKERS
    return WAITING_WHOLE if whole else WAITING_CORE


def longest_first(items: Sequence[pytest.Item], promises: Promises) -> list[pytest.Item]:
    """Return the items in their order, but first those that wait for long, the longest of them first."""
    budgets = Budgets(promises, slack=0.0)
    waits = {item: _times(item) * wait_of(getattr(item, "function", None), budgets) for item in items}
    return sorted(items, key=lambda item: -waits[item] if waits[item] >= LONG else 0.0)


def _times(item: pytest.Item) -> int:
    """Return how many times in a row it waits for that long."""
    mark = item.get_closest_marker("waits")
    return int(mark.args[0]) if mark else 1


def wait_of(behaviour: Callable[..., Any] | None, budgets: Budgets) -> float:
    """Return the longest budget, in seconds, that a behaviour names, or a function of the suite that it calls."""
    named = set(_names(inspect.unwrap(behaviour), set())) if behaviour else set()
    return max((_longest(getattr(budgets, name)) for name in _BUDGETS if name in named), default=0.0)


def _longest(budget: float | tuple[float, ...]) -> float:
    return max(budget) if isinstance(budget, tuple) else float(budget)


def _names(function: Any, seen: set[CodeType]) -> Iterator[str]:  # noqa: ANN401, what a name stands for
    """Yield the names in a function of the behaviours, and in those that it calls."""
    if not isinstance(function, FunctionType) or function.__code__ in seen or not _is_ours(function):
        return
    seen.add(function.__code__)
    for name in function.__code__.co_names:
        yield name
        yield from _names(function.__globals__.get(name), seen)


def _is_ours(function: FunctionType) -> bool:
    return function.__code__.co_filename.startswith(str(ROOT / "tests" / "behaviours"))
