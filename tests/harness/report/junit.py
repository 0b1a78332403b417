"""
junit.xml, written so that CI systems show a verdict for what it is.

pytest writes the file; here the cases of behaviours are rewritten: failure = the subject (or a control) is wrong,
error = it could not be judged, skipped = not judged, a known failure or a library property, and one sentence as its
message, with what pytest reports below. A negative control that was caught is a pass. What is not a behaviour stays as
pytest has it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from tests.harness.harmless import harmless
from tests.harness.price.bill import WORST_OUTAGE
from tests.harness.report.extent import coverage
from tests.harness.report.message import gist, reason
from tests.harness.report.result import Result
from tests.harness.report.wording import words
from tests.harness.world.verdict import Verdict

_OUTCOMES: Mapping[Verdict, type[Failure | Error | Skipped]] = {
    Verdict.NONCONFORMANT: Failure,
    Verdict.UNEXPECTEDLY_PASSING: Failure,
    Verdict.SURVIVED: Failure,
    Verdict.WRONG_REASON: Failure,
    Verdict.INCONCLUSIVE: Error,
    Verdict.CRASHED: Error,
    Verdict.KNOWN_FAILURE: Skipped,
    Verdict.LIBRARY_PROPERTY: Skipped,
    Verdict.NOT_JUDGED: Skipped,
}
"""A verdict that is not named passes."""

_WITHOUT_A_MESSAGE = {
    Verdict.UNEXPECTEDLY_PASSING: "a known failure that passes now: remove it from the subject's list",
    Verdict.SURVIVED: "the behaviour did not notice what is wrong with this mutant",
}

_LABELS = {"expected": "known", "seen": "observed", "remedy": "fix"}
"""What a member is called where people read it."""


def say_verdicts(file: Path, results: Iterable[Result], report: Mapping[str, Any]) -> None:
    """
    Rewrite the cases of these behaviours in a junit.xml of pytest's, and add those that were not judged.

    Verdict and counts of the run as a whole become properties of the suite. A run that was broken off, or of which
    nothing holds, is a separate error, as its cases alone would look right.
    """
    whole = JUnitXml.fromfile(str(file))
    (written,) = whole
    told = {_address(result.id): result for result in results}
    told_not = {_address(name): (name, reason) for name, reason in report["not_judged"].items()}
    cases, details = [], {}
    for case in written:
        address = (case.classname or "", case.name or "")
        if address in told or address in told_not:
            details[address] = "\n".join(outcome.text or "" for outcome in case.result)
        else:
            cases.append(case)
    cases += [_case(result, details.get(address, "")) for address, result in told.items()]
    cases += [_left_out(name, reason) for name, reason in told_not.values()]
    cases += _whole(report)
    # a new suite, as junitparser takes seconds to remove cases one by one: each is compared with all
    suite = TestSuite(written.name)
    suite.hostname, suite.timestamp = written.hostname, written.timestamp
    suite.add_testcases(cases)
    for name, value in _about(report).items():
        suite.add_property(name, harmless(str(value)))
    xml = JUnitXml(whole.name)
    xml.add_testsuite(suite)
    xml.write(str(file))


def _address(node_id: str) -> tuple[str, str]:
    """Return the class name and name that pytest gives the case of "tests/test_x.py::test_y[loopback]"."""
    path, bracket, parameters = node_id.partition("[")
    names = path.split("::")
    module = names[0].removesuffix(".py").replace("/", ".")
    return ".".join([module, *names[1:-1]]), harmless(names[-1] + bracket + parameters)


def _case(result: Result, details: str) -> TestCase:
    promise = result.file.removeprefix("test_").removesuffix(".py")
    name, where = words(result.behaviour), f"{result.environment}.{promise}"
    if result.mutant:
        name, where = f"{result.mutant} is caught by: {name}", f"{result.environment}.negative controls.{promise}"
    case = TestCase(harmless(name), harmless(where), result.seconds)
    case.append(_properties(result))
    kind = _OUTCOMES.get(result.verdict)
    if kind:
        case.append(
            _outcome(kind, _sentence(result), result.verdict, "\n".join([*_lines(result), "", details]).strip())
        )
    return case


def _left_out(name: str, reason: str) -> TestCase:
    _, function = _address(name)
    environment, _, own = function.partition("[")[2].rstrip("]").partition("-")
    behaviour = function.partition("[")[0] + (f"[{own}]" if own else "")
    promise = name.partition("::")[0].rpartition("/")[2].removeprefix("test_").removesuffix(".py")
    case = TestCase(harmless(words(behaviour)), harmless(f"{environment}.{promise}"), 0.0)
    case.append(_outcome(Skipped, f"not judged: {reason}", Verdict.NOT_JUDGED, ""))
    return case


def _whole(report: Mapping[str, Any]) -> Iterator[TestCase]:
    """Yield a case for the run itself if it could not judge the subject, and no behaviour shows that."""
    told = any(row["verdict"] == Verdict.INCONCLUSIVE for row in report["behaviours"])
    about_the_subject = report["behaviours"] or report["not_judged"]
    if report["broken_off"] or (report["reason"] and about_the_subject and not told):
        case = TestCase("the run as a whole", "run", 0.0)
        case.append(_outcome(Error, report["reason"], Verdict.INCONCLUSIVE, coverage(report)))
        yield case


def _about(report: Mapping[str, Any]) -> dict[str, object]:
    counts = report["counts"]
    return {
        "verdict": report["verdict"],
        "reason": report["reason"],
        **{name: counts[name] for name in ("applicable", "selected", "judged", "holds")},
        "left_out": ", ".join(f"{number} {word}" for word, number in counts["left_out"].items()),
        "selection": " ".join(report["selection"]),
        **_cost(report["price"]),
    }


def _cost(bill: Mapping[str, Any] | None) -> dict[str, object]:
    """Return what the run cost in figures that a CI system can compare."""
    if bill is None:
        return {}
    outages = [item["seconds"] for item in bill["items"] if item["what"] == WORST_OUTAGE]
    return {"calls_lost": bill["lost"], **({"worst_outage": outages[0]} if outages else {})}


def _outcome(
    kind: type[Failure | Error | Skipped], message: str, verdict: Verdict, text: str
) -> Failure | Error | Skipped:
    outcome = kind(harmless(message), harmless(verdict))
    if text:
        outcome.text = harmless(text)
    return outcome


def _sentence(result: Result) -> str:
    """Return what a CI system shows in its list: what was observed, without a traceback."""
    why = gist(result.message) if result.verdict is Verdict.WRONG_REASON else reason(vars(result))
    without = "" if result.message else _WITHOUT_A_MESSAGE.get(result.verdict)
    return without or why or str(result.verdict)


def _lines(result: Result) -> Iterator[str]:
    yield f"promise: {result.claim}"
    for name in ("expected", "measured", "bound", "seen", "cause", "remedy", "sureness", "message", "timeline"):
        if value := getattr(result, name):
            yield f"{_LABELS.get(name, name)}: {value}"


def _properties(result: Result) -> Properties:
    properties = Properties()
    for name in (
        "id",
        "verdict",
        "claim",
        "measured",
        "bound",
        "mutant",
        "environment",
        "timeline",
        "cause",
        "expected",
        "untested",
    ):
        if value := getattr(result, name):
            properties.add_property(Property(name, harmless(str(value))))
    return properties
