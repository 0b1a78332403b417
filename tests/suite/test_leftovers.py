"""What a run leaves when it is killed, and what becomes of it."""

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.harness.world.eventually import reached
from tests.harness.world.runs import LABEL, RUNS
from tests.loopback import cgroup
from tests.suite.nested import started


def started_by(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes that carry the label of a run, itself left out."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(LABEL, "").split("-")[1:2] == [str(run.pid)] and process.pid != run.pid
    ]


def folders_of(run: subprocess.Popen[str]) -> list[Path]:
    """Return what is left of a run in the folder of runs, and of its control groups."""
    own = cgroup.own()
    groups = own.glob(f"{cgroup.PREFIX}*-{run.pid}-*") if own else ()
    return [*RUNS.glob(f"*-{run.pid}-*"), *groups]


def wait_for_world(run: subprocess.Popen[str]) -> None:
    """Wait until replicas and gateway of a run have been started. The run is killed if they are not."""
    try:
        reached(lambda: len(started_by(run)) >= 4, within=120, what="replicas and gateway run")
    except BaseException:
        run.kill()
        raise


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_next_run_ends_what_a_killed_run_left(workers: str, tmp_path: Path) -> None:
    """After SIGKILL of a run in its middle, the next one ends its replicas, its gateway and its workers."""
    with started("-m", "loopback", workers, f"--report={tmp_path / 'killed'}") as killed:
        wait_for_world(killed)
        killed.send_signal(signal.SIGKILL)
    assert started_by(killed)
    assert folders_of(killed)

    following = (
        "--collect-only",
        "-n0",
        f"--report={tmp_path / 'following'}",
        "tests/unit/harness/world/test_tally.py",
    )
    with started(*following) as run:
        assert run.wait(timeout=120) == 0

    assert started_by(killed) == []
    # a run of another test may be sweeping them at the same time
    reached(lambda: not folders_of(killed), within=30, what="its folders are removed")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda sent: sent.name)
def test_an_interrupted_run_leaves_nothing_itself(sent: signal.Signals, tmp_path: Path) -> None:
    """Not even if the signal comes twice, the second time while everything is being taken down."""
    with started("-m", "loopback", "-n2", f"--report={tmp_path / 'interrupted'}") as run:
        wait_for_world(run)
        run.send_signal(sent)
        reached(lambda: len(started_by(run)) < 4 or run.poll() is not None, within=60, what="it is being taken down")
        run.send_signal(sent)
        assert run.wait(timeout=60) == pytest.ExitCode.INTERRUPTED

    assert started_by(run) == []
    assert folders_of(run) == []
