"""A Go gateway that knows nothing of the suite, judged from outside: `make article` builds it and runs these."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.loopback.nested import ROOT, started

pytestmark = pytest.mark.article


def report_of(subject: str, folder: Path) -> dict[str, Any]:
    """Judge a subject of services/gateways/article in a run of its own and return its report."""
    file = ROOT / "services" / "gateways" / "article" / subject
    core = ("-m", "loopback and not extended")  # beyond it its floor of 30 s between two resolutions takes minutes
    with started(f"--subject={file}", f"--report={folder}", *core, output=sys.stdout.fileno()) as run:
        run.wait(timeout=600)  # its exit status stands in the report
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def failing(report: dict[str, Any]) -> set[str]:
    """Return the files that hold a behaviour which is not conformant."""
    return {each["file"] for each in report["behaviours"] if each["verdict"] != "conformant"}


def test_the_gateway_of_the_article_is_conformant(tmp_path: Path) -> None:
    """The Go gateway with the article's service config keeps every promise that a black box can be judged on."""
    report = report_of("subject.toml", tmp_path)

    assert failing(report) == set()
    assert report["exit_status"] == 0
    assert list(report["not_judged"].values()) == [
        "only on compose, kind: on loopback two behaviours look closer, at what the gateway asks",
        "needs another configuration, and the subject is a black box (tier 1)",
    ]


def test_the_same_without_its_policy_fails_in_distribution_only(tmp_path: Path) -> None:
    """Without round_robin in its service config it fails in distribution, and is accused of nothing else."""
    report = report_of("subject-without-policy.toml", tmp_path)

    assert failing(report) == {"test_distribution.py"}
    assert report["exit_status"] == 1
    assert report["verdict"] == "nonconformant"
