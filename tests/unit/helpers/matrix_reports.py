"""Reports of gateways, for the published matrix."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.harness.report.result import Result
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.saved_report import save

WRONG = {
    "verdict": Verdict.NONCONFORMANT,
    "message": "assert [30] == [10, 10, 10]\n +  where",
    "seen": "30 of 30 attempts went to order-service-1",
    "cause": "No policy.",
    "suspects": ["pick_first"],
}
KNOWN = {"test_retry.py::test_codes": "C-core hangs, grpc/grpc#41036"}


def go_run(folder: Path, environment: str, results: Iterable[Result], **members: Any) -> Path:  # noqa: ANN401, of save()
    """Save a report of the Go gateway."""
    about = {"language": "go", "library": "grpc-go 1.85.0", **members.pop("about", {})}
    return save(folder / f"go-{environment}", results, name="Go gateway", about=about, **members)


def python_run(folder: Path, environment: str, results: Iterable[Result], **members: Any) -> Path:  # noqa: ANN401, of save()
    """Save a report of the Python gateway."""
    about = {"language": "python", "library": "grpcio 1.85.1", **members.pop("about", {})}
    return save(folder / f"python-{environment}", results, name="Python gateway", about=about, **members)
