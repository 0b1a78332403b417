"""
What the gateway writes, line by line, with the time.

It writes to files, which outlive it and never block it as a pipe would. A thread checks how far each file has grown, so
a line was written between the check that saw its end and the previous one.
"""

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

EVERY = 0.02
"""Seconds between two checks, and so how late the time of a line may be."""

LINES = 400
"""Lines of each stream that are kept for one behaviour: half from the start, half from the end."""

LONGEST = 500
"""Characters of a line that are kept."""


@dataclass(frozen=True)
class Line:
    """A line of the gateway's output; `left_out` counts the lines omitted here, as there were too many to keep."""

    at: float
    stream: str
    text: str
    left_out: int = 0


@dataclass
class _Growth:
    """How far a file had grown, and when that was seen."""

    file: Path
    began: int
    sizes: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def look(self) -> None:
        size = _size(self.file)
        if size > (self.sizes[-1] if self.sizes else self.began):
            self.times.append(time.monotonic())
            self.sizes.append(size)

    def seen(self, end: int) -> float:
        """Return when the file was seen to extend past this position."""
        return self.times[min(bisect_left(self.sizes, end), len(self.times) - 1)]


class Output:
    """Watches the gateway's files, by the name of the stream, from its creation until `stop`."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._streams = {stream: _Growth(file, _size(file)) for stream, file in files.items()}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="gateway output", daemon=True)
        if files:
            self._thread.start()

    def _look_on(self) -> None:
        while not self._stopped.wait(EVERY):
            for growth in self._streams.values():
                growth.look()

    def stop(self) -> list[Line]:
        """Check for the last time and return what was written, stream by stream; a second call has nothing new."""
        self._stopped.set()
        if self._thread.ident:
            self._thread.join()
        for growth in self._streams.values():
            growth.look()
        return [line for stream, growth in self._streams.items() for line in _kept(stream, growth)]


def _kept(stream: str, growth: _Growth) -> list[Line]:
    """Return the first and the last lines, and between them one with the number of those omitted."""
    lines = _lines(stream, growth)
    first = list(islice(lines, LINES // 2))
    last: deque[Line] = deque(maxlen=LINES // 2)
    left_out, at = 0, 0.0
    for line in lines:
        if len(last) == last.maxlen:
            left_out, at = left_out + 1, last[0].at
        last.append(line)
    words = f"… {left_out} lines omitted here: {growth.file.name} has them all"
    return list(chain(first, [Line(at, stream, words, left_out)] if left_out else [], last))


def _lines(stream: str, growth: _Growth) -> Iterator[Line]:
    if not growth.sizes:
        return
    with growth.file.open("rb") as file:
        end = file.seek(growth.began)
        while end < growth.sizes[-1]:
            line = file.readline(growth.sizes[-1] - end)
            end += len(line)
            text = line[: 4 * LONGEST].decode(errors="replace").rstrip("\r\n")
            yield Line(growth.seen(end), stream, text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def last_output(log: Path, since: int, lines: int) -> str:
    """Return the last lines of a log after so many bytes, for an error: "; last output: …" or "; no output"."""
    with log.open("rb") as file:
        file.seek(since)
        written = file.read().decode(errors="replace").strip().splitlines()
    return "; last output:\n" + "\n".join(written[-lines:]) if written else "; no output"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # not written yet
        return 0
