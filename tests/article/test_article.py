"""A Go gateway that knows nothing of the suite, judged from outside: `make article` builds it and runs these."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.loopback.nested import ROOT, started

pytestmark = pytest.mark.article

one_after_the_other = pytest.mark.xdist_group("variants")
"""Each run has three stacks of containers: more than two runs at once are too much for two processors."""

NO_POLICY = "pick_first or one_address"
"""What the causes come to without a view of names: the two look the same from outside."""


def report_of(subject: str, folder: Path) -> dict[str, Any]:
    """Judge a subject of services/gateways/article in a run of its own and return its report."""
    file = ROOT / "services" / "gateways" / "article" / subject
    with started(f"--subject={file}", f"--report={folder}", "-m", "compose", output=sys.stdout.fileno()) as run:
        run.wait(timeout=600)  # its exit status stands in the report
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def failing(report: dict[str, Any]) -> dict[str, str]:
    """Return the behaviours that are not conformant, each with the cause named."""
    return {
        each["behaviour"].partition("[")[0]: " or ".join(each["suspects"])
        for each in report["behaviours"]
        if each["verdict"] != "conformant"
    }


def test_the_gateway_of_the_article_is_conformant(tmp_path: Path) -> None:
    """The Go gateway with the article's service config keeps every promise that a black box can be judged on."""
    report = report_of("subject.toml", tmp_path)

    assert failing(report) == {}
    assert report["exit_status"] == 0


@one_after_the_other
def test_the_same_without_its_policy_fails_for_want_of_it(tmp_path: Path) -> None:
    """Without round_robin in its service config it is accused of just that."""
    report = report_of("subject-without-policy.toml", tmp_path)

    assert set(failing(report).values()) == {NO_POLICY}
    assert report["exit_status"] == 1


@one_after_the_other
def test_the_same_without_its_retries_fails_for_want_of_them(tmp_path: Path) -> None:
    """Without a retry policy in its service config it is accused of just that."""
    report = report_of("subject-without-retries.toml", tmp_path)

    assert set(failing(report).values()) == {"no_retry"}
    assert report["exit_status"] == 1
