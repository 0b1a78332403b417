"""
From pytest's outcomes to verdicts: what each phase of a behaviour means, in the process that runs it.

The result travels on the report of the last phase, as a plain dict, so that it also gets here from a worker process.
"""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.causes.busy import too_busy
from tests.harness.causes.case import Case, Finding
from tests.harness.causes.explain import explain, find, unexplained
from tests.harness.causes.rules import Rule
from tests.harness.causes.settings import alike
from tests.harness.checks.check import CheckFailedError, broken
from tests.harness.evidence.history import History
from tests.harness.evidence.report_folder import evidence_path
from tests.harness.harmless import harmless
from tests.harness.plugin.accounts import accounted
from tests.harness.plugin.expected import as_expected, expected, with_expectation
from tests.harness.plugin.runs import Run
from tests.harness.plugin.selected import CORRELATION
from tests.harness.plugin.selection import SUBJECT, claim_of, name_of, run_of
from tests.harness.report.result import Result
from tests.harness.world.missed import Missed, missed_of
from tests.harness.world.serial import NONE, SERIAL
from tests.harness.world.verdict import (
    InconclusiveError,
    NeverConnectedError,
    SubjectDiedError,
    SubjectWrongError,
    Verdict,
)

FOLDER = pytest.StashKey[Path]()
"""Where this run's report and evidence go; set by place.py."""

EXPLAINED = {Verdict.NONCONFORMANT, Verdict.KNOWN_FAILURE, Verdict.LIBRARY_PROPERTY, Verdict.CAUGHT}
"""The verdicts that mean that something is wrong, and so get an explanation."""

ONLY_ARRIVALS = " (As far as arrivals show it: how the subject's calls end is not seen.)"

_PHASES = pytest.StashKey["_Phases"]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have the words of assertions plain: on a terminal pytest would colour them, in report.json too."""
    config.option.code_highlight = "no"


@dataclass
class _Phases:
    """The outcome of the phases of one run of a behaviour so far."""

    verdict: Verdict | None = None
    message: str = ""
    seconds: float = 0.0
    missed: tuple[Missed, ...] | None = None  # if an assertion decided: by how much bounds were missed, () if not time
    died: bool = False  # whether it is known that the gateway has exited by itself
    checked: Finding | None = None
    """What a check of every behaviour found: it counts, and a busy machine excuses nothing."""


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
    report.longrepr = _harmless(report.longrepr)
    report.user_properties, report.sections = _harmless(report.user_properties), _harmless(report.sections)
    phases = item.stash.setdefault(_PHASES, _Phases())
    phases.seconds += call.duration
    verdict = as_expected(item, verdict_of(report, error, control=run.mutant is not None))
    if verdict is not None:
        said = [] if error is None else [_words(error)]
        # what was wrong before a gateway died on the way out is worth reading, too
        said += [phases.message] if isinstance(error, SubjectDiedError) and phases.message else []
        phases.verdict, phases.message = verdict, "\n".join(said)
        phases.died |= isinstance(error, SubjectDiedError)
        phases.checked = error.finding if isinstance(error, CheckFailedError) else None
        judged = isinstance(error, AssertionError) and phases.checked is None
        phases.missed = missed_of(error) if judged else None
    if report.when == "teardown" and phases.verdict:
        result = _concluded(item, run, phases, dict(report.user_properties))
        if result.verdict is not phases.verdict and not report.failed:
            report.outcome, report.longrepr = "failed", result.message
        report.conformance = {**asdict(result), "verdict": str(result.verdict)}  # type: ignore[attr-defined]
    return report


def verdict_of(report: pytest.TestReport, error: BaseException | None, *, control: bool) -> Verdict | None:
    """Return the verdict that a phase decides, None if it decides nothing."""
    could_not_judge = Verdict.CRASHED if control else Verdict.INCONCLUSIVE
    if isinstance(error, SubjectDiedError) and not control:
        return Verdict.NONCONFORMANT  # in any phase
    counts = report.when == "call" or isinstance(error, NeverConnectedError)  # which comes before the behaviour itself
    if not counts or isinstance(error, pytest.skip.Exception):
        return Verdict.NOT_JUDGED if report.skipped else could_not_judge if report.failed else None
    if report.skipped:
        return Verdict.CAUGHT if control else Verdict.KNOWN_FAILURE
    if report.passed:
        return Verdict.CONFORMANT
    if error is None:  # a strict xfail that passed
        return Verdict.SURVIVED if control else Verdict.UNEXPECTEDLY_PASSING
    wrong = not control and isinstance(error, AssertionError)
    return Verdict.NONCONFORMANT if wrong else could_not_judge


def _harmless(value: Any) -> Any:  # noqa: ANN401, pytest's own objects, which have no type in common
    """Return what pytest prints of a failure, or writes into junit.xml, with every text in it harmless."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_harmless, value))
    if hasattr(value, "toterminal"):
        for name, member in vars(value).items():
            setattr(value, name, _harmless(member))
    return value


def is_dead(item: pytest.Item) -> bool:
    """Say whether a behaviour has already reported that the gateway exited by itself."""
    phases = item.stash.get(_PHASES, None)
    return phases is not None and phases.died


def _words(error: BaseException) -> str:
    return "\n".join([str(error) or type(error).__name__, *getattr(error, "__notes__", [])])


def _result(item: pytest.Item, run: Run, phases: _Phases, properties: dict[str, object]) -> Result:
    timeline = evidence_file(item)
    return Result(
        id=item.nodeid.partition("@")[0],  # xdist adds @group
        file=item.path.name,
        behaviour=name_of(item),
        claim=claim_of(item) + (ONLY_ARRIVALS if _is_judged_by_arrivals(item) else ""),
        environment=run.environment,
        mutant=run.mutant.name if run.mutant else None,
        verdict=phases.verdict or Verdict.INCONCLUSIVE,
        measured=str(properties.get("measured", "")),
        bound=str(properties.get("bound", "")),
        message=phases.message,
        seconds=round(phases.seconds, 3),
        timeline=str(timeline.relative_to(item.config.stash[FOLDER])) if timeline.exists() else "",
    )


def _is_judged_by_arrivals(item: pytest.Item) -> bool:
    """Say whether each attempt is taken for a call."""
    untold = item.config.stash[CORRELATION] in {SERIAL, NONE} and item.get_closest_marker("by_arrivals") is not None
    return untold or item.config.stash[SUBJECT].front == "self"


def _concluded(item: pytest.Item, run: Run, phases: _Phases, properties: dict[str, object]) -> Result:
    """Return the result of all phases, with why it failed and what was expected."""
    result = _result(item, run, phases, properties)
    result = explained(item, run, result, missed=phases.missed, checked=phases.checked)
    return with_expectation(item, accounted(item, run, result, evidence_file(item)), item.config.stash[SUBJECT])


def explained(
    item: pytest.Item,
    run: Run,
    result: Result,
    *,
    missed: Sequence[Missed] | None,
    checked: Finding | None = None,
) -> Result:
    """
    Add why it failed, by its timeline; for a mutant that was caught the true cause must be named.

    An assertion that `missed` bounds by no more than a busy machine took does not count against the subject. What a
    check found, `checked`, names its cause itself. A known failure whose cause is another than the known one counts.
    """
    if result.verdict not in EXPLAINED or not result.timeline:
        return result
    subject = item.config.stash[SUBJECT]
    first = [rule for mark in item.iter_markers("explained_by") for rule in mark.args]
    try:
        case = Case(History.read(evidence_file(item)), subject.promises, subject.unsupported)
        result = _as_known(item, result, case, [lambda _: checked, *first], checked)
        if missed is not None and result.verdict is Verdict.NONCONFORMANT:
            result, checked = _judged_again(result, case, missed)
            if result.verdict is Verdict.INCONCLUSIVE:
                return result
        found = explain(case, subject.settings_language, [lambda _: checked, *first])
    except Exception as error:  # noqa: BLE001, a bug in a rule must not cost the verdict; controls reveal it
        found = unexplained(f"the rules that look for a cause failed: {error!r}")
    result = replace(result, **asdict(found.about(subject.judged_method)))
    if run.mutant and not run.mutant.rightly_named(found.suspects, run.environment, alike(run.mutant.cause)):
        named = " or ".join(found.suspects) or "none"
        message = f"caught for the wrong reason: cause named {named}, true cause {run.mutant.cause}; seen: {found.seen}"
        return replace(result, verdict=Verdict.WRONG_REASON, message=message)
    return result


def _as_known(item: pytest.Item, result: Result, case: Case, first: Sequence[Rule], checked: Finding | None) -> Result:
    """Return a failure that is known as one that counts if its cause is another than the known one."""
    known = expected(item)
    if known is None or result.verdict not in {Verdict.KNOWN_FAILURE, Verdict.LIBRARY_PROPERTY}:
        return result
    other = known.another_cause(find(case, first).suspects, checked)
    message = f"{other}\n{result.message}"
    return replace(result, verdict=Verdict.NONCONFORMANT, message=message) if other else result


def _judged_again(result: Result, case: Case, missed: Sequence[Missed]) -> tuple[Result, Finding | None]:
    """Return a failure with what a busy machine means for it, and what a check found, which no such machine excuses."""
    busy = too_busy(case, missed)
    if not busy.words:
        return result, None
    failed = broken(case) if busy.excuses else None  # such as a machine that the gateway itself keeps busy
    verdict = Verdict.INCONCLUSIVE if busy.excuses and failed is None else result.verdict
    message = f"{result.message}\n{failed or busy.words}"
    return replace(result, verdict=verdict, message=message), failed.finding if failed else None


def explained_later(config: pytest.Config, result: Result) -> Result:
    """Add why it failed to a result that became a failure after its report, by what was added to its timeline."""
    if result.verdict is not Verdict.NONCONFORMANT or not result.timeline:
        return result
    subject = config.stash[SUBJECT]
    try:
        case = Case(History.read(config.stash[FOLDER] / result.timeline), subject.promises, subject.unsupported)
        found = explain(case, subject.settings_language)
    except Exception as error:  # noqa: BLE001, as above
        found = unexplained(f"the rules that look for a cause failed: {error!r}")
    return replace(result, **asdict(found.about(subject.judged_method)))
