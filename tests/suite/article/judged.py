"""A Go gateway that knows nothing of the suite, judged from outside in a separate run."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.harness.paths import ROOT
from tests.suite.nested import started


def report_of(subject: str, folder: Path) -> dict[str, Any]:
    """Judge a subject of services/gateways/article and return its report."""
    file = ROOT / "services" / "gateways" / "article" / subject
    with started(f"--subject={file}", f"--report={folder}", "-m", "compose", output=sys.stdout.fileno()) as run:
        run.wait(timeout=600)  # its exit status stands in the report
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def causes_of(report: dict[str, Any]) -> set[str]:
    """Return the causes named by what was convicted, "" where no rule knew one; a busy machine convicts no gateway."""
    return {" or ".join(each["suspects"]) for each in report["behaviours"] if each["verdict"] == "nonconformant"}
