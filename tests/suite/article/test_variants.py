"""The Go gateway of the article, a part of its service config left out. A separate file: files run side by side."""

from pathlib import Path

import pytest

from tests.suite.article.judged import causes_of, report_of

pytestmark = pytest.mark.article


def test_the_same_without_its_policy_fails_for_want_of_it(tmp_path: Path) -> None:
    """Without round_robin it is accused of just that; that its name has one address looks the same in containers."""
    report = report_of("subject-without-policy.toml", tmp_path)

    assert causes_of(report) == {"pick_first or one_address"}
    assert report["exit_status"] == 1


def test_the_same_without_its_retries_fails_for_want_of_them(tmp_path: Path) -> None:
    """Without a retry policy it is accused of just that."""
    report = report_of("subject-without-retries.toml", tmp_path)

    assert causes_of(report) == {"no_retry_policy"}
    assert report["exit_status"] == 1
