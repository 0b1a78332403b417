"""
From pytest's outcomes to verdicts: the table, report.json, junit.xml and the exit status.

`report/` holds report.json, junit.xml, per behaviour a timeline.jsonl, and per environment the logs and ledgers. A
report.html belongs beside them; whatever it shows is in report.json and the timelines.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any

import grpc
import pytest

from tests.harness.collection import NOT_JUDGED, SUBJECT, Run, claim_of, name_of, run_of
from tests.harness.result import Result, overall
from tests.harness.table import mutant_table, verdict_table
from tests.harness.verdict import InconclusiveError, SubjectDiedError, SubjectWrongError, Verdict

VERSION = 1
INCONCLUSIVE_STATUS = 6

_FOLDER = pytest.StashKey[Path]()
_LOCK = pytest.StashKey[IO[str]]()
_RESULTS = pytest.StashKey[list[Result]]()
_STARTED = pytest.StashKey[float]()
_PHASES = pytest.StashKey["_Phases"]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take the report's folder, and have pytest write junit.xml into it."""
    folder, lock = _take_folder(config.getoption("--report") or config.rootpath / "report")
    config.stash[_FOLDER], config.stash[_LOCK] = folder, lock
    config.stash[_RESULTS], config.stash[_STARTED] = [], time.time()
    if config.option.xmlpath is None:
        config.option.xmlpath = str(folder / "junit.xml")


def _take_folder(wanted: Path) -> tuple[Path, IO[str]]:
    """
    Return an emptied folder for this run and the lock on it; a run at the same time gets a folder with its id.
    """
    for folder in (wanted, wanted.with_name(f"{wanted.name}-{os.getpid()}")):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        for name in ("behaviours", "loopback"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in ("report.json", "junit.xml"):
            (folder / name).unlink(missing_ok=True)
        return folder, lock
    raise pytest.UsageError(f"--report: {wanted} is taken by another run")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Release the report's folder."""
    if _LOCK in config.stash:
        config.stash[_LOCK].close()


@pytest.fixture(scope="session")
def report_folder(request: pytest.FixtureRequest) -> Path:
    """The folder that this run's evidence goes to."""
    return request.config.stash[_FOLDER]


def evidence_file(item: pytest.Item) -> Path:
    """
    Return where the timeline of a behaviour is written.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{item.path.stem}-{item.name}").strip("-")
    return item.config.stash[_FOLDER] / "behaviours" / name / "timeline.jsonl"


def pytest_sessionstart() -> None:
    """Let SIGTERM take the environment down as Ctrl-C does."""

    def _interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, _interrupt)


@dataclass
class _Phases:
    """What the phases of one run of a behaviour said so far."""

    verdict: Verdict | None = None
    message: str = ""
    seconds: float = 0.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Turn the outcome of each phase of a behaviour into a verdict, and an explained failure into its words."""
    report: pytest.TestReport = yield
    run = run_of(item)
    if run is None:
        return report
    error = call.excinfo.value if call.excinfo else None
    if report.failed and isinstance(error, (InconclusiveError, SubjectDiedError, SubjectWrongError)):
        report.longrepr = str(error)
    phases = item.stash.setdefault(_PHASES, _Phases())
    phases.seconds += call.duration
    verdict = _verdict(report, error, control=run.mutant is not None)
    if verdict is not None:
        phases.verdict, phases.message = verdict, "" if error is None else str(error)
    if report.when == "teardown" and phases.verdict is Verdict.NOT_JUDGED:
        item.config.stash[NOT_JUDGED][item.nodeid] = phases.message
    elif report.when == "teardown" and phases.verdict:
        item.config.stash[_RESULTS].append(_result(item, run, phases, dict(report.user_properties)))
    return report


def _verdict(report: pytest.TestReport, error: BaseException | None, *, control: bool) -> Verdict | None:
    """
    Return the verdict that this phase decides, None where it decides nothing.
    """
    if report.when != "call":
        if report.skipped:
            return Verdict.NOT_JUDGED
        if not report.failed:
            return None
        return Verdict.CRASHED if control else Verdict.INCONCLUSIVE
    if report.skipped:
        return Verdict.CAUGHT if control else Verdict.KNOWN_FAILURE
    if report.passed:
        return Verdict.CONFORMANT
    if error is None:  # a strict xfail that passed
        return Verdict.SURVIVED if control else Verdict.MENDED
    if control:
        return Verdict.CRASHED
    wrong = isinstance(error, (AssertionError, SubjectDiedError))
    return Verdict.NONCONFORMANT if wrong else Verdict.INCONCLUSIVE


def _result(item: pytest.Item, run: Run, phases: _Phases, properties: dict[str, object]) -> Result:
    timeline = evidence_file(item)
    return Result(
        id=item.nodeid,
        file=item.path.name,
        behaviour=name_of(item),
        claim=claim_of(item),
        environment=run.environment,
        mutant=run.mutant.name if run.mutant else None,
        verdict=phases.verdict or Verdict.INCONCLUSIVE,
        measured=str(properties.get("measured", "")),
        message=phases.message,
        seconds=round(phases.seconds, 3),
        timeline=str(timeline.relative_to(item.config.stash[_FOLDER])) if timeline.exists() else "",
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write report.json, and let the verdicts decide between the exit statuses 0, 1 and 6."""
    results = session.config.stash[_RESULTS]
    inconclusive = [result for result in results if result.verdict is Verdict.INCONCLUSIVE]
    if exitstatus == pytest.ExitCode.TESTS_FAILED and session.testsfailed == len(inconclusive):
        session.exitstatus = INCONCLUSIVE_STATUS
    if results or session.config.stash[NOT_JUDGED]:
        _write_report(session, results)


def _write_report(session: pytest.Session, results: list[Result]) -> None:
    config = session.config
    subject = config.stash[SUBJECT]
    judged = [result for result in results if not result.mutant]
    document = {
        "version": VERSION,
        "verdict": overall([result.verdict for result in judged]),
        "exit_status": int(session.exitstatus),
        "started": datetime.fromtimestamp(config.stash[_STARTED], UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - config.stash[_STARTED], 1),
        "grpcio": grpc.__version__,
        "subject": {"name": subject.name, "language": subject.language, "tier": subject.tier},
        "promises": asdict(subject.promises),
        "unsupported": sorted(subject.unsupported),
        "behaviours": [asdict(result) for result in judged],
        "not_judged": config.stash[NOT_JUDGED],
        "negative_controls": [asdict(result) for result in results if result.mutant],
    }
    file = config.stash[_FOLDER] / "report.json"
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was judged, what caught which mutant, and where the evidence lies."""
    config = terminalreporter.config
    results, not_judged = config.stash[_RESULTS], config.stash[NOT_JUDGED]
    if not results:
        return
    judged = [result for result in results if not result.mutant]
    controls = [result for result in results if result.mutant]
    if judged:
        subject = config.stash[SUBJECT].name
        terminalreporter.section(f"{subject}: {overall([result.verdict for result in judged])}")
        terminalreporter.write_line(verdict_table(judged, not_judged))
    if controls:
        terminalreporter.section("mutants, and the behaviours that caught them")
        terminalreporter.write_line(mutant_table(controls))
    terminalreporter.write_line("")
    terminalreporter.write_line(f"evidence: {config.stash[_FOLDER]}{os.sep}")


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Say the verdict while the run goes on, where pytest would say xfailed."""
    if report.when == "call" and report.skipped and hasattr(report, "wasxfail"):
        control = "negative_control" in report.keywords
        return ("xfailed", "x", "CAUGHT" if control else "KNOWN FAILURE")
    return None
