"""
pytest's own reporter, whose lines go through our outlet, and without those while tests run: progress.py shows a run.

pytest has no hook or option for it. So its reporter is replaced by one that differs in this alone, as pytest-sugar does
and others; what it prints at the beginning, at the end and when something breaks stays.
"""

from typing import TextIO, cast

import pytest

from tests.harness.report.outlet import Outlet


class GatedReporter(pytest.TerminalReporter):  # type: ignore[misc]  # final, and yet replaced: see above
    """pytest's, to tell it from the one that it replaces."""


class QuietReporter(GatedReporter):  # type: ignore[misc]  # likewise
    """Prints nothing for a test that begins; for one that is over it counts the outcome, as its letter is empty."""

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Say nothing: with workers, what begins is long over before the next line."""


class Replacement:
    """Puts it in the place of pytest's, as soon as that is there: workers are started by who comes after it."""

    def __init__(self, config: pytest.Config, outlet: Outlet, reporter: type[GatedReporter]) -> None:
        self._config, self._outlet, self._reporter = config, outlet, reporter

    def pytest_plugin_registered(self, plugin: object, manager: pytest.PytestPluginManager) -> None:
        """Look whether it is pytest's reporter."""
        if isinstance(plugin, pytest.TerminalReporter) and not isinstance(plugin, GatedReporter):
            manager.unregister(plugin)
            manager.register(self._reporter(self._config, cast("TextIO", self._outlet)), "terminalreporter")
