"""junit.xml as CI systems read it, in runs of a small suite."""

from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from tests.unit.helpers.every_verdict import SUITE
from tests.unit.helpers.inner_run import run

SUBJECT = """
[subject]
name = "outside"
[loopback]
command = ["./gateway"]
[known_failures]
"test_inner.py::test_right" = "issue 123"
"test_inner.py::test_wrong" = "issue 124"
"""


def _cases(folder: Path, *options: str, subject: str = "") -> dict[str, TestCase]:
    outcome = run(folder, SUITE, *options, subject=subject)
    return {str(case.name): case for suite in JUnitXml.fromfile(str(outcome.folder / "junit.xml")) for case in suite}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TestCase]:
    """Return the cases of a run of the suite above, by name."""
    return _cases(tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("wrong", Failure, "attempts \\x1b \\ud800 <b>"),
        ("unworded", Failure, "measured: attempts [3, 3]; bound: 1 each"),
        ("died", Failure, "gateway died of signal 9"),
        ("unclear", Error, "the fault was not seen"),
        ("broken", Error, "division by zero"),
        ("lying is caught by: survived", Failure, "the behaviour did not notice what is wrong with this mutant"),
        ("lying is caught by: crashed", Error, "broken"),
        ("not told", Skipped, "not judged: its replies tell no code"),
    ],
)
def test_each_verdict_has_its_kind_and_one_sentence(
    cases: dict[str, TestCase], name: str, kind: type[Failure | Error | Skipped], message: str
) -> None:
    """Failure for what is wrong, error for what could not be judged, skipped for what was not; no traceback."""
    (outcome,) = cases[name].result

    assert isinstance(outcome, kind)
    assert outcome.message is not None
    assert outcome.message.removeprefix("Skipped: ").endswith(message)
    assert "\n" not in outcome.message


def test_what_holds_and_what_is_caught_pass(cases: dict[str, TestCase]) -> None:
    """Neither a failure nor skipped: a mutant that was caught is what was wanted."""
    assert cases["right"].is_passed
    assert cases["pick_first is caught by: caught: ABORTED"].is_passed


def test_a_case_says_where_what_and_how_much(cases: dict[str, TestCase]) -> None:
    """Its class is environment and promise; measure, bound, mutant and pytest's own id are properties."""
    right, control = cases["right"], cases["pick_first is caught by: caught: ABORTED"]

    assert (right.classname, control.classname) == ("loopback.inner", "loopback.negative controls.inner")
    assert _properties(right) == {
        "id": "test_inner.py::test_right[loopback]",
        "verdict": "conformant",
        "claim": "All is well.",
        "measured": "attempts [1, 1]",
        "bound": "1 each",
        "environment": "loopback",
        "timeline": "behaviours/test_inner-test_right-loopback/timeline.jsonl",
    }
    assert _properties(control)["mutant"] == "pick_first"


def _properties(case: TestCase) -> dict[str, str]:
    pairs = [(node.get("name"), node.get("value")) for node in case._elem.iter("property")]
    assert len(pairs) == len(dict(pairs))
    return {str(name): str(value) for name, value in pairs}


def test_the_details_stand_below_the_sentence(cases: dict[str, TestCase]) -> None:
    """The promise, the measure, the whole message with its values; for a mistake of the suite the traceback too."""
    wrong, broken, unworded = (cases[name].result[0].text for name in ("wrong", "broken", "unworded"))

    assert wrong is not None
    assert broken is not None
    assert wrong.startswith("promise: The subject is right.\nmeasured: attempts [3, 3]")
    assert "more of it" in wrong
    assert "return 1 / 0" in broken
    assert "message: assert [3, 3] == [1, 1]" in str(unworded)


def test_what_is_no_behaviour_stays_as_pytest_has_it(cases: dict[str, TestCase]) -> None:
    """A test of the suite itself keeps its name and outcome."""
    (outcome,) = cases["test_of_the_suite_itself"].result

    assert isinstance(outcome, Skipped)
    assert outcome.message == "of the suite itself"


def test_a_known_failure_is_skipped_and_one_that_holds_fails(tmp_path: Path) -> None:
    """What the subject's file lists does not fail the build until it passes; what is left out is skipped."""
    cases = _cases(tmp_path, "-k", "right or wrong or configured", subject=SUBJECT)
    (known,), (passing,), (left_out,) = (cases[name].result for name in ("wrong", "right", "configured"))

    assert (type(known), known.type) == (Skipped, "known failure")
    assert (type(passing), passing.message) == (
        Failure,
        "a known failure that passes now: remove it from the subject's list",
    )
    assert (type(left_out), left_out.type) == (Skipped, "not judged")
    assert left_out.message == "not judged: needs a configurable gateway (tier 2); the subject is a black box (tier 1)"


def test_the_counts_agree_with_the_cases(tmp_path: Path) -> None:
    """Tests, failures, errors and skipped of the suite are those of its cases."""
    outcome = run(tmp_path, SUITE, "-k", "wrong or unclear or broken or not_told or caught")
    suite = next(iter(JUnitXml.fromfile(str(outcome.folder / "junit.xml"))))

    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (len(list(suite)), 1, 2, 1)
    assert suite.tests == 4 + 2 * 15
