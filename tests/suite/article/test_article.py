"""The Go gateway of the article as it is: `make article` runs this next to its variants."""

from pathlib import Path

import pytest

from tests.suite.article.judged import causes_of, report_of

pytestmark = pytest.mark.article


def test_the_gateway_of_the_article_is_conformant(tmp_path: Path) -> None:
    """The Go gateway with the article's service config keeps every promise that a black box can be judged on."""
    report = report_of("subject.toml", tmp_path)

    assert causes_of(report) == set()
    assert report["exit_status"] == 0  # neither is anything inconclusive
