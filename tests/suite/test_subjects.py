"""What the suite reports of commands that cannot be run; programs that are not gateways are in hostile/."""

from pathlib import Path

from tests.suite.nested import finished


def test_a_command_that_cannot_be_run_is_told_so(tmp_path: Path) -> None:
    """A command that is not there is named in one line."""
    options = ["--gateway-command=./no-such-gateway --port 1", f"--report={tmp_path}", "-n0"]
    options += ["-m", "loopback", "-k", "serial_calls"]
    done = finished(*options, within=120)

    assert done.returncode == 6
    assert "'./no-such-gateway': No such file or directory" in " ".join(done.stdout.split())


def test_a_run_that_has_missed_our_settings_is_refused(tmp_path: Path) -> None:
    """Paths after a space make pytest look for its settings there; that is one line, exit status 4."""
    for name in ("kubeconfig", "kubectl"):
        (tmp_path / name).touch()
    options = ["--kubeconfig", str(tmp_path / "kubeconfig"), "--kind-kubectl-bin", str(tmp_path / "kubectl")]
    done = finished(*options, "--collect-only", within=120)

    assert done.returncode == 4
    assert "Use `--subject=FILE`, `--report=DIR`, with an equals sign" in done.stdout
