"""The article's first step, without a policy, by what it promises and by more. Separate files run side by side."""

from pathlib import Path

import pytest

from tests.suite.article.judged import FOLDER, causes_of, everywhere, promising, report_of

pytestmark = [pytest.mark.article, everywhere]

SUBJECT = "subject-pick-first.toml"


def test_it_is_conformant_where_it_promises_pick_first(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It keeps what pick_first, one attempt and no deadline promise, recovery included."""
    report = report_of(FOLDER / SUBJECT, tmp_path / "report", where, request.config)

    assert causes_of(report) == set()
    assert report["exit_status"] == 0  # neither is anything inconclusive


def test_it_fails_for_lack_of_round_robin_where_it_promises_that(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It is accused of just that; that its name has one address looks the same in containers."""
    file = promising(SUBJECT, tmp_path, policy="round_robin")
    report = report_of(file, tmp_path / "report", where, request.config)

    assert causes_of(report) == {"pick_first or one_address"}
    assert report["exit_status"] == 1
