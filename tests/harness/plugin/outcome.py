"""
From pytest's outcomes to verdicts: what each phase of a behaviour means, in the process that runs it.

The result travels on the report of the last phase, as a plain dict, so that it also gets here from a worker process.
"""

from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.causes.busy import too_busy
from tests.harness.causes.case import Case
from tests.harness.causes.explain import explain, unexplained
from tests.harness.evidence.history import History
from tests.harness.evidence.report_folder import evidence_path
from tests.harness.plugin.runs import Run
from tests.harness.plugin.selection import SUBJECT, claim_of, name_of, run_of
from tests.harness.report.result import Result
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectWrongError, Verdict

FOLDER = pytest.StashKey[Path]()
"""Where this run's report and evidence go; set by reporting.py."""

PROGRESS = ".progress"
"""The folder in it where the processes of a run note what they wait for; see progress.py."""

EXPLAINED = {Verdict.NONCONFORMANT, Verdict.KNOWN_FAILURE, Verdict.CAUGHT}
"""The verdicts that mean that something is wrong, and so get an explanation."""

_PHASES = pytest.StashKey["_Phases"]()


@dataclass
class _Phases:
    """The outcome of the phases of one run of a behaviour so far."""

    verdict: Verdict | None = None
    message: str = ""
    seconds: float = 0.0
    judged: bool = False  # whether an assertion decided


def evidence_file(item: pytest.Item) -> Path:
    """Return where the timeline of a behaviour is written."""
    return item.config.stash[FOLDER] / evidence_path(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Turn the outcome of each phase of a behaviour into a verdict, and an explained failure into its message."""
    report: pytest.TestReport = yield
    run = run_of(item)
    if run is None or run.control:
        return report  # acquittal.py decides on the latter
    error = call.excinfo.value if call.excinfo else None
    if run.mutant and isinstance(error, pytest.skip.Exception):
        # nothing judged the mutant: that must not pass
        report.outcome, report.longrepr = "failed", f"the negative control was not run: {error}"
    if report.failed and isinstance(error, (InconclusiveError, SubjectDiedError, SubjectWrongError)):
        report.longrepr = _words(error)
    phases = item.stash.setdefault(_PHASES, _Phases())
    phases.seconds += call.duration
    verdict = verdict_of(report, error, control=run.mutant is not None)
    if verdict is not None:
        phases.verdict, phases.message = verdict, "" if error is None else _words(error)
        phases.judged = isinstance(error, AssertionError)
    if report.when == "teardown" and phases.verdict:
        result = _result(item, run, phases, dict(report.user_properties))
        result = explained(item, run, result, judged=phases.judged)
        if result.verdict is Verdict.WRONG_REASON and not report.failed:
            report.outcome, report.longrepr = "failed", result.message
        report.conformance = {**asdict(result), "verdict": str(result.verdict)}  # type: ignore[attr-defined]
    return report


def verdict_of(report: pytest.TestReport, error: BaseException | None, *, control: bool) -> Verdict | None:
    """Return the verdict that a phase decides, None if it decides nothing."""
    could_not_judge = Verdict.CRASHED if control else Verdict.INCONCLUSIVE
    if report.when != "call" or isinstance(error, pytest.skip.Exception):
        return Verdict.NOT_JUDGED if report.skipped else could_not_judge if report.failed else None
    if report.skipped:
        return Verdict.CAUGHT if control else Verdict.KNOWN_FAILURE
    if report.passed:
        return Verdict.CONFORMANT
    if error is None:  # a strict xfail that passed
        return Verdict.SURVIVED if control else Verdict.UNEXPECTEDLY_PASSING
    wrong = not control and isinstance(error, (AssertionError, SubjectDiedError))
    return Verdict.NONCONFORMANT if wrong else could_not_judge


def _words(error: BaseException) -> str:
    return "\n".join([str(error) or type(error).__name__, *getattr(error, "__notes__", [])])


def _result(item: pytest.Item, run: Run, phases: _Phases, properties: dict[str, object]) -> Result:
    timeline = evidence_file(item)
    return Result(
        id=item.nodeid.partition("@")[0],  # xdist adds @group
        file=item.path.name,
        behaviour=name_of(item),
        claim=claim_of(item),
        environment=run.environment,
        mutant=run.mutant.name if run.mutant else None,
        verdict=phases.verdict or Verdict.INCONCLUSIVE,
        measured=str(properties.get("measured", "")),
        bound=str(properties.get("bound", "")),
        message=phases.message,
        seconds=round(phases.seconds, 3),
        timeline=str(timeline.relative_to(item.config.stash[FOLDER])) if timeline.exists() else "",
    )


def explained(item: pytest.Item, run: Run, result: Result, *, judged: bool) -> Result:
    """
    Add why it failed, by its timeline; for a mutant that was caught the true cause must be named.

    A failure that was `judged` while the machine was too busy does not count against the subject.
    """
    if result.verdict not in EXPLAINED or not result.timeline:
        return result
    subject = item.config.stash[SUBJECT]
    first = [rule for mark in item.iter_markers("explained_by") for rule in mark.args]
    try:
        case = Case(History.read(evidence_file(item)), subject.promises)
        if judged and result.verdict is Verdict.NONCONFORMANT and (busy := too_busy(case)):
            return replace(result, verdict=Verdict.INCONCLUSIVE, message=f"{result.message}\n{busy}")
        found = explain(case, subject.language, first)
    except Exception as error:  # noqa: BLE001, a bug in a rule must not cost the verdict; controls reveal it
        found = unexplained(f"the rules that look for a cause failed: {error!r}")
    result = replace(result, **asdict(found))
    if run.mutant and not run.mutant.rightly_named(found.suspects, run.environment):
        named = " or ".join(found.suspects) or "none"
        message = f"caught for the wrong reason: cause named {named}, true cause {run.mutant.cause}; seen: {found.seen}"
        return replace(result, verdict=Verdict.WRONG_REASON, message=message)
    return result
