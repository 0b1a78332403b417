"""
Control groups (v2), where this user may create them: no process leaves its group, not even one that detaches itself.

The group of a run is next to the suite's own processes, without limits or controllers, so a subject runs as it would
without it. It has one group for each command of a subject. See cgroups(7) and the kernel's cgroup-v2.rst.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "grpc-lb-conformance-"
"""The prefix of the name of a run's group; its label follows."""

_LIMITS = ("memory.max", "cpu.max")
"""Runtimes read them in their own group only: where there are any, a group without them would hide them."""


def own() -> Path | None:
    """Return the folder of this process's group, None without v2 or where its limits would be hidden."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        (path,) = [line.removeprefix("0::") for line in lines if line.startswith("0::")]
        root, mounted = _mount()
    except (OSError, ValueError):
        return None
    folder = mounted / os.path.relpath(path, root)
    limited = [group for group in (folder, *folder.parents) if mounted in (group, *group.parents) and _limits(group)]
    return None if limited else folder


def _mount() -> tuple[str, Path]:
    """Return the root within the hierarchy, and the folder, of the first mount of v2. Raises ValueError."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        words, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            return words.split()[3], Path(words.split()[4])
    raise ValueError("no cgroup2 is mounted")


def _limits(group: Path) -> bool:
    for name in _LIMITS:
        with contextlib.suppress(OSError):
            if not (group / name).read_text(encoding="ascii").startswith("max"):
                return True
    return False


def create(group: Path) -> bool:
    """Create a group that this process could join, and say whether that is so."""
    try:
        group.mkdir()
        with joined(group, group.parent):
            return True
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return False


@contextlib.contextmanager
def joined(group: Path, before: Path) -> Iterator[None]:
    """Be in a group for a moment, and back in the one before: what is started there stays there. Raises OSError."""
    _join(group)
    try:
        yield
    finally:
        _join(before)


def _join(group: Path) -> None:
    _write(group / "cgroup.procs", b"0")  # this process


def _write(file: Path, what: bytes) -> None:
    """Write to a file of the kernel's; a file that is not there is not created. Raises OSError."""
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, what)
    finally:
        os.close(descriptor)


def members(group: Path) -> list[int]:
    """Return the ids of the processes in a group and in those below it."""
    found = []
    for file in (group, *(path for path in group.rglob("*") if path.is_dir())):
        with contextlib.suppress(OSError):
            found += [int(line) for line in (file / "cgroup.procs").read_text(encoding="ascii").split()]
    return found


def end(group: Path, within: float) -> bool:
    """Kill everything in a group, no matter whose it is, remove it, and say whether that took no more than `within`."""
    deadline = time.monotonic() + within
    while members(group) and time.monotonic() < deadline:
        _kill(group)
        _wait_until_empty(group, min(1.0, deadline - time.monotonic()))
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def _kill(group: Path) -> None:
    try:
        _write(group / "cgroup.kill", b"1")
    except OSError:  # Linux before 5.14
        for pid in members(group):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _wait_until_empty(group: Path, seconds: float) -> None:
    """Wait for that long, or until a change of the group is reported and it is empty."""
    with contextlib.suppress(OSError), (group / "cgroup.events").open(encoding="ascii") as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        deadline = time.monotonic() + seconds
        while "populated 1" in events.read() and (left := deadline - time.monotonic()) > 0:
            poll.poll(left * 1000)
            events.seek(0)
