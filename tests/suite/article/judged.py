"""A Go gateway that knows nothing of the suite, judged from outside in a separate run."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.paths import ROOT
from tests.suite.nested import started

FOLDER = ROOT / "services" / "gateways" / "article"

everywhere = pytest.mark.parametrize("where", ["compose", "kind"])

LONGEST = 1800.0
"""*Patience.* Seconds that a run may take: on a busy machine, with a cluster to be created first."""


def promising(subject: str, folder: Path, **promises: object) -> Path:
    """Write a subject file like one of the gateway's, with these promises instead; return it."""
    lines = (FOLDER / subject).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.partition(" =")[0] not in promises]  # [promises] is the last section
    file = folder / subject
    file.write_text("\n".join([*kept, *(f"{name} = {json.dumps(value)}" for name, value in promises.items())]))
    return file


def report_of(file: Path, report: Path, where: str, config: pytest.Config, *paths: str) -> dict[str, Any]:
    """Judge a subject in an environment, on everything or on these paths, and return its report."""
    image = config.getoption("--kind-image")
    options = [f"--subject={file}", f"--report={report}", "-m", where, *paths]
    options += [f"--kind-image={image}"] if image and where == "kind" else []
    with started(*options, output=sys.stdout.fileno()) as run:
        run.wait(timeout=LONGEST)  # its exit status stands in the report
    document: dict[str, Any] = json.loads((report / "report.json").read_text(encoding="utf-8"))
    return document


def causes_of(report: dict[str, Any]) -> set[str]:
    """Return the causes named by what was convicted, "" where no rule knew one; a busy machine convicts no gateway."""
    return {" or ".join(each["suspects"]) for each in report["behaviours"] if each["verdict"] == "nonconformant"}
