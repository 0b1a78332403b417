"""Each failure that people had is caught by a behaviour and shown by a mutant, or it is said why not."""

import pytest

from tests.harness.commands import failures
from tests.harness.commands.catalogue import behaviours
from tests.harness.commands.failures import Failure

EVERY = list(behaviours())
ALL = failures.failures()


def test_the_failures_are_numbered_without_a_gap() -> None:
    """None is forgotten."""
    assert [failure.id for failure in ALL] == [f"F{number:02}" for number in range(1, len(ALL) + 1)]


@pytest.mark.parametrize("failure", ALL, ids=lambda failure: failure.id)
def test_a_failure_is_caught_where_a_mutant_shows_it_or_not_hosted(failure: Failure) -> None:
    """A behaviour that claims it meets one of its mutants in an environment; else a reason is given, and only then."""
    by = failure.caught_by(EVERY)
    shown = [mutant for each in by for mutant in each.mutants if set(mutant.environments) & set(each.environments)]

    assert bool(shown) is not bool(failure.unhosted)


def test_a_claimed_failure_is_a_listed_one() -> None:
    """No behaviour claims a failure that nobody knows."""
    claimed = {one for behaviour in EVERY for one in behaviour.ids if one.startswith("F")}

    assert claimed <= {failure.id for failure in ALL}


def test_the_page_has_a_line_for_each() -> None:
    """Those that are caught stand in the table, the others below it with their reason."""
    page = failures.page()

    for failure in ALL:
        assert f"- {failure.id}: " in page if failure.unhosted else f"| {failure.id} | {failure.saw} |" in page
