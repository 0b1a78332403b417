"""pytest-kind, under GPL-3.0, is an extra: nothing imports it but what creates a kind cluster."""

import os
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from tests.harness.commands.command import EXTRAS, pytest_options
from tests.harness.paths import ROOT
from tests.kind.cluster import PLUGIN, pytest_kind
from tests.kind.kubectl import KubernetesError


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a shell in which pytest-kind cannot be imported and is no plugin."""
    package = tmp_path / "shadow" / "pytest_kind"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('it is not there')\n", encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{ROOT}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run(without: dict[str, str], folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the suite without the extra."""
    return subprocess.run(  # noqa: S603, our own pytest
        [sys.executable, "-m", "pytest", "-pxdist", "-pdocker", "-n0", f"--report={folder / 'report'}", *options],
        cwd=ROOT,
        env=without,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_run_does_without_it(without: dict[str, str], tmp_path: Path) -> None:
    """Everything is collected and imported, and the options for other clusters are there."""
    options = ("--collect-only", "-q", "--kube-context=x", "--kubeconfig=y", "-k", "serial_calls")
    done = run(without, tmp_path, *options, "tests/behaviours/distribution")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_serial_calls_rotate_across_all_replicas" in done.stdout


def test_a_kind_cluster_needs_it_and_says_how(without: dict[str, str], tmp_path: Path) -> None:
    """One line with the command that installs the extra, and exit status 4."""
    done = run(without, tmp_path, "-m", "kind", "-k", "serial_calls")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.startswith("ERROR: Kubernetes: pytest-kind is not installed")
    assert "pip install 'grpc-lb-conformance[kind]'" in done.stderr
    assert "--kube-context" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_is_missing_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as an ImportError."""
    monkeypatch.setitem(sys.modules, "pytest_kind", None)

    with pytest.raises(KubernetesError, match="pytest-kind is not installed"):
        pytest_kind()


def test_the_command_uses_it_where_it_is_installed() -> None:
    """It is, in a clone."""
    assert f"-p{PLUGIN}" in pytest_options(["--reference"])
    assert EXTRAS == (PLUGIN,)
    assert any("pykube-ng" in requirement for requirement in requires("pytest-kind") or ())
