"""Where the live output goes: a terminal, on which the last lines are redrawn, or anything else, which gets lines."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from rich.console import Console, ConsoleDimensions, Group
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.text import Text

from tests.harness.harmless import in_one_line
from tests.harness.report.outlet import Outlet

FALLBACK = ConsoleDimensions(80, 24)

EVERY = 0.25
"""Seconds between two drawings: what is over sooner is not worth a word."""

QUIET = 10.0
"""Seconds without a line after which one reports what is under way, where there is no terminal."""


def size(out: TextIO, environ: Mapping[str, str] = os.environ) -> ConsoleDimensions:
    """
    Return columns and lines of a terminal at this moment; COLUMNS and LINES come first, as they do for pytest.

    rich and shutil query the standard streams, in whose place pytest has files while a test runs.
    """
    try:
        columns, lines = os.get_terminal_size(out.fileno())
    except (OSError, ValueError):  # no terminal, or no file at all
        columns, lines = 0, 0
    given = (environ.get(name, "") for name in ("COLUMNS", "LINES"))
    wanted = [int(text) if text.isdigit() else 0 for text in given]
    return ConsoleDimensions(wanted[0] or columns or FALLBACK.width, wanted[1] or lines or FALLBACK.height)


class Terminal:
    """A terminal: lines scroll as ever, below them stands what is under way, drawn by rich."""

    def __init__(self, out: TextIO, outlet: Outlet, *, colour: bool, bottom: Callable[[int], Sequence[Text]]) -> None:
        """Take the terminal, the way of pytest's own lines to it, and what makes the lines at its bottom."""
        self._out, self._outlet, self._bottom = out, outlet, bottom
        self._console = Console(
            file=out,
            force_terminal=True,
            force_interactive=True,
            color_system="standard" if colour else None,
            no_color=not colour,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live: Live | None = None

    @property
    def width(self) -> int:
        """Its columns."""
        return size(self._out).width

    def start(self) -> None:
        """Begin to draw; a second call changes nothing."""
        if self._live:
            return
        self._fit()
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=1 / EVERY,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._outlet.divert(FileProxy(self._console, self._out))
        self._live.start(refresh=True)

    def print(self, line: Text) -> None:
        """Print a line above what is under way."""
        self._fit()
        self._console.print(_harmless(line), soft_wrap=True)

    def stop(self) -> None:
        """Leave the terminal as it was, and the lines on it."""
        if self._live:
            self._outlet.flush()
            self._outlet.divert(None)
            self._live.stop()
            self._live = None

    def _fit(self) -> None:
        self._console.size = size(self._out)

    def _draw(self) -> Group:
        self._fit()
        lines = [_harmless(line) for line in self._bottom(self.width)]
        for line in lines:
            line.truncate(self.width - 1, overflow="ellipsis")
        return Group(*lines)


class Lines:
    """Anything else, such as the log of a CI system: whole lines, and one now and then if nothing happens."""

    def __init__(self, out: TextIO, *, quiet: Callable[[], str]) -> None:
        """Take where to print, and what makes the line about what is under way."""
        self._out, self._quiet = out, quiet
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def width(self) -> int:
        """The columns that a line may have."""
        return size(self._out).width

    def start(self) -> None:
        """Begin to watch for silence; a second call changes nothing."""
        if not self._thread:
            self._last = time.monotonic()
            self._stopped.clear()
            self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
            self._thread.start()

    def print(self, line: Text) -> None:
        """Print a line."""
        with self._lock:
            self._last = time.monotonic()
            self._out.write(f"{in_one_line(line.plain)}\n")
            self._out.flush()

    def stop(self) -> None:
        """Watch no more."""
        if self._thread:
            self._stopped.set()
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        while not self._stopped.wait(EVERY):
            if time.monotonic() - self._last >= QUIET:
                self.print(Text(self._quiet()))


def _harmless(line: Text) -> Text:
    """Return a line without anything that would steer the terminal; styles are rich's own."""
    clean = in_one_line(line.plain)
    if clean != line.plain:
        line.plain = clean
    return line
