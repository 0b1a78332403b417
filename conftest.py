"""How the suite is wired: the plugins, each of which imports only those above it."""

from pathlib import Path

import pytest

pytest_plugins = [
    "tests.harness.plugin.selection",  # which behaviour runs where, and against which mutant
    "tests.harness.plugin.this_run",  # its label and folder, and what a signal does
    "tests.harness.plugin.known_failures",  # what is expected to fail
    "tests.harness.plugin.selected",  # how much of what applies that is
    "tests.harness.plugin.scheduling",  # which worker, where there are several
    "tests.harness.plugin.outcome",  # the verdict on each
    "tests.harness.plugin.checking",  # what holds in every one of them
    "tests.harness.plugin.place",  # where the report goes, and when an older one goes
    "tests.harness.plugin.results",  # what the run came to
    "tests.harness.plugin.acquittal",  # the verdict on right but unusual gateways
    "tests.harness.report.compare",  # the older report that --compare names
    "tests.harness.plugin.reporting",  # tables, report.json, exit status
    "tests.harness.plugin.watchdog",  # the time that a behaviour may take
    "tests.harness.plugin.progress",  # what is being waited for, while it runs
    "tests.loopback.environment",  # the loopback environment
    "tests.compose.images",  # Docker and the images, before anything starts
    "tests.compose.environment",  # the Compose environment
    "tests.kind.session",  # the cluster and the images before anything starts, the Kubernetes environment
    "tests.harness.plugin.fixtures",  # what behaviours take
]

SETTINGS = Path(__file__).with_name("pyproject.toml")


def pytest_configure(config: pytest.Config) -> None:
    """
    Refuse to run without our settings.

    pytest looks for them before it knows our options, so it treats an existing path after `--subject` and a space as a
    test directory, and looks there.
    """
    if config.inipath != SETTINGS and not config.option.inifilename:
        raise pytest.UsageError(
            f"pytest has not read {SETTINGS}: after a space, pytest treats a path as a test directory. Use "
            "`--subject=FILE`, `--report=DIR`, with an equals sign"
        )
