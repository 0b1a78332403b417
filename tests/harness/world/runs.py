"""
Which runs of the suite are dead: their leftovers are removed, and nothing else is.

All that a run starts carries its label, and on this machine the run has a folder with a lock that the kernel releases
when its process ends, however that ends. A run is dead only if its label names this machine, its folder is here and
belongs to this user, and no process holds the lock. Any other owner counts as alive: one on another machine or in
another container, one from before a reboot, and a label that is not ours to read. Machine ids alone would not do, as
virtual machines that were cloned while they ran share them all.

The folder also holds what must not outlive the run (sockets, a kubeconfig), and notes of where else something may be
left: an engine, a cluster. It is removed once nothing is.
"""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LABEL = "GRPC_LB_CONFORMANCE_RUN"
"""The variable with the run's label, which all its processes inherit."""

RUNS = Path("/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()) / f"grpc-lb-conformance-{os.getuid()}"  # noqa: S108, see below
"""
The folders of this user's runs.

Not under TMPDIR, if possible: it differs between sessions, and a run would not find what another one left. Only this
user may enter it, which is checked.
"""

FORGOTTEN_AFTER = 30 * 24 * 3600.0
"""Seconds after which a dead run's notes are dropped: no run has since used the engine or cluster they name."""

_LABEL = re.compile(r"(?P<machine>[0-9a-f]{10})-[1-9][0-9]*-[0-9a-f]{8}")


class RunsError(Exception):
    """The folder of the runs cannot be used; the message names it and the reason."""


@dataclasses.dataclass
class Run:
    """A run of this machine, whose lock this process holds: its own, or one that is dead."""

    label: str
    folder: Path
    lock: IO[str]

    @property
    def notes(self) -> set[str]:
        """Where something of it may be left."""
        return notes_in(self.folder)

    def note(self, where: str) -> None:
        """Note that something of it may be left there from now on."""
        self._write(self.notes | {where})

    def done(self, where: str) -> None:
        """Note that nothing of it is left there."""
        self._write(self.notes - {where})

    def _write(self, notes: set[str]) -> None:
        new = self.folder / "notes.new"
        new.write_text("".join(f"{note}\n" for note in sorted(notes)), encoding="utf-8")
        new.rename(self.folder / "notes")

    def close(self) -> None:
        """Remove the folder, or all but lock and notes if something may be left elsewhere, and release the lock."""
        if not self.notes or time.time() - self.folder.stat().st_mtime > FORGOTTEN_AFTER:
            shutil.rmtree(self.folder, ignore_errors=True)
        for path in self.folder.glob("*"):
            if path.name in {"lock", "notes"}:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self.lock.close()


def notes_in(folder: Path) -> set[str]:
    """Return the notes in the folder of a run, in the run's workers too."""
    try:
        return set((folder / "notes").read_text(encoding="utf-8").splitlines())
    except OSError:
        return set()


def begin() -> Run:
    """Begin a run: give it a label, in the environment too, and a folder. Raises RunsError."""
    label = f"{machine()}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        RUNS.mkdir(mode=0o700, exist_ok=True)
        found = RUNS.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise RunsError(f"{RUNS} is not a folder that belongs to this user alone: remove it")
        with _all_locked():
            (RUNS / label).mkdir()
            run = Run(label, RUNS / label, (RUNS / label / "lock").open("w", encoding="utf-8"))
            fcntl.flock(run.lock, fcntl.LOCK_EX)
    except OSError as error:
        raise RunsError(f"{RUNS} cannot be written: {error.strerror}") from None
    os.environ[LABEL] = label
    return run


@contextlib.contextmanager
def _all_locked() -> Iterator[None]:
    """Keep other runs from beginning and from looking for dead ones, for a moment."""
    with (RUNS / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def folder_of_this_run() -> Path:
    """Return the folder for what must not outlive this run, in its workers too."""
    folder = RUNS / os.environ.get(LABEL, "")
    return folder if LABEL in os.environ and folder.is_dir() else Path(tempfile.gettempdir())


@contextlib.contextmanager
def dead_runs() -> Iterator[list[Run]]:
    """Yield the dead runs of this machine and user; while they are held, no other run sweeps them."""
    with contextlib.ExitStack() as stack:
        found = []
        if RUNS.is_dir():
            with _all_locked():
                found = [run for folder in sorted(RUNS.glob("*-*-*")) if (run := _dead(folder))]
        for run in found:
            stack.callback(run.close)
        yield found


def _dead(folder: Path) -> Run | None:
    """Return the run of a folder if it is provably dead, with its lock held."""
    if not is_of_this_machine(folder.name):
        return None
    try:
        if folder.lstat().st_uid != os.getuid():
            return None
        lock = (folder / "lock").open("a", encoding="utf-8")  # "a": a sweep that was killed may have removed the lock
    except OSError:
        return None  # another run has just removed it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None  # it is alive, or being swept
    return Run(folder.name, folder, lock)


def is_of_this_machine(label: str) -> bool:
    """Say whether a label is one of ours and names this machine."""
    matched = _LABEL.fullmatch(label)
    return matched is not None and matched["machine"] == machine()


@functools.cache
def machine() -> str:
    """
    Return the id of this machine as a run sees it: this boot of it, and this pid namespace.

    A container shares its host's boot, but neither its processes nor its folders.
    """
    files = ("/etc/machine-id", "/proc/sys/kernel/random/boot_id")
    known = [_content(Path(file)) for file in files] + [_target(Path("/proc/self/ns/pid"))]
    return hashlib.sha256("\n".join(known if any(known) else [platform.node()]).encode()).hexdigest()[:10]


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
