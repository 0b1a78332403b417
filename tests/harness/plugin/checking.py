"""
The checks of every behaviour: its evidence is completed once it has ended, and judged as a whole.

They run where a behaviour held, where it was skipped midway and where it was inconclusive: what a gateway does wrong
anywhere must not hide behind a behaviour that could not be judged. One that failed already has its verdict.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, cast

import pytest

from tests.harness.causes.case import Case
from tests.harness.checks import contract, resources  # noqa: F401, importing them registers their checks
from tests.harness.checks.check import judge
from tests.harness.plugin.accounts import CASE
from tests.harness.plugin.selection import SUBJECT, run_of
from tests.harness.world.verdict import InconclusiveError

if TYPE_CHECKING:
    from tests.harness.evidence.recording import RecordedEnvironment
    from tests.harness.evidence.replay import ReplayedEnvironment


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge a behaviour that did not fail by what holds in every one."""
    try:
        result = yield
    except (pytest.skip.Exception, InconclusiveError):
        _check(item)
        raise
    _check(item)
    return result


def _check(item: pytest.Item) -> None:
    """Run every check on the evidence of a behaviour. Raises CheckFailedError for one that is broken."""
    arguments = getattr(item, "funcargs", {})
    run = run_of(item)
    if run is None or "restored" not in arguments:
        return
    world = cast("RecordedEnvironment | ReplayedEnvironment", arguments["environment"])
    case = Case(world.complete(), run.variant(item.config.stash[SUBJECT]).subject.promises)
    if not run.mutant and not run.control:  # what a subject costs is worked out later (accounts.py)
        item.stash[CASE] = case
    checked = judge(case)
    world.note("checked", held=checked.held, absent=checked.absent)
