"""The article's second step, balanced without retries, by what it promises and by more."""

from pathlib import Path

import pytest

from tests.suite.article.judged import FOLDER, causes_of, everywhere, promising, report_of

pytestmark = [pytest.mark.article, everywhere]

SUBJECT = "subject-round-robin.toml"


def test_it_is_conformant_where_it_promises_no_retries(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It keeps what round_robin, one attempt and no deadline promise."""
    report = report_of(FOLDER / SUBJECT, tmp_path / "report", where, request.config)

    assert causes_of(report) == set()
    assert report["exit_status"] == 0  # neither is anything inconclusive


def test_it_fails_for_lack_of_retries_where_it_promises_them(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It is accused of just that."""
    file = promising(SUBJECT, tmp_path, max_attempts=3)
    report = report_of(file, tmp_path / "report", where, request.config)

    assert causes_of(report) == {"no_retry_policy"}
    assert report["exit_status"] == 1


def test_it_fails_for_its_rotation_where_it_promises_pick_first(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It recovers as pick_first has to, and calls every replica."""
    file = promising(SUBJECT, tmp_path, policy="pick_first")
    report = report_of(file, tmp_path / "report", where, request.config, "tests/behaviours/pick_first")

    assert causes_of(report) == {"not_pick_first"}
    assert report["exit_status"] == 1
