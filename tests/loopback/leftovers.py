"""
What a run leaves on this machine: processes with its label, and its control group.

The label is in the environment of the run's first process, so everything that it starts inherits it.
"""

import contextlib
import functools
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

from tests.harness.world import runs
from tests.harness.world.runs import LABEL, Run
from tests.loopback import cgroup

PROCESSES = "processes"
"""The note that processes of a run may be left."""

END_GRACE = 10.0
"""Seconds that killed processes may take to exit."""

_GROUP = "cgroup "


def begin(run: Run) -> None:
    """Note that the run will have processes, and give it a control group if it can have one."""
    run.note(PROCESSES)
    parent = cgroup.own()
    if parent is not None:
        group = parent / f"{cgroup.PREFIX}{run.label}"
        run.note(f"{_GROUP}{group}")  # before it exists: the run may be killed at any time
        if not cgroup.create(group):
            run.done(f"{_GROUP}{group}")


@functools.cache
def group_of_this_run() -> Path | None:
    """Return the control group of this run, in its workers too, None if it has none."""
    label = os.environ.get(LABEL)
    if not label:
        return None
    return _group(runs.notes_in(runs.RUNS / label))


def _group(notes: Collection[str]) -> Path | None:
    return next((Path(note.removeprefix(_GROUP)) for note in notes if note.startswith(_GROUP)), None)


def sweep() -> list[int]:
    """Kill the processes that killed runs left behind; return their ids."""
    with runs.dead_runs() as dead:
        return _end(dead) if dead else []


def end_all(run: Run) -> list[int]:
    """Kill the processes of a run, except this one; return their ids."""
    return _end([run])


def _end(ended: Collection[Run]) -> list[int]:
    """Kill all processes of these runs, except this one, remove their control groups, and return the processes' ids."""
    labels = {run.label for run in ended}
    processes = [process for process, label in _labelled() if label in labels and process.pid != os.getpid()]
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _, alive = psutil.wait_procs(processes, timeout=END_GRACE)
    for run in ended:
        if not alive:
            run.done(PROCESSES)
        _remove_group(run)
    return [process.pid for process in processes]


def _remove_group(run: Run) -> None:
    """End what is left in the control group of a run, even if it has dropped the label, and remove the group."""
    group = _group(run.notes)
    if group is None:
        return
    for folder in (*group.glob("*/"), group):
        cgroup.end(folder, END_GRACE)
    if not group.exists():
        run.done(f"{_GROUP}{group}")


def _labelled() -> Iterator[tuple[psutil.Process, str]]:
    for process in psutil.process_iter():
        try:
            label = process.environ().get(LABEL)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
            continue  # exited since, or not ours to read and so not ours to kill
        if label:
            yield process, label
