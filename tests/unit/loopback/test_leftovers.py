"""What a sweep ends on this machine, and what it leaves alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.harness.world import runs
from tests.harness.world.eventually import reached
from tests.harness.world.runs import LABEL, Run
from tests.loopback import cgroup, leftovers

WAITS = "import signal; print('up', flush=True); signal.pause()"

Labelled = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a folder of runs for itself."""
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    monkeypatch.setenv(LABEL, "")  # so that it is taken back


@pytest.fixture
def labelled() -> Iterator[Labelled]:
    """Start processes that carry a label, as those of a run do, and return once they run."""
    started = []

    def _start(label: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", WAITS]
        process = subprocess.Popen(command, env={**os.environ, LABEL: label}, stdout=subprocess.PIPE)  # noqa: S603, our own
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    yield _start
    for process in started:
        process.kill()
        with process:
            pass


@pytest.fixture
def begun() -> Iterator[Callable[[], Run]]:
    """Begin runs, with what the loopback environment notes, whose control groups are gone when the test is over."""
    begun: list[Run] = []

    def _begin() -> Run:
        begun.append(runs.begin())
        leftovers.begin(begun[-1])
        return begun[-1]

    yield _begin
    for run in begun:
        run.lock.close()
        group = cgroup.own()
        if group is not None:
            cgroup.end(group / f"{cgroup.PREFIX}{run.label}", 10)


def test_a_sweep_ends_what_a_dead_run_left(labelled: Labelled, begun: Callable[[], Run]) -> None:
    """Its processes are killed, and then nothing of it is left, no folder either."""
    run = begun()
    left = [labelled(run.label), labelled(run.label)]
    run.lock.close()  # as when it is killed

    assert sorted(leftovers.sweep()) == sorted(process.pid for process in left)
    assert [process.pid for process in left if psutil.pid_exists(process.pid)] == []
    assert not run.folder.exists()
    assert leftovers.sweep() == []


def test_a_sweep_spares_runs_that_live(labelled: Labelled, begun: Callable[[], Run]) -> None:
    """A process of a living run lives on, whether or not another one is dead."""
    alive, dead = begun(), begun()
    spared = labelled(alive.label)
    dead.lock.close()

    assert leftovers.sweep() == []
    assert spared.poll() is None


@pytest.mark.parametrize(
    "label", ["x", "0000000000-{pid}-01234567", "{machine}-{pid}-01234567", "1-1-{namespace}", "a-b-c"]
)
def test_a_sweep_spares_what_is_not_provably_ours(labelled: Labelled, begun: Callable[[], Run], label: str) -> None:
    """Of another machine, of one like ours, of an older suite, or with a label that nobody can read: it lives on."""
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    stranger = labelled(label.format(pid=2**22 - 1, machine=runs.machine(), namespace=namespace))
    begun().lock.close()  # there is something to sweep

    assert leftovers.sweep() == []
    assert stranger.poll() is None


def test_ending_all_of_a_run_spares_the_caller_and_other_runs(
    labelled: Labelled, begun: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All processes with its label are ended and reported; the one that asks and those of other runs are not."""
    run = begun()
    monkeypatch.setenv(LABEL, run.label)
    mine, other = [labelled(run.label), labelled(run.label)], labelled(f"{run.label}1")

    assert sorted(leftovers.end_all(run)) == sorted(process.pid for process in mine)
    assert not [process.pid for process in mine if psutil.pid_exists(process.pid) and process.poll() is None]
    assert other.poll() is None
    assert run.notes == set()


@pytest.mark.skipif(cgroup.own() is None or not os.access(cgroup.own() or "/", os.W_OK), reason="no control groups")
def test_a_sweep_ends_what_hides_from_its_label(begun: Callable[[], Run]) -> None:
    """A process of a subject that has cleaned its environment is in the run's control group all the same."""
    run = begun()
    (note,) = [note for note in run.notes if note.startswith("cgroup ")]
    group = Path(note.removeprefix("cgroup "))
    inner = group / "1"
    inner.mkdir()
    with cgroup.joined(inner, group.parent):
        hidden = subprocess.Popen(["env", "-i", "setsid", "sleep", "600"])  # noqa: S607, any
    # until then it has the environment, and with it the label, of its parent
    reached(lambda: psutil.Process(hidden.pid).name() == "sleep", within=20, what="it has dropped its environment")
    run.lock.close()

    assert leftovers.sweep() == []
    assert hidden.wait(10) == -signal.SIGKILL
    assert not group.exists()
    assert not run.folder.exists()


def test_the_group_of_a_run_is_known_in_its_workers(begun: Callable[[], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the run's notes; without a run there is none."""
    run = begun()
    monkeypatch.setenv(LABEL, run.label)
    leftovers.group_of_this_run.cache_clear()
    found = leftovers.group_of_this_run()
    leftovers.group_of_this_run.cache_clear()
    monkeypatch.delenv(LABEL)
    without = leftovers.group_of_this_run()
    leftovers.group_of_this_run.cache_clear()

    assert [f"cgroup {found}"] == [note for note in run.notes if note.startswith("cgroup")] or found is None
    assert without is None
