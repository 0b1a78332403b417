"""
Where the report of a run goes: its folder is taken before anything starts, and changed once the first behaviour does.

So a mistyped option, a subject that cannot be read, or an environment that cannot start leaves an older report alone.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest
from _pytest.junitxml import LogXML

from tests.harness.plugin.kinds import is_acquittal, kind_of
from tests.harness.plugin.outcome import FOLDER
from tests.harness.plugin.selection import ENVIRONMENTS
from tests.harness.report import folder as place
from tests.harness.report.course import Kind

BEGUN = pytest.StashKey[bool]()
"""Whether a behaviour has started, and with it the new report."""

JUNIT = pytest.StashKey["Junit"]()

_LOCK = pytest.StashKey[IO[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take the report's folder, and have pytest's junit.xml go into it; a worker gets its controller's folder."""
    config.stash[BEGUN] = False
    if hasattr(config, "workerinput"):
        config.stash[FOLDER] = Path(config.workerinput["report_folder"])
        return
    replayed = config.getoption("--replay")
    usual = config.invocation_params.dir / ("report-replayed" if replayed else "report")
    config.stash[FOLDER], config.stash[_LOCK] = _take(config.getoption("--report") or usual, replayed)
    config.stash[JUNIT] = Junit(given=config.option.xmlpath is not None)
    if config.option.xmlpath is None:
        config.option.xmlpath = str(config.stash[FOLDER] / "junit.xml")
    config.pluginmanager.register(config.stash[JUNIT], "junit of the report")


def _take(wanted: Path, replayed: Path | None) -> tuple[Path, IO[str]]:
    """
    Return a folder for this run and the lock on it.

    A run at the same time gets a folder with its id, and so does one that replays this very folder.
    """
    whole = wanted.resolve()
    for folder in (wanted, whole.with_name(f"{whole.name}-{os.getpid()}")):
        if replayed and folder.resolve() in {replayed.resolve(), replayed.resolve().parent}:
            continue
        try:
            lock = place.take(folder)
        except place.ForeignFolderError:
            raise pytest.UsageError(
                f"--report: {folder} is neither empty nor a report of this suite: use another folder"
            ) from None
        except OSError as error:
            raise pytest.UsageError(f"--report: {folder} cannot be written: {error.strerror}") from None
        if lock is not None:
            return folder, lock
    raise pytest.UsageError(f"--report: {wanted} is taken by another run")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401, xdist's own, not public
    """Tell a worker where the report goes."""
    node.workerinput["report_folder"] = str(node.config.stash[FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Release the report's folder."""
    if _LOCK in config.stash:
        place.end(config.stash[FOLDER], begun=config.stash[BEGUN])
        config.stash[_LOCK].close()


@pytest.fixture(scope="session")
def report_folder(request: pytest.FixtureRequest) -> Path:
    """The folder that this run's evidence goes to."""
    return request.config.stash[FOLDER]


def starting(config: pytest.Config, environment: str) -> Path:
    """Return where an environment's logs go before the run begins; they are moved to its folder when it does."""
    return place.starting(config.stash[FOLDER], environment)


def begin(config: pytest.Config) -> None:
    """Make room for the new report. Raises UsageError if an older one cannot be removed."""
    if config.stash[BEGUN]:
        return
    folder = config.stash[FOLDER]
    try:
        place.clear(folder, ENVIRONMENTS)
        place.keep_start(folder)
    except OSError as error:
        raise pytest.UsageError(f"--report: {error.filename or folder} cannot be replaced: {error.strerror}") from None
    config.stash[BEGUN] = True


class Begin:
    """Begins with the first behaviour, before any process writes evidence."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begin with the first behaviour that this process runs itself."""
        self._begin([nodeid])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Begin before the first behaviour is given to a worker."""
        self._begin(ids)

    def _begin(self, ids: Sequence[str]) -> None:
        if any(kind_of(node_id) is not Kind.OTHER or is_acquittal(node_id) for node_id in ids):
            begin(self._config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Wait for the first behaviour, where the report is this process's."""
    if _LOCK in session.config.stash:
        session.config.pluginmanager.register(Begin(session.config), "begin of the report")


class Junit:
    """
    Takes the writing of junit.xml out of pytest's hands, which would do so whether or not the run has begun.

    `given` tells whether the user named the file: it is then written as pytest does, always.
    """

    def __init__(self, *, given: bool) -> None:
        self.given = given
        self._log: LogXML | None = None

    def pytest_plugin_registered(self, plugin: object, manager: pytest.PytestPluginManager) -> None:
        """Leave pytest's plugin to gather the outcomes, and nothing else."""
        if isinstance(plugin, LogXML) and self._log is None:
            self._log = plugin
            manager.unregister(plugin)
            vars(plugin).update(pytest_sessionfinish=None, pytest_terminal_summary=None)
            manager.register(plugin)

    def write(self) -> Path | None:
        """Write the file; return it, None if there is nothing to write. Raises OSError."""
        if self._log is None:
            return None
        LogXML.pytest_sessionfinish(self._log)
        return Path(self._log.logfile)
