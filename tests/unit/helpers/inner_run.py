"""Runs of a small suite without a gateway, on a made-up world."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.paths import ROOT

SUITE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]

SETTINGS = f"""
[pytest]
addopts = --import-mode=importlib --tb=short -p no:cacheprovider -p no:hypothesispytest
strict = true
markers =
    {"    ".join(f"{mark.partition(':')[0]}: as in the suite{chr(10)}" for mark in SUITE["markers"])}
"""
"""Of a run of a small suite: the marks are the suite's own."""

HEAD = """
import pytest
from tests.behaviours.distribution.mutants import LYING, PICK_FIRST
from tests.behaviours.retry.mutants import RETRIES_EVERYTHING, RETRIES_TOO
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectWrongError
"""
"""Imports of a small suite."""

DRIVERS = ("tests.loopback.", "tests.compose.", "tests.kind.")


def plugins() -> list[str]:
    """Return the suite's own plugins without the drivers, and what stands in their place."""
    (listed,) = (
        node.value
        for node in ast.parse((ROOT / "conftest.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "pytest_plugins"
    )
    return [name for name in ast.literal_eval(listed) if not name.startswith(DRIVERS)] + ["tests.unit.helpers.world"]


@dataclass(frozen=True)
class Outcome:
    """What a run of the inner suite left."""

    status: int
    output: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        """What stands in report.json."""
        document: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return document

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each behaviour."""
        return {one["behaviour"]: one["verdict"] for one in self.report["behaviours"]}

    @property
    def controls(self) -> dict[tuple[str, str], str]:
        """The verdict on each negative control, by behaviour and mutant."""
        return {(one["behaviour"], one["mutant"]): one["verdict"] for one in self.report["negative_controls"]}


def run(folder: Path, behaviours: str, *options: str, subject: str = "") -> Outcome:
    """Run a suite of these behaviours in a project of its own, on the fake world."""
    if subject:
        (folder / "subject.toml").write_text(subject, encoding="utf-8")
        options = (*options, "--subject=subject.toml")
    with started(folder, behaviours, *options) as process:
        try:
            said, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Outcome(process.returncode, said, folder / "report")


def started(folder: Path, behaviours: str, *options: str) -> "subprocess.Popen[str]":
    """Start such a run, with all that it says on its standard output."""
    (folder / "pytest.ini").write_text(SETTINGS, encoding="utf-8")
    (folder / "conftest.py").write_text(f"pytest_plugins = {plugins()}\n", encoding="utf-8")
    (folder / "test_inner.py").write_text(behaviours, encoding="utf-8")
    # the variables of an outer worker would make the inner run think that it is one
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.Popen(  # noqa: S603, our own pytest
        [sys.executable, "-m", "pytest", *(() if "-n2" in options else ("-n0",)), *options],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
