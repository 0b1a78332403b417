"""
The report of a run: the terminal's tables, what is written (report_json.py, junit.py) and the exit status.

`report/` holds report.html, report.json, junit.xml, a badge, per behaviour a timeline.jsonl, and per environment the
logs and ledgers.

Behaviours run in worker processes (pytest-xdist); the results reach the controller on the reports of their tests.
"""

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.harness.plugin.outcome import FOLDER
from tests.harness.plugin.place import BEGUN, JUNIT, begin
from tests.harness.plugin.results import GATHERED, KEPT
from tests.harness.plugin.selected import CORRELATION
from tests.harness.plugin.selection import ENVIRONMENTS, FROM_OUTSIDE, NOT_JUDGED, SAVED, SUBJECT
from tests.harness.report.compare import OLD, comparison, read_older
from tests.harness.report.ending import (
    CONFORMANT,
    INCONCLUSIVE,
    INTERNAL_ERROR,
    INTERRUPTED,
    NONCONFORMANT,
    NOTHING_RAN,
    USAGE_ERROR,
    exit_status,
    with_trouble,
)
from tests.harness.report.extent import coverage, headline
from tests.harness.report.junit import say_verdicts
from tests.harness.report.price_table import price_table
from tests.harness.report.report_json import document, write
from tests.harness.report.table import config_table, diagnosis_table, fitting, mutant_table, verdict_table, wrapped
from tests.harness.report.wording import MARKS
from tests.harness.subject.library_properties import PREFIX
from tests.harness.world.verdict import Verdict

_STARTED = pytest.StashKey[tuple[float, float]]()
_REPORT = pytest.StashKey[dict[str, Any]]()
"""What report.json holds, once the run is over."""

_TROUBLE = pytest.StashKey[list[str]]()
"""What went wrong at the end, and is the suite's or the machine's, not the subject's: a line each."""

_SESSION = pytest.StashKey[pytest.Session]()

_SUMMARIZED = {CONFORMANT, NONCONFORMANT, INTERRUPTED, USAGE_ERROR, NOTHING_RAN}
"""The exit statuses with which pytest itself calls for a summary."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take the time, and the older report before this one takes its place."""
    config.stash[_STARTED], config.stash[_TROUBLE] = (time.time(), time.monotonic()), []
    read_older(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep the session: what is reported at the end comes from it."""
    session.config.stash[_SESSION] = session


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the report, and let the verdicts decide between the exit statuses 0, 1 and 6."""
    config = session.config
    if hasattr(config, "workeroutput"):
        return
    if not config.option.collectonly:
        _conclude(session, exitstatus)
    _guarded(session, "junit.xml cannot be written", lambda: _write_junit(config))
    _guarded(session, "the report cannot be written", lambda: _write(config, int(session.exitstatus)))
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus not in _SUMMARIZED and reporter is not None:
        pytest_terminal_summary(reporter)


def _conclude(session: pytest.Session, pytests: int) -> None:
    """Make the report, and decide the exit status."""
    config = session.config
    gathered = config.stash[GATHERED]
    gathered.close()
    status, stopped = gathered.ended_as(session, pytests)
    extent, not_judged, outside = gathered.extent(stopped), config.stash[NOT_JUDGED], config.stash[FROM_OUTSIDE]
    judged = document(config.stash[SUBJECT], gathered.results, not_judged, extent, from_outside=outside)
    config.stash[_REPORT] = {**judged, **_about_the_run(config)}
    subject = judged["verdict"] if gathered.about_the_subject else None
    verdicts = [result.verdict for result in gathered.results]
    session.exitstatus = exit_status(status, verdicts, subject, own_failed=gathered.own_failed)
    if gathered.about_the_subject and session.exitstatus == INCONCLUSIVE:
        # even if all that was selected was left out, and no behaviour began: that is a result, too
        _guarded(session, "the report cannot be written", lambda: begin(config))


def _about_the_run(config: pytest.Config) -> dict[str, Any]:
    (started, began), saved = config.stash[_STARTED], config.stash[SAVED]  # by the day's clock, and the monotonic one
    return {
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 1),
        "replayed": {"from": str(saved.folder), "started": saved.document["started"]} if saved else None,
        "replicas": saved.document.get("replicas") if saved else config.getoption("--replicas"),
        "correlation": saved.document.get("correlation", "") if saved else config.stash[CORRELATION],
    }


def _guarded(session: pytest.Session, what: str, action: Callable[[], None]) -> None:
    """
    Do this at the end of a run; trouble with it is one line and no traceback.

    It is never held against the subject: a run that would be conformant ends with 6, or with 3 for a bug of ours.
    """
    try:
        action()
    except (OSError, pytest.UsageError) as error:
        line, status = f"ERROR: {what}: {error}", INCONCLUSIVE
    except Exception as error:  # noqa: BLE001, no bug of ours may become a verdict
        line, status = f"ERROR: {what}, which is a bug of the suite: {error!r}", INTERNAL_ERROR
    else:
        return
    config = session.config
    config.stash[_TROUBLE].append(line)
    session.exitstatus = with_trouble(int(session.exitstatus), status)
    report = config.stash.get(_REPORT, None)
    if report and report["verdict"] == Verdict.CONFORMANT:
        config.stash[_REPORT] = {**report, "verdict": str(Verdict.INCONCLUSIVE), "reason": line.removeprefix("ERROR: ")}


def _write_junit(config: pytest.Config) -> None:
    """Have pytest write junit.xml, and say the verdicts in it. Raises OSError."""
    junit, begun = config.stash[JUNIT], config.stash[BEGUN]
    file = junit.write() if junit.given or begun else None
    if file and begun:
        report = config.stash[_REPORT]
        say_verdicts(file, config.stash[GATHERED].results, report)


def _write(config: pytest.Config, status: int) -> None:
    """Write report.json, page and badge. Raises OSError."""
    if config.stash[BEGUN]:
        report = config.stash[_REPORT]
        config.stash[_REPORT] = report = {**report, "exit_status": status}
        write(config.stash[FOLDER], report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was judged, what caught which mutant, and where the evidence lies."""
    config = terminalreporter.config
    if config.stash[BEGUN]:
        _guarded(config.stash[_SESSION], "the summary cannot be printed", lambda: _summarize(terminalreporter, config))
    for line in config.stash[_TROUBLE]:
        terminalreporter.write_line(line)


def _summarize(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    gathered, report, not_judged = config.stash[GATHERED], config.stash[_REPORT], config.stash[NOT_JUDGED]
    width = fitting(config.get_terminal_writer().fullwidth)
    if gathered.about_the_subject:
        for line in _head(report, width - 4, reporter):
            reporter.write_line(line)
        if config.stash[SAVED]:
            reporter.write_line(f"replayed from {config.stash[SAVED]}")
        tables = (
            diagnosis_table(report["diagnosis"], width),
            verdict_table(gathered.judged, not_judged, width),
            config_table(report["service_config"], width),
            price_table(report["price"], width),
        )
        reporter.write_line("\n".join(filter(None, tables)))
    if gathered.controls:
        reporter.section("mutants, and the behaviours that caught them")
        reporter.write_line(mutant_table(gathered.controls, width))
    old = config.stash[OLD]
    if old and gathered.results:
        reporter.section(f"compared with {old}")
        whole = not report["selection"] and not report["broken_off"]
        reporter.write_line(comparison(old, gathered.results, not_judged, whole=whole, width=width))
    for line in config.stash[KEPT]:
        reporter.write_line(line)
    reporter.write_line(f"\nevidence: {config.stash[FOLDER]}{os.sep}")
    if (config.stash[FOLDER] / "report.html").exists():
        reporter.write_line(f"report: {config.stash[FOLDER] / 'report.html'}")


def _head(report: Mapping[str, Any], width: int, reporter: pytest.TerminalReporter) -> list[str]:
    """Print the verdict, and return what there is to print of how much it is about."""
    name = report["subject"]["name"]
    short = headline(report, width - len(name) - len(": "))
    reporter.section(f"{name}: {short}")
    about = [coverage(report)] if report["reason"] in short else [report["reason"], coverage(report)]
    about += [f"correlation: {report['correlation']}"] if report.get("correlation") else []
    return wrapped("\n".join(about), width, indent=0)


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
    if str(report.when) == "???" and (given := getattr(report, "conformance", None)):  # of a worker that was lost
        return "failed", "F", MARKS.get(given["verdict"], given["verdict"].upper())
    if report.when != "call" or not any(name in report.keywords for name in ENVIRONMENTS):
        return None
    words = _WORDS.get((report.outcome, control := "negative_control" in report.keywords))
    if words and not control and getattr(report, "wasxfail", "").startswith(PREFIX):
        return "xfailed" if report.skipped else "passed", words[1], "LIBRARY PROPERTY" if report.skipped else words[2]
    if words is None or control or not report.failed:
        return words
    name = report.nodeid.partition("@")[0]  # xdist adds @group
    verdicts = [result.verdict for result in config.stash[GATHERED].results if result.id == name]
    category, letter, word = words
    return category, letter, MARKS.get(verdicts[-1], word) if verdicts else word
