"""
Verdicts on the positive controls: right but unusual gateways, which every behaviour must acquit.

One that is accused fails the run, and so does one that could not be judged, unless the machine was too busy. They are
not part of the report, which is about the subject.
"""

from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

from tests.harness.causes.busy import too_busy
from tests.harness.causes.case import Case
from tests.harness.evidence.history import History
from tests.harness.plugin.outcome import evidence_file
from tests.harness.plugin.selection import run_of
from tests.harness.report.wording import many
from tests.harness.subject.control import Control
from tests.harness.world.missed import missed_of
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError

MARK = "positive_control"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Say of a positive control that failed that it was accused, by which behaviour and of what."""
    report: pytest.TestReport = yield
    run = run_of(item)
    if run is None or run.control is None or call.excinfo is None or not report.failed:
        return report
    error = call.excinfo.value
    words = f"{error or type(error).__name__}"
    if busy := _busy(item, error):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"Skipped: {words}; {busy}")
    elif isinstance(error, (AssertionError, SubjectDiedError)):
        report.longrepr = _accused(item, run.control, words)
    elif isinstance(error, InconclusiveError):
        report.longrepr = f"{run.control.name} could not be judged by {item.nodeid}: {words}"
    return report


def _accused(item: pytest.Item, control: Control, words: str) -> str:
    told = dict(item.user_properties)
    measured = f"measured {told['measured']}; bound {told['bound']}" if "measured" in told else "nothing was measured"
    return f"{item.nodeid} accuses a gateway that is right: it {control.right}\n{measured}\n{words}"


def _busy(item: pytest.Item, error: BaseException) -> str:
    """Return why a busy machine leaves it open, "" if it does not."""
    file = evidence_file(item)
    if not file.exists():
        return ""
    busy = too_busy(Case(History.read(file)), missed_of(error))
    return busy.words if busy.excuses else ""


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Translate the outcome of a positive control."""
    if MARK not in getattr(report, "keywords", ()):  # one of a collection has none
        return None
    if report.skipped:
        return "skipped", "s", "NOT JUDGED"
    if report.failed:
        return ("failed", "F", "ACCUSED") if report.when == "call" else ("error", "E", "NOT JUDGED")
    return ("passed", ".", "ACQUITTED") if report.when == "call" else ("", "", "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the acquittals."""
    reports = [
        report
        for category in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.stats.get(category, [])
        if MARK in getattr(report, "keywords", ())
    ]
    if not reports:
        return
    met = {_name_in(report.nodeid) for report in reports}
    counts = Counter(report.outcome for report in reports)
    terminalreporter.section("right but unusual gateways")
    terminalreporter.write_line(
        f"{many(len(met), 'gateway')}: {many(counts['passed'], 'acquittal')}, {counts['failed']} accused or unjudged, "
        f"{counts['skipped']} left open: the machine was too busy, or replies tell too little"
    )


def _name_in(node_id: str) -> str:
    return node_id.partition("[loopback-")[2].partition("]")[0].partition("-")[0]
