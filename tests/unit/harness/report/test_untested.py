"""What holds vacuously is named, by what no behaviour of the run has seen; what holds otherwise is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.checks.exercised import CONFIGURED
from tests.harness.report.extent import Extent, members
from tests.harness.report.result import Result
from tests.harness.report.table import verdict_table
from tests.harness.report.untested import with_untested
from tests.harness.subject.promises import Promises
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.page import page_of
from tests.unit.helpers.saved_report import result, save

WIDTH = 100
WHY = "no call was retried in this run, so this shows nothing"


def seen(*, configured: bool = False, **kinds: bool) -> Mapping[str, bool]:
    """Return what a gateway was seen to do."""
    return {CONFIGURED: configured, **kinds}


def negative(**members: Any) -> Result:  # noqa: ANN401, a Result's members
    """Return a behaviour that holds, and shows something only if the gateway retries."""
    made: dict[str, Any] = {"exercised": seen(retries=False), "vacuous_without": ("retries",), **members}
    return result("test_a_non_retryable_code_is_not_retried", **made)


def reason(*results: Result, promises: Promises | None = None) -> str:
    """Return why the first of these results shows nothing."""
    return with_untested(results, promises or Promises())[0].untested


def test_where_nothing_was_retried_it_shows_nothing() -> None:
    """In no behaviour of the run."""
    assert reason(negative(), result(exercised=seen(retries=False))) == WHY


@pytest.mark.parametrize(
    "other",
    [
        result(exercised=seen(retries=True)),
        result(exercised=seen(retries=True), verdict=Verdict.NONCONFORMANT),
    ],
    ids=["holds", "fails"],
)
def test_one_retry_anywhere_is_enough(other: Result) -> None:
    """Whatever that behaviour is about, and whether it holds."""
    assert reason(negative(), other) == ""


def test_a_retry_in_another_environment_shows_nothing_about_this_one() -> None:
    """The gateway may be configured differently there."""
    assert reason(negative(), result(exercised=seen(retries=True), environment="compose")) == WHY


def test_a_retry_with_another_configuration_shows_nothing_about_its_own() -> None:
    """The behaviour gave it a retry policy; one that is given a configuration itself is shown by both."""
    given = result(exercised=seen(configured=True, retries=True))

    assert reason(negative(), given) == WHY
    assert reason(negative(exercised=seen(configured=True, retries=False)), given) == ""


def test_what_cannot_be_seen_is_not_missed() -> None:
    """The name server is not ours, so that no query is seen."""
    assert reason(negative(vacuous_without=("re-resolves",))) == ""
    assert reason(negative(vacuous_without=("re-resolves",), exercised=seen(**{"re-resolves": False}))) != ""


def test_a_subject_that_promises_no_retries_is_tested() -> None:
    """That nothing is retried is its promise."""
    assert reason(negative(), promises=Promises(max_attempts=1)) == ""


@pytest.mark.parametrize("verdict", [Verdict.NONCONFORMANT, Verdict.INCONCLUSIVE, Verdict.KNOWN_FAILURE])
def test_only_what_holds_can_hold_vacuously(verdict: Verdict) -> None:
    """The others have their reasons."""
    assert reason(negative(verdict=verdict)) == ""


def test_it_changes_no_verdict() -> None:
    """A run in which it is all there is remains conformant."""
    (row,) = with_untested([negative()], Promises())

    assert members([row.verdict], {}, Extent.whole(1))["verdict"] == "conformant"


def test_table_and_page_name_it(tmp_path: Path) -> None:
    """With the reason, once for the cases of a behaviour, and with how many there are."""
    names = ("ABORTED", "INTERNAL")
    cases = [negative(untested=WHY, file="test_retry.py") for _ in names]
    rows = [
        result(f"test_a_non_retryable_code_is_not_retried[{code}]", untested=row.untested, file=row.file)
        for code, row in zip(names, cases, strict=True)
    ]
    table = verdict_table([*rows, result()], {}, WIDTH)
    page = page_of(save(tmp_path, [*rows, result()]))

    assert table.count(f"untested: {WHY}") == 1
    assert table.endswith("3 behaviours: 3 hold, 2 of them untested")
    assert "2 of those that hold are untested" in page.words
    assert page.words.count(WHY) == 2


def test_some_cases_of_a_behaviour_may_be_untested() -> None:
    """The others show something."""
    rows = [result("test_x[A]", untested=WHY), result("test_x[B]")]

    assert f"untested: {WHY} (1 of 2)" in verdict_table(rows, {}, WIDTH)
