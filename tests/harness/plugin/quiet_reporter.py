"""
pytest's own reporter, without its lines and dots while tests run: progress.py shows a run instead.

pytest has no hook or option for it. So its reporter is replaced by one that differs in this alone, as pytest-sugar does
and others; what it prints at the beginning, at the end and when something breaks stays.
"""

from typing import TextIO, cast

import pytest

from tests.harness.report.outlet import Outlet


class QuietReporter(pytest.TerminalReporter):  # type: ignore[misc]  # final, and replaced all the same: see above
    """Prints nothing for a test that begins; for one that is over it counts the outcome, as its letter is empty."""

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Say nothing: with workers, what begins is long over before the next line."""


class Replacement:
    """Puts it in the place of pytest's, as soon as that is there: workers are started by who comes after it."""

    def __init__(self, config: pytest.Config, outlet: Outlet) -> None:
        self._config, self._outlet = config, outlet

    def pytest_plugin_registered(self, plugin: object, manager: pytest.PytestPluginManager) -> None:
        """Look whether it is pytest's reporter."""
        if isinstance(plugin, pytest.TerminalReporter) and not isinstance(plugin, QuietReporter):
            manager.unregister(plugin)
            manager.register(QuietReporter(self._config, cast("TextIO", self._outlet)), "terminalreporter")
