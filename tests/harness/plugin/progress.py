"""
What each process of a run is doing, and who shows it.

Each process that runs behaviours keeps a small file with the present one in the report folder; the process that owns
the terminal reads them and shows the run (showing.py). `-q` leaves everything to pytest.
"""

import contextlib
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest

from tests.harness.plugin.outcome import FOLDER
from tests.harness.plugin.quiet_reporter import GatedReporter, QuietReporter, Replacement
from tests.harness.plugin.selection import name_of, run_of
from tests.harness.report.folder import PROGRESS
from tests.harness.report.outlet import Outlet
from tests.harness.report.wording import words
from tests.harness.world import waits
from tests.harness.world.waits import Wait

if TYPE_CHECKING:
    from tests.harness.plugin.showing import Showing

EVERY = 0.25
"""Seconds between two looks: what is over sooner is not worth a word."""


class Teller:
    """Writes down which behaviour this process runs, and what it waits for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._behaviour = ""
        self._told = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tell_on, name="teller", daemon=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Remember which behaviour it is."""
        self._behaviour = words(name_of(item)) if run_of(item) else ""

    def pytest_runtest_logfinish(self) -> None:
        """Forget it."""
        self._behaviour = ""

    def stop(self) -> None:
        """Leave no file."""
        self._stopped.set()
        self._thread.join()
        self._file.unlink(missing_ok=True)

    def _tell_on(self) -> None:
        while not self._stopped.wait(EVERY):
            self.tell(waits.under_way())

    def tell(self, wait: Wait | None) -> None:
        """Write the present behaviour and wait, if they are others than before."""
        about = {"behaviour": self._behaviour, "wait": wait.description if wait else None} if self._behaviour else {}
        text = json.dumps(about)
        if text != self._told:
            self._told = text
            new = self._file.with_suffix(".new")
            new.write_text(text, encoding="utf-8")
            new.replace(self._file)


_OUT = pytest.StashKey[TextIO]()
_OUTLET = pytest.StashKey[Outlet]()
_PARTS: "pytest.StashKey[list[Teller | Showing]]" = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the way to the terminal: while a test runs, pytest has another file in its place."""
    if hasattr(config, "workerinput"):
        return
    config.stash[_OUTLET] = Outlet(sys.stdout)
    if config.option.verbose >= 0 and not config.option.collectonly:
        with contextlib.suppress(OSError, ValueError):  # no file at all: pytest shows what it always does
            config.stash[_OUT] = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
    reporter = QuietReporter if _OUT in config.stash else GatedReporter
    config.pluginmanager.register(Replacement(config, config.stash[_OUTLET], reporter))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of it."""
    _stop(config)
    if _OUT in config.stash:
        config.stash[_OUT].close()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to tell, and to show where the terminal is ours."""
    config = session.config
    folder = config.stash[FOLDER] / PROGRESS
    parts = config.stash[_PARTS] = []
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    alone = not config.getoption("numprocesses", None)
    if (worker or alone) and not config.option.collectonly and not config.getoption("--replay"):
        parts.append(Teller(folder / f"{worker or 'gw'}.json"))
    if _OUT in config.stash and config.pluginmanager.has_plugin("terminalreporter"):
        # only here, as one process of a run draws, and each would take 0.06 s to import rich
        from tests.harness.plugin.showing import Showing  # noqa: PLC0415

        parts.append(Showing(folder, config.stash[_OUT], config.stash[_OUTLET], config))
    for part in parts:
        config.pluginmanager.register(part)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the terminal as it was, and no file."""
    _stop(session.config)


def _stop(config: pytest.Config) -> None:
    parts = config.stash.get(_PARTS, [])
    for part in parts:
        part.stop()
    if any(not isinstance(part, Teller) for part in parts):
        shutil.rmtree(config.stash[FOLDER] / PROGRESS, ignore_errors=True)
    parts.clear()
