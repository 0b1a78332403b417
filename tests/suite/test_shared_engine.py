"""Runs that share an engine or a cluster with others: theirs is left alone, and nothing of ours stays."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.compose.docker import IMAGES, RUN_LABEL, DockerError, command
from tests.harness.world.eventually import reached
from tests.kind.leftovers import NODE_LABEL, PREFIX
from tests.suite.killed_runs import NEXT
from tests.suite.nested import finished, started
from tests.suite.traces import STRANGERS, traces_of

pytestmark = pytest.mark.engine

ONLY_THE_SUBJECT = "compose and not negative_control and not positive_control"

BASE = "python:3.13-slim"
"""An image that is there, as the order service is built from it."""


def engine(*arguments: str) -> str:
    """Return what a docker command prints."""
    return command(*arguments, patience=120)


@pytest.fixture
def strangers() -> Iterator[list[str]]:
    """Return commands that succeed as long as containers, networks, images and kind clusters of others exist."""
    there, remove = [], []
    for number, label in enumerate(STRANGERS):
        name, image = f"grpc-lb-strange-{os.getpid()}-{number}", f"{IMAGES[0]}:{label}"
        ours, node = f"--label={RUN_LABEL}={label}", f"--label={NODE_LABEL}={PREFIX}{label}"
        engine("network", "create", ours, name)
        engine("run", "--detach", f"--name={name}", ours, f"--network={name}", BASE, "sleep", "600")
        engine("run", "--detach", f"--name={name}-node", node, BASE, "sleep", "600")
        engine("tag", BASE, image)
        there += [f"container inspect {name} {name}-node", f"network inspect {name}", f"image inspect {image}"]
        remove += [f"rm --force {name} {name}-node", f"network rm {name}", f"image rm {image}"]
    yield there
    for command_line in remove:
        with contextlib.suppress(DockerError):
            engine(*command_line.split())


def test_a_compose_run_leaves_what_is_of_others(strangers: list[str], tmp_path: Path) -> None:
    """It sweeps what a dead run of this machine left, and nothing else."""
    with started("-m", ONLY_THE_SUBJECT, f"--report={tmp_path / 'killed'}") as killed:
        reached(lambda: traces_of(killed).left(engine=True).get("containers"), within=120, what="containers run")
        traces = traces_of(killed)
        killed.send_signal(signal.SIGKILL)

    done = finished(*NEXT["compose"], f"--report={tmp_path / 'next'}")

    assert done.returncode == 0
    assert traces.left(engine=True) == {}
    for there in strangers:
        engine(*there.split())


def test_runs_that_sweep_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Each of four finds what a killed run left; one removes it, and all of them judge."""
    with started("-m", ONLY_THE_SUBJECT, f"--report={tmp_path / 'killed'}") as killed:
        reached(lambda: traces_of(killed).left(engine=True).get("networks"), within=120, what="networks exist")
        traces = traces_of(killed)
        killed.send_signal(signal.SIGKILL)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: finished(*NEXT["compose"], f"--report={tmp_path / str(number)}"), range(4)))

    assert [run.returncode for run in done] == [0] * 4
    assert traces.left(engine=True) == {}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda sent: sent.name)
def test_an_interrupted_run_leaves_nothing_on_the_engine(sent: signal.Signals, tmp_path: Path) -> None:
    """Nor does it if the signal comes twice."""
    with started("-m", ONLY_THE_SUBJECT, f"--report={tmp_path / 'interrupted'}") as run:
        reached(lambda: traces_of(run).left(engine=True).get("containers"), within=120, what="containers run")
        traces = traces_of(run)
        run.send_signal(sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(1)
        run.send_signal(sent)
        assert run.wait(timeout=90) == pytest.ExitCode.INTERRUPTED

    assert {what: things for what, things in traces.left(engine=True).items() if what != "folders"} == {}
