"""
Progress on the way: what a run is waiting for at the moment, since when and for how long at most.

Each process that runs behaviours keeps a small file with its present wait in the report folder; the one that owns the
terminal reads them. On a terminal they stand in a line of its own at the bottom, below what pytest scrolls; elsewhere,
as in CI, a line is printed when nothing else was for some seconds. `-q` prints none.
"""

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from tests.harness.plugin.outcome import FOLDER, PROGRESS
from tests.harness.plugin.selection import name_of, run_of
from tests.harness.report.words import words
from tests.harness.world.waits import Wait, under_way

EVERY = 0.25
"""Seconds between two looks: what is over sooner is not worth a word."""

QUIET = 10.0
"""Seconds without a word of pytest's or ours after which a line is printed where there is no terminal."""


class Teller:
    """Writes down what this process waits for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._behaviour = ""
        self._told = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tell_on, name="progress", daemon=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Remember which behaviour it is."""
        self._behaviour = words(name_of(item)) if run_of(item) else ""

    def stop(self) -> None:
        """Leave no file."""
        self._stopped.set()
        self._thread.join()
        self._file.unlink(missing_ok=True)

    def _tell_on(self) -> None:
        while not self._stopped.wait(EVERY):
            self.tell(under_way())

    def tell(self, wait: Wait | None) -> None:
        """Write the present wait, or none, if it is another one than before."""
        about = {"behaviour": self._behaviour, **wait.told} if wait and self._behaviour else {}
        text = json.dumps(about)
        if text != self._told:
            self._told = text
            new = self._file.with_suffix(".new")
            new.write_text(text, encoding="utf-8")
            new.replace(self._file)


def waits(folder: Path) -> Iterator[str]:
    """Yield in words what each process waits for, the one that has waited longest first."""
    found = []
    for file in folder.glob("*.json"):
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # gone since it was listed
            continue
        if about:
            found.append(about)
    for about in sorted(found, key=lambda one: float(one["began"])):
        wait = Wait(about["what"], about["within"], about["lasting"], about["began"])
        yield f"{about['behaviour']}: waiting until {wait}"


class StatusLine:
    """A line at the bottom of a terminal, outside of what scrolls (DECSTBM, as apt does it)."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._rows = 0

    def show(self, lines: list[str]) -> None:
        """Show the first of the waits, and how many there are besides."""
        size = shutil.get_terminal_size()
        begin = ""
        if size.lines != self._rows:
            self.end()
            self._rows = size.lines
            # IND makes room if the cursor is on the last line; setting what scrolls loses it, so it is saved meanwhile
            begin = f"\x1bD\x1b7\x1b[1;{self._rows - 1}r\x1b8\x1b[1A"
        text = lines[0] if lines else ""
        more = f" (+{len(lines) - 1})" if len(lines) > 1 else ""
        text = f"{text[: size.columns - 1 - len(more)]}{more}"
        self._out.write(f"{begin}\x1b7\x1b[{self._rows};1H\x1b[2K\x1b[2m{text}\x1b[22m\x1b8")
        self._out.flush()

    def end(self) -> None:
        """Give the line back."""
        if self._rows:
            self._out.write(f"\x1b7\x1b[{self._rows};1H\x1b[2K\x1b[r\x1b8")
            self._out.flush()
            self._rows = 0


class QuietLine:
    """Lines where there is no terminal: one when there was nothing else for some seconds."""

    def __init__(self, out: TextIO, column: Callable[[], int]) -> None:
        """Take where to print, and what says how far the present line has got."""
        self._out = out
        self._column = column
        self._last = time.monotonic()

    def heard(self) -> None:
        """Take note that something else was printed."""
        self._last = time.monotonic()

    def show(self, lines: list[str]) -> None:
        """Print the longest wait if it is time."""
        if lines and time.monotonic() - self._last >= QUIET:
            self._last = time.monotonic()
            begin = "\n" if self._column() else ""
            self._out.write(f"{begin}{lines[0]}\n")
            self._out.flush()

    def end(self) -> None:
        """Nothing is left to do."""


class Shower:
    """Shows on this process's terminal what is waited for."""

    def __init__(self, folder: Path, out: TextIO, reporter: pytest.TerminalReporter) -> None:
        self._folder = folder
        writer = reporter._tw  # noqa: SLF001, nothing else says how far the line has got
        quiet = QuietLine(out, lambda: writer.width_of_current_line)
        self._line = StatusLine(out) if out.isatty() else quiet
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._show_on, name="progress", daemon=True)
        self._thread.start()

    def pytest_runtest_logreport(self) -> None:
        """Take note that a verdict was printed."""
        if isinstance(self._line, QuietLine):
            self._line.heard()

    def stop(self) -> None:
        """Show no more."""
        self._stopped.set()
        self._thread.join()
        self._line.end()

    def _show_on(self) -> None:
        while not self._stopped.wait(EVERY):
            self._line.show(list(waits(self._folder)))


_OUT = pytest.StashKey[TextIO]()
_PARTS = pytest.StashKey[list[Teller | Shower]]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the way to the terminal: while a test runs, pytest has another file in its place."""
    if not hasattr(config, "workerinput"):
        with contextlib.suppress(OSError, ValueError):  # no file at all: nothing is shown
            config.stash[_OUT] = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of it."""
    if _OUT in config.stash:
        config.stash[_OUT].close()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to tell, and to show where the terminal is ours."""
    config = session.config
    folder = config.stash[FOLDER] / PROGRESS
    parts: list[Teller | Shower] = []
    config.stash[_PARTS] = parts
    if config.option.collectonly or config.getoption("--replay"):
        return
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    if worker or not config.getoption("numprocesses", None):
        parts.append(Teller(folder / f"{worker or 'gw'}.json"))
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if _OUT in config.stash and reporter and config.option.verbose >= 0:
        parts.append(Shower(folder, config.stash[_OUT], reporter))
    for part in parts:
        config.pluginmanager.register(part)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the terminal as it was, and no file."""
    parts = session.config.stash.get(_PARTS, [])
    for part in parts:
        part.stop()
    if any(isinstance(part, Shower) for part in parts):
        shutil.rmtree(session.config.stash[FOLDER] / PROGRESS, ignore_errors=True)
