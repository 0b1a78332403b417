"""What a run leaves when it is killed, and what becomes of it."""

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.harness.world.eventually import reached
from tests.loopback.process import LABEL
from tests.suite.nested import started


def started_by(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes that carry the label of a run, itself left out."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(LABEL, "").startswith(f"{run.pid}-") and process.pid != run.pid
    ]


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_next_run_ends_what_a_killed_run_left(workers: str, tmp_path: Path) -> None:
    """After SIGKILL of a run in its middle, the next one ends its replicas, its gateway and its workers."""
    with started("-m", "loopback", workers, f"--report={tmp_path / 'killed'}") as killed:
        try:
            reached(lambda: len(started_by(killed)) >= 4, within=120, what="replicas and gateway run")
        finally:
            killed.send_signal(signal.SIGKILL)
    assert started_by(killed)

    following = (
        "--collect-only",
        "-n0",
        f"--report={tmp_path / 'following'}",
        "tests/unit/harness/world/test_tally.py",
    )
    with started(*following) as run:
        assert run.wait(timeout=120) == 0

    assert started_by(killed) == []
