"""What a run leaves when it is killed, and what becomes of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.harness.eventually import reached
from tests.loopback.process import LABEL

ROOT = Path(__file__).parents[2]


def run_of_the_suite(*options: str) -> subprocess.Popen[bytes]:
    """Start a run of the suite beside this one."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", *options]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)  # noqa: S603, our own pytest


def started_by(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes that carry the label of a run, itself left out."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(LABEL, "").startswith(f"{run.pid}-") and process.pid != run.pid
    ]


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_next_run_ends_what_a_killed_run_left(workers: str, tmp_path: Path) -> None:
    """After SIGKILL of a run in its middle, the next one ends its replicas, its gateway and its workers."""
    with run_of_the_suite("-m", "loopback", workers, f"--report={tmp_path / 'killed'}") as killed:
        try:
            reached(lambda: len(started_by(killed)) >= 4, within=120, what="replicas and gateway run")
        finally:
            killed.send_signal(signal.SIGKILL)
    assert started_by(killed)

    following = ("--collect-only", "-n0", f"--report={tmp_path / 'following'}", "tests/unit/test_tally.py")
    with run_of_the_suite(*following) as run:
        assert run.wait(timeout=120) == 0

    assert started_by(killed) == []
