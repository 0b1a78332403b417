"""
Files of a report folder that may have come from elsewhere: data only.

Nothing outside the folder is read, no link is followed, and nothing is opened that is not a regular file: a FIFO would
wait forever. Sizes, depths and numbers have limits, and JSON is what the standard calls JSON.
"""

import errno
import json
import math
import os
import stat
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

LARGEST = 64 << 20
"""Bytes of a file; a whole run leaves report.json with a few MB, and a timeline has less."""

UNREADABLE = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)
"""What reading data of an unexpected kind may raise."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LARGEST_NUMBER = 1 << 63


def read(folder: Path, path: str, most: int = LARGEST) -> str:
    """Return the text of a file of this folder. Raises OSError or ValueError, with a reason in words."""
    with os.fdopen(_opened(folder, path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"is larger than {most >> 20} MiB")
    return content.decode()


def is_there(folder: Path, path: str) -> bool:
    """Say whether there is such a file that can be read."""
    try:
        os.close(_opened(folder, path))
    except (OSError, ValueError):  # the latter for a path with a null byte
        return False
    return True


def _opened(folder: Path, path: str) -> int:
    """Open a regular file, folder by folder, so that no part of its path is a link."""
    *between, last = PurePosixPath(path).parts or ("",)
    if not last or ".." in (*between, last) or PurePosixPath(path).is_absolute():
        raise OSError(errno.EINVAL, "is not a file of this folder")
    here = os.open(folder, _FOLDER)
    try:
        for name in between:
            below = _open(name, _FOLDER, here)
            os.close(here)
            here = below
        file = _open(last, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, here)
    finally:
        os.close(here)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "is not a regular file")
    return file


def _open(name: str, flags: int, folder: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP or stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
            raise OSError(errno.ELOOP, "is a link or leads through one") from None
        raise


def parsed(text: str) -> Any:  # noqa: ANN401, JSON of every kind
    """Return the value of a JSON text. Raises ValueError, for depths and numbers that no report has as well."""
    try:
        return json.loads(text, parse_float=_number, parse_int=_whole_number, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _number(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_number(digits)


def _whole_number(digits: str) -> int:
    number = int(digits)
    return number if abs(number) < _LARGEST_NUMBER else _no_number(digits)


def _no_number(digits: str) -> NoReturn:
    raise ValueError(f"{digits[:20]} is not a number that a report has")
