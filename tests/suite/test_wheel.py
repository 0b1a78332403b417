"""The wheel as a stranger uses it, who has no clone: `make wheel` builds it and runs these."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from tests.harness.commands.action import install
from tests.harness.paths import ROOT
from tests.harness.report.version import released

pytestmark = pytest.mark.wheel

INSTALLED = Path("lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh virtual environment with the one wheel in dist/ and the libraries that it requires."""
    (wheel,) = (ROOT / "dist").glob("*.whl")
    folder = tmp_path_factory.mktemp("venv")
    install(folder, package=wheel)
    return folder


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """Return a folder with nothing in it but a gateway, the reference gateway's code, and its subject file."""
    left_out = shutil.ignore_patterns("gateways", "order", "__pycache__")
    shutil.copytree(ROOT / "services", tmp_path / "acme" / "services", ignore=left_out)
    return tmp_path


def run(
    installed: Path, folder: Path, *options: str, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command in a folder; it knows of this clone by nothing, the variables of an outer run included."""
    own = ("PYTEST_", "PYTHON", "VIRTUAL_ENV", "GRPC_LB_CONFORMANCE")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return subprocess.run(  # noqa: S603, our own command
        [installed / "bin" / "grpc-lb-conformance", *options],
        cwd=folder,
        env={**environ, **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def report_in(folder: Path) -> dict[str, Any]:
    """Return the report in the folder of a run."""
    report: dict[str, Any] = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    return report


def test_a_right_gateway_is_judged_by_the_whole_core(installed: Path, stranger: Path) -> None:
    """All that `make conformance` judges is judged and holds, exit status 0, and the report is all that is left."""
    done = run(installed, stranger, "--subject", "acme/services/gateway/subject.toml")

    report = report_in(stranger)
    assert done.returncode == 0, done.stdout
    assert report["subject"]["from_outside"]
    assert len(report["behaviours"]) > 60
    assert sorted(path.name for path in stranger.iterdir()) == ["acme", "report"]


def test_a_wrong_one_is_told_why(installed: Path, stranger: Path) -> None:
    """Exit status 1 for a command whose gateway has no load-balancing policy, and the cause is named."""
    command = ("--gateway-command", "python -m services.gateway", "-k", "serial_calls")
    done = run(installed, stranger / "acme", *command, variables={"GRPC_SERVICE_CONFIG": "{}"})

    assert done.returncode == 1, done.stdout
    assert [cause["suspects"] for cause in report_in(stranger / "acme")["causes"]] == [["pick_first"]]


def test_a_gateway_that_cannot_be_started_is_inconclusive(installed: Path, stranger: Path) -> None:
    """Exit status 6, in words."""
    done = run(installed, stranger, "--gateway-command=./no-such-gateway", "-k", "serial_calls")

    assert done.returncode == 6, done.stdout
    assert "'./no-such-gateway': No such file or directory" in " ".join(done.stdout.split())


def test_a_saved_run_is_judged_again(installed: Path, stranger: Path) -> None:
    """A replay and a comparison take paths of the current folder, and write there."""
    assert run(installed, stranger, "--reference", "-k", "serial_calls").returncode == 0
    done = run(installed, stranger, "--replay=report", "--compare=report")

    assert done.returncode == 0, done.stdout
    assert (stranger / "report-replayed" / "report.json").exists()
    assert "verdicts in both runs: 1; nothing differs" in done.stdout


def test_nothing_is_kept_beside_the_suite(installed: Path) -> None:
    """After all these runs there is what pip put there, and Python's bytecode."""
    suite = installed / INSTALLED / "grpc_lb_conformance" / "suite"
    listed = (installed / INSTALLED).glob("grpc_lb_conformance-*.dist-info/RECORD")
    known = {line.partition(",")[0] for record in listed for line in record.read_text(encoding="utf-8").splitlines()}
    found = [path for path in suite.rglob("*") if path.is_file() and path.suffix != ".pyc"]

    assert {str(path.relative_to(installed / INSTALLED)) for path in found} <= known


def test_only_one_package_is_installed(installed: Path) -> None:
    """Nothing called tests or services, which would be anybody's names, and nothing that tests the suite itself."""
    suite = installed / INSTALLED / "grpc_lb_conformance" / "suite"

    assert not (installed / INSTALLED / "tests").exists()
    assert not (installed / INSTALLED / "services").exists()
    assert sorted(path.name for path in suite.iterdir() if path.name != "__pycache__") == [
        *(".dockerignore", "conftest.py", "pyproject.toml", "services", "tests"),
    ]
    assert not (suite / "tests" / "unit").exists()


def test_the_components_are_what_gets_installed(installed: Path) -> None:
    """The list of components (SBOM) names each library in the version that was installed, and nothing else."""
    (file,) = (ROOT / "dist").glob("*.cdx.json")
    listed = json.loads(file.read_text(encoding="utf-8"))
    found = {each.name: each.version for each in distributions(path=[str(installed / INSTALLED)])}
    tools = {"pip", "setuptools", "grpc-lb-conformance"}

    assert listed["metadata"]["component"]["version"] == released()
    assert {each["name"]: each["version"] for each in listed["components"]} == {
        name: version for name, version in found.items() if name not in tools
    }
