"""
The report of a run: its folder, the terminal's tables, what is written (document.py, junit.py) and the exit status.

`report/` holds report.html, report.json, junit.xml, a badge, per behaviour a timeline.jsonl, and per environment the
logs and ledgers.

Behaviours run in worker processes (pytest-xdist); the results reach the controller on the reports of their tests.
"""

import fcntl
import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from tests.harness.paths import TESTS
from tests.harness.plugin.outcome import FOLDER, PROGRESS
from tests.harness.plugin.selection import ENVIRONMENTS, FROM_OUTSIDE, NOT_JUDGED, SAVED, SUBJECT
from tests.harness.report.compare import OLD, comparison, read_older
from tests.harness.report.junit import say_verdicts
from tests.harness.report.report_json import FILES, document, write
from tests.harness.report.result import Result, overall
from tests.harness.report.summary import common_causes
from tests.harness.report.table import cause_table, fitting, mutant_table, verdict_table
from tests.harness.report.wording import MARKS
from tests.harness.world.verdict import Verdict

INCONCLUSIVE_STATUS = 6

KEPT = pytest.StashKey[list[str]]()
"""What to type to look around in what `--keep` left, or to remove what is left elsewhere; drivers add to it."""

_LOCK = pytest.StashKey[IO[str]]()
_RESULTS = pytest.StashKey[list[Result]]()
_STARTED = pytest.StashKey[float]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take the report's folder, and have pytest write junit.xml into it; a worker gets its controller's folder."""
    config.stash[_RESULTS], config.stash[_STARTED], config.stash[KEPT] = [], time.time(), []
    read_older(config)
    if hasattr(config, "workerinput"):
        config.stash[FOLDER] = Path(config.workerinput["report_folder"])
        return
    replayed = config.getoption("--replay")
    usual = config.invocation_params.dir / ("report-replayed" if replayed else "report")
    wanted = config.getoption("--report") or usual
    config.stash[FOLDER], config.stash[_LOCK] = _take_folder(wanted, replayed)
    if config.option.xmlpath is None:
        config.option.xmlpath = str(config.stash[FOLDER] / "junit.xml")


def _take_folder(wanted: Path, replayed: Path | None) -> tuple[Path, IO[str]]:
    """
    Return an emptied folder for this run and the lock on it.

    A run at the same time gets a folder with its id, and so does one that replays this very folder.
    """
    for folder in (wanted, wanted.with_name(f"{wanted.name}-{os.getpid()}")):
        if replayed and folder.resolve() in {replayed.resolve(), replayed.resolve().parent}:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("w", encoding="utf-8")
        except OSError as error:
            raise pytest.UsageError(f"--report: {folder} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        for name in ("behaviours", PROGRESS, *ENVIRONMENTS):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        return folder, lock
    raise pytest.UsageError(f"--report: {wanted} is taken by another run")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401, xdist's own, not public
    """Tell a worker where the report goes."""
    node.workerinput["report_folder"] = str(node.config.stash[FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Release the report's folder."""
    if _LOCK in config.stash:
        config.stash[_LOCK].close()


@pytest.fixture(scope="session")
def report_folder(request: pytest.FixtureRequest) -> Path:
    """The folder that this run's evidence goes to."""
    return request.config.stash[FOLDER]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Gather the results from now on."""
    session.config.pluginmanager.register(_Collector(session.config), "results")


class _Collector:
    """Gathers the results, from this process or from the workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result that a report carries."""
        given: dict[str, Any] | None = getattr(report, "conformance", None)
        if given is None:
            return
        result = Result(**{**given, "verdict": Verdict(given["verdict"])})
        if result.verdict is Verdict.NOT_JUDGED:
            self._config.stash[NOT_JUDGED][result.id] = result.message
        else:
            self._config.stash[_RESULTS].append(result)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401, see above
        """Take over what a worker did not collect, and what it kept."""
        output = getattr(node, "workeroutput", {})
        self._config.stash[NOT_JUDGED].update(output.get("not_judged", {}))
        self._config.stash[KEPT] += output.get("kept", [])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the report, and let the verdicts decide between the exit statuses 0, 1 and 6."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["not_judged"] = config.stash[NOT_JUDGED]
        config.workeroutput["kept"] = config.stash[KEPT]
        return
    results = config.stash[_RESULTS]
    inconclusive = [result for result in results if result.verdict is Verdict.INCONCLUSIVE]
    if exitstatus == pytest.ExitCode.TESTS_FAILED and session.testsfailed == len(inconclusive):
        session.exitstatus = INCONCLUSIVE_STATUS
    if results:
        results.sort(key=lambda result: (result.environment, result.file))
        _write_report(config, results, int(session.exitstatus))


def _write_report(config: pytest.Config, results: list[Result], exit_status: int) -> None:
    """Write report.json, page and badge, and say the verdicts in the junit.xml that pytest has written."""
    junit, started, not_judged = Path(config.option.xmlpath), config.stash[_STARTED], config.stash[NOT_JUDGED]
    if junit.exists():
        say_verdicts(junit, results, not_judged)
    saved = config.stash[SAVED]
    report = {
        **document(config.stash[SUBJECT], results, not_judged, from_outside=config.stash[FROM_OUTSIDE]),
        "exit_status": exit_status,
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 1),
        "replayed": {"from": str(saved.folder), "started": saved.document["started"]} if saved else None,
        "replicas": saved.document.get("replicas") if saved else config.getoption("--replicas"),
    }
    write(config.stash[FOLDER], report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was judged, what caught which mutant, and where the evidence lies."""
    config = terminalreporter.config
    results, not_judged = config.stash[_RESULTS], config.stash[NOT_JUDGED]
    if not results and not not_judged:
        return
    judged = [result for result in results if not result.mutant]
    controls = [result for result in results if result.mutant]
    width = fitting(config.get_terminal_writer().fullwidth)
    if judged or not_judged:
        subject = config.stash[SUBJECT].name
        terminalreporter.section(f"{subject}: {overall([result.verdict for result in judged])}")
        if config.stash[SAVED]:
            terminalreporter.write_line(f"replayed from {config.stash[SAVED]}")
        terminalreporter.write_line(verdict_table(judged, not_judged, width))
        if causes := common_causes(judged):
            terminalreporter.write_line(cause_table(causes, width))
    if controls:
        terminalreporter.section("mutants, and the behaviours that caught them")
        terminalreporter.write_line(mutant_table(controls, width))
    old = config.stash[OLD]
    if old and results:
        terminalreporter.section(f"compared with {old}")
        everything = config.args_source is not pytest.Config.ArgsSource.ARGS or config.args == [str(TESTS)]
        whole = not config.option.keyword and everything
        terminalreporter.write_line(comparison(old, results, not_judged, whole=whole, width=width))
    for line in config.stash[KEPT]:
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"\nevidence: {config.stash[FOLDER]}{os.sep}")
    if results:
        terminalreporter.write_line(f"report: {config.stash[FOLDER] / 'report.html'}")


_WORDS = {
    # outcome, whether a negative control: what pytest counts it as, its letter and its word
    ("passed", False): ("passed", ".", "HOLDS"),
    ("failed", False): ("failed", "F", "FAILS"),
    ("skipped", False): ("xfailed", "x", "KNOWN FAILURE"),
    ("failed", True): ("failed", "F", "NOT CAUGHT"),
    ("skipped", True): ("xfailed", "x", "CAUGHT"),
}


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """
    Translate the outcome of a behaviour, during the run and in the summary at its end.

    Only there is it known whether the machine was too busy to judge by what failed.
    """
    if report.when != "call" or not any(name in report.keywords for name in ENVIRONMENTS):
        return None
    words = _WORDS.get((report.outcome, control := "negative_control" in report.keywords))
    if words is None or control or not report.failed:
        return words
    name = report.nodeid.partition("@")[0]  # xdist adds @group
    verdicts = [result.verdict for result in config.stash[_RESULTS] if result.id == name]
    category, letter, word = words
    return category, letter, MARKS.get(verdicts[-1], word) if verdicts else word
