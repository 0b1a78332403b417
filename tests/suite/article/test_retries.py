"""The article's last step: balanced, retried, with keepalive and without a deadline, as `make article` runs it."""

from pathlib import Path

import pytest

from tests.suite.article.judged import FOLDER, causes_of, everywhere, report_of

pytestmark = [pytest.mark.article, everywhere]


def test_it_is_conformant(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """It keeps every promise that a black box without a deadline can be judged on."""
    report = report_of(FOLDER / "subject.toml", tmp_path, where, request.config)

    assert causes_of(report) == set()
    assert report["exit_status"] == 0  # neither is anything inconclusive
