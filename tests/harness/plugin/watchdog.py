"""
The watchdog: a behaviour that takes longer than its own budgets allow is inconclusive, and the run continues.

A thread looks at the time, and a signal interrupts the main thread there, in system calls and in gRPC too. A main
thread that does not even take the signal is lost: its process then exits, and pytest-xdist replaces it.
"""

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest

from tests.harness.paths import ROOT, TESTS
from tests.harness.plugin.outcome import FOLDER
from tests.harness.plugin.selection import name_of, run_of
from tests.harness.report.wording import words
from tests.harness.world import allowance, waits
from tests.harness.world.verdict import OverBudgetError

REPEATED = 5.0
"""Seconds until a phase that does not end is interrupted again: something may have swallowed the first exception."""

LOST = 60.0
"""*Patience.* Seconds from the first interruption to the exit of the process."""

EVERY = 1.0
"""The most seconds between two looks."""

LOST_STATUS = 70
"""The exit status of a process that cannot be interrupted."""

_ERRORS = pytest.StashKey[int]()
_WATCHDOG = pytest.StashKey["Watchdog"]()


class Watchdog:
    """Watches one behaviour, from its setup to its teardown; its last words go to `errors`, a file descriptor."""

    def __init__(self, item: pytest.Item, errors: int) -> None:
        self._behaviour, self._file, self._errors = words(name_of(item)), item.path, errors
        self._stacks = item.config.stash[FOLDER] / f"stopped-{os.getpid()}.txt"
        self._allowance = allowance.begin()
        self._more = 0.0  # seconds for what follows an interrupted phase
        self._interrupted: float | None = None  # when the present phase was, first
        self._message = ""
        self._in_phase = False
        self._changing = threading.Lock()
        self._ended = threading.Event()
        self._before = signal.signal(signal.SIGALRM, self._interrupt)
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()
        allowance.end()
        signal.signal(signal.SIGALRM, self._before)

    def begin_phase(self) -> None:
        """Begin setup, call or teardown; one that follows an interrupted phase has separate time."""
        with self._changing:
            if self._interrupted is not None:
                self._more, self._interrupted = self._allowance.taken, None
            self._in_phase = True

    def end_phase(self) -> None:
        """End it. Raises OverBudgetError if it was interrupted, even if that was not noticed."""
        self._in_phase = False  # from here on no signal raises
        with self._changing:
            if self._interrupted is not None:
                self._message = self._message or self._over()
                raise OverBudgetError(self._message)

    def _watch(self) -> None:
        pause = EVERY
        while not self._ended.wait(pause):
            with self._changing:
                left = self._allowance.seconds + self._more - self._allowance.taken
                if over := left <= 0 and self._in_phase:
                    self._bite()
            pause = REPEATED if over else min(EVERY, max(0.05, left))

    def _bite(self) -> None:
        if self._interrupted is None:
            self._interrupted = time.monotonic()
        elif time.monotonic() - self._interrupted > LOST:
            self._exit()
        if main := threading.main_thread().ident:
            signal.pthread_kill(main, signal.SIGALRM)

    def _interrupt(self, _number: int, frame: FrameType | None) -> None:
        if not self._in_phase:
            return
        self._message = self._message or f"{self._over()}{self._where(frame)}"
        raise OverBudgetError(self._message)

    def _over(self) -> str:
        present, wait = self._allowance, waits.under_way()
        return (
            f"“{self._behaviour}” was stopped after {present.taken:.0f} s: its budget was {present.seconds:.0f} s, "
            f"{present.granted:.0f} s for its waits and orders and {allowance.SPARE:.0f} s for everything else"
            + (f"; it was waiting for: {wait}" if wait else "")
        )

    def _where(self, frame: FrameType | None) -> str:
        """Return the line of ours, or of the behaviour, that a frame belongs to."""
        while frame is not None:
            file = Path(frame.f_code.co_filename)
            if file == self._file or (file.is_relative_to(TESTS) and file != Path(__file__)):
                named = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name
                return f"; at {named}:{frame.f_lineno}, {frame.f_code.co_name}"
            frame = frame.f_back
        return ""

    def _exit(self) -> NoReturn:
        with self._stacks.open("w", encoding="utf-8") as file:
            faulthandler.dump_traceback(file)
        line = f"\n{self._over()}. It cannot be interrupted, so its process exits; where it was: {self._stacks}\n"
        os.write(self._errors, line.encode())
        os._exit(LOST_STATUS)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the way to standard error: while a test runs, pytest has another file in its place."""
    config.stash[_ERRORS] = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else os.open(os.devnull, os.O_WRONLY))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of it."""
    if _ERRORS in config.stash:
        os.close(config.stash[_ERRORS])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Watch a behaviour; anyone who debugs one has all the time there is."""
    if run_of(item) is None or item.config.getoption("usepdb") or sys.gettrace():
        return (yield)
    watchdog = item.stash[_WATCHDOG] = Watchdog(item, item.config.stash[_ERRORS])
    try:
        return (yield)
    finally:
        watchdog.end()


def _phase(item: pytest.Item) -> Generator[None, None, None]:
    watchdog = item.stash.get(_WATCHDOG, None)
    if watchdog is None:
        yield
        return
    watchdog.begin_phase()
    try:
        yield
    finally:
        watchdog.end_phase()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Interrupt it, if need be."""
    yield from _phase(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Interrupt it, if need be."""
    yield from _phase(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Interrupt it, if need be."""
    yield from _phase(item)
