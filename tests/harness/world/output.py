"""
What the gateway writes, line by line, with the time.

It writes to files, which outlive it and never block it as a pipe would. A thread checks how far each file has grown, so
a line was written between the check that saw its end and the previous one. The same thread limits the files: it cuts
one that exceeds MOST_BYTES, and notes that in it.
"""

import contextlib
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

EVERY = 0.02
"""Seconds between two checks, and so how late the time of a line may be."""

LINES = 400
"""Lines of each stream that are kept for one behaviour: half from the start, half from the end."""

LONGEST = 500
"""Characters of a line that are kept."""

MOST_BYTES = 64 << 20
"""
Bytes of a stream that are kept on disk, over a whole run.

A file that exceeds them is cut to half: it keeps the beginning of the output, and what is written after the cut.
"""

TRUNCATED = "the file was truncated by a process that writes to it"
SHORTENED = f"the file is limited to {MOST_BYTES} bytes"
"""Why a file no longer has everything that was written to it."""

_LINE = 4 * (LONGEST + 1)
"""Bytes of a line that are read: more than are kept, no matter how they encode characters."""

_PIECE = 1 << 20
"""Bytes that are read at a time where nothing is kept."""

_TAIL = 65536
"""Bytes at the end of a log among which its last lines are searched."""


@dataclass(frozen=True)
class Line:
    """A line of the gateway's output; `left_out` counts the lines omitted here, as there were too many to keep."""

    at: float
    stream: str
    text: str
    left_out: int = 0


@dataclass
class _Growth:
    """
    How far a file had grown, and when that was seen.

    `began` is its size when the behaviour began, `cut` why some of what was written since is missing.
    """

    file: Path
    began: int = 0
    cut: str = ""
    sizes: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The position up to which it is read."""
        return self.sizes[-1] if self.sizes else self.began

    def begin(self) -> None:
        """Forget what was written before."""
        self._restart(_size(self.file))

    def look(self) -> None:
        """Record what was written since the last check, and limit it."""
        size = _size(self.file)
        if size < self.end:  # as `echo … > /dev/stderr` in a shell script does
            self._restart(0, TRUNCATED)
        self._grow(size)
        if size > MOST_BYTES:
            self._shorten(size)

    def seen(self, end: int) -> float:
        """Return when the file was seen to extend past this position."""
        return self.times[min(bisect_left(self.sizes, end), len(self.times) - 1)]

    def _restart(self, began: int, cut: str = "") -> None:
        self.began, self.cut, self.sizes, self.times = began, cut, [], []

    def _grow(self, size: int) -> None:
        if size > self.end:
            self.times.append(time.monotonic())
            self.sizes.append(size)

    def _shorten(self, size: int) -> None:
        """Keep the beginning; the gateway appends to what is left."""
        kept = MOST_BYTES // 2
        os.truncate(self.file, kept)
        words = f"\n… {size - kept} bytes were cut here: {SHORTENED} …\n"
        with contextlib.suppress(OSError), self.file.open("ab") as file:  # a full disk has no room for words
            file.write(words.encode())
        known = bisect_left(self.sizes, kept)
        self.began, self.cut = min(self.began, kept), SHORTENED
        self.sizes, self.times = self.sizes[:known], self.times[:known]
        self._grow(_size(self.file))


class Output:
    """Watches the gateway's files, by the name of the stream, from its creation until `stop`."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._streams = {stream: _Growth(file) for stream, file in files.items()}
        self._looking = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="gateway output", daemon=True)
        self.begin()
        if files:
            self._thread.start()

    def _look_on(self) -> None:
        while not self._stopped.wait(EVERY):
            self._look()

    def _look(self) -> None:
        with self._looking:
            for growth in self._streams.values():
                growth.look()

    def begin(self) -> None:
        """Forget what was written before a behaviour."""
        with self._looking:
            for growth in self._streams.values():
                growth.begin()

    def lines(self) -> list[Line]:
        """Return what was written since the behaviour began, stream by stream."""
        self._look()
        with self._looking:
            return [line for stream, growth in self._streams.items() for line in _kept(stream, growth)]

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        if self._thread.ident:
            self._thread.join()


def _kept(stream: str, growth: _Growth) -> Iterator[Line]:
    """Yield the first and the last lines, and between them one with the number of those omitted."""
    if not growth.sizes:
        return
    if growth.cut:
        yield Line(growth.times[0], stream, f"… lines are missing: {growth.cut}")
    with growth.file.open("rb") as file:
        middle = yield from _lines(file, stream, growth, growth.began, LINES // 2)
        last = _start_of_last(LINES // 2, file, middle, growth.end)
        if left_out := _newlines(file, middle, last):
            has = "does not have them all" if growth.cut else "has them all"
            words = f"… {left_out} lines omitted here: {growth.file.name} {has}"
            yield Line(growth.seen(last), stream, words, left_out)
        yield from _lines(file, stream, growth, last, LINES)


def _lines(file: IO[bytes], stream: str, growth: _Growth, position: int, most: int) -> Generator[Line, None, int]:
    """Yield the lines from a position on, at most so many; return where the next one begins."""
    for _ in range(most):
        line, position = _line(file, position, growth.end)
        if not line:
            break
        yield Line(growth.seen(position), stream, _text(line))
    return position


def _line(file: IO[bytes], position: int, end: int) -> tuple[bytes, int]:
    """Return the beginning of the line at a position, empty if there is none, and where the next line begins."""
    file.seek(position)
    line = piece = file.readline(min(end - position, _LINE))
    position += len(piece)
    while piece and not piece.endswith(b"\n") and position < end:
        piece = file.readline(min(end - position, _PIECE))
        position += len(piece)
    return line, position


def _pieces_from_the_end(file: IO[bytes], start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the pieces of a file, the last one first, each with its position."""
    while end > start:
        position = max(start, end - _PIECE)
        file.seek(position)
        yield position, file.read(end - position)
        end = position


def _newlines(file: IO[bytes], start: int, end: int) -> int:
    return sum(piece.count(b"\n") for _, piece in _pieces_from_the_end(file, start, end))


def _start_of_last(lines: int, file: IO[bytes], start: int, end: int) -> int:
    """Return where the last so many lines begin; the newline at the very end ends the last of them."""
    missing = lines
    for position, piece in _pieces_from_the_end(file, start, end - 1):
        if (count := piece.count(b"\n")) < missing:
            missing -= count
            continue
        found = len(piece)
        for _ in range(missing):
            found = piece.rindex(b"\n", 0, found)
        return position + found + 1
    return start


def _text(line: bytes) -> str:
    text = line[:_LINE].decode(errors="replace").rstrip("\r\n")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def last_output(log: Path, since: int, lines: int) -> str:
    """Return the last lines of a log after so many bytes, for an error: "; last output: …" or "; no output"."""
    size = _size(log)
    start = max(since if since <= size else 0, size - _TAIL)  # a file that was truncated is smaller
    with log.open("rb") as file:
        file.seek(start)
        written = file.read(_TAIL).strip().splitlines()
    return "; last output:\n" + "\n".join(map(_text, written[-lines:])) if written else "; no output"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # not written yet
        return 0
