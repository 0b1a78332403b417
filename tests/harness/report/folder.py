"""
The folder of a report: whose it is, and what a new run removes from it.

It is ours if it is empty, carries our mark, or holds a report of this suite; anything else is left alone. Of what is
ours a run removes only files that runs write, each by its place, and only once it has begun itself: until then an older
report is untouched.
"""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from tests.harness.evidence.report_folder import SavedRun, SavedRunError

MARK = ".grpc-lb-conformance"
"""The file that marks a folder as ours; a run holds a lock on it."""

STARTING = ".starting"
"""Where in it logs go before the run begins."""

PROGRESS = ".progress"
"""Where in it the processes of a run note what they wait for."""

FILES = ("report.json", "report.html", "badge.json", "badge.svg", "junit.xml")
"""What each run writes at the top of its folder."""

_EVIDENCE = ("behaviours/*/timeline.jsonl",)
_OF_ENVIRONMENTS = ("*.log", "*.out", "pods.yaml", "events.txt", "objects.txt")
"""What the environments write into their folders, and into one for each worker."""

_OLDER = ".lock"
"""What runs before 0.1.0 have instead of the mark, next to nothing but what they wrote."""

_OURS = {_OLDER, PROGRESS, STARTING, *FILES, "behaviours", "loopback", "compose", "kind"}

_WORDS = "The report of a run of grpc-lb-conformance goes here. The next run replaces it.\n"


class ForeignFolderError(Exception):
    """The folder holds something that is not ours."""


def is_ours(folder: Path) -> bool:
    """Say whether a run may write its report there."""
    names = {entry.name for entry in folder.iterdir()}
    if not names or MARK in names or (_OLDER in names and names <= _OURS):
        return True
    try:
        return (folder / "report.json").is_file() and bool(SavedRun.at(folder))
    except SavedRunError:
        return False


def mark(folder: Path) -> None:
    """Create a folder, and mark it as ours. Raises ForeignFolderError, and OSError where that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    if not is_ours(folder):
        raise ForeignFolderError
    if not (folder / MARK).exists():
        (folder / MARK).write_text(_WORDS, encoding="utf-8")


def take(folder: Path) -> IO[str] | None:
    """Mark a folder and return the lock on it, None if another run has it. Raises as `mark` does."""
    mark(folder)
    lock = (folder / MARK).open("a", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    for name in (PROGRESS, STARTING):
        shutil.rmtree(folder / name, ignore_errors=True)
    return lock


def clear(folder: Path, environments: Iterable[str]) -> None:
    """
    Remove what an earlier run wrote, and folders that are empty then.

    Raises OSError if one of them cannot be removed; then none is, as far as that can be known before.
    """
    places = list(environments)
    written = list(_written(folder, places))
    for file in written:
        _check(file)
    for file in written:
        file.unlink(missing_ok=True)
    for name in ("behaviours", *places):
        for empty in (*sorted((folder / name).glob("*/")), folder / name):
            with contextlib.suppress(OSError):  # it holds a file of the user's
                empty.rmdir()


def _check(file: Path) -> None:
    """Raise OSError if this cannot be removed."""
    if file.is_dir() and not file.is_symlink():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not os.access(file.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))


def _written(folder: Path, environments: list[str]) -> Iterator[Path]:
    places = [f"{name}/{deeper}{file}" for name in environments for deeper in ("", "*/") for file in _OF_ENVIRONMENTS]
    for pattern in (*FILES, _OLDER, *_EVIDENCE, *places):
        for file in list(folder.glob(pattern)):
            here = folder.resolve()
            if here in (file.parent.resolve(), *file.parent.resolve().parents):  # not where a link leads out of it
                yield file


def starting(folder: Path, name: str) -> Path:
    """Return a folder for the logs of what must exist before a run begins."""
    made = folder / STARTING / name
    made.mkdir(parents=True, exist_ok=True)
    return made


def keep_start(folder: Path) -> None:
    """Put copies of these logs where they belong, now that the run has begun."""
    if (folder / STARTING).is_dir():
        shutil.copytree(folder / STARTING, folder, dirs_exist_ok=True)


def end(folder: Path, *, begun: bool) -> None:
    """Leave nothing hidden but the mark, and the logs of a run that never began, as its error names one."""
    shutil.rmtree(folder / PROGRESS, ignore_errors=True)
    if begun:
        keep_start(folder)
        shutil.rmtree(folder / STARTING, ignore_errors=True)
