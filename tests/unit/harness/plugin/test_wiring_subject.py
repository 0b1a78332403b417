"""What the plugins make of a subject file: what is not judged, known failures, mistakes; in runs of a small suite."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.unit.helpers.inner_run import HEAD, run

APPLIES = (
    HEAD
    + '''
@pytest.mark.feature("client-health-checking")
def test_health(orders):
    """It honours health."""

@pytest.mark.promised("round_robin")
def test_even(orders):
    """It is even."""

@pytest.mark.gateway(CALL_TIMEOUT_MS="100")
def test_configured(orders):
    """It can be configured."""

@pytest.fixture
def told(orders):
    pytest.skip("its replies tell no code")

def test_told(told):
    """It tells codes."""

@pytest.mark.catches(LYING)
@pytest.mark.promised("retries")
def test_backoff_grows(orders):
    """Backoff grows."""
    assert "KNOWN" in orders.subject.environment, "it does not grow"

def test_unclear(orders):
    """The environment gets nowhere."""
    raise InconclusiveError("the fault was not seen")

def test_served(orders):
    """Orders are served."""

def test_of_the_suite_itself():
    assert True
'''
)

INNER = "test_inner.py::test_"
OUTSIDE = """
[subject]
name = "outside"
[loopback]
command = ["./gateway"]
[promises]
policy = "pick_first"
[features]
unsupported = ["client-health-checking"]
[known_failures]
"test_inner.py::test_backoff_grows" = "fixed backoff, issue 123"
"""


WITH_ONE_KNOWN = {"test_backoff_grows": "known failure", "test_served": "conformant"}


@pytest.mark.parametrize(
    ("options", "status", "verdicts"),
    [
        (["-k", "not unclear"], 0, WITH_ONE_KNOWN),
        (["-n2"], 6, {**WITH_ONE_KNOWN, "test_unclear": "inconclusive"}),
    ],
    ids=["here", "in workers"],
)
def test_what_does_not_apply_is_not_judged_and_says_why(
    tmp_path: Path, options: list[str], status: int, verdicts: dict[str, str]
) -> None:
    """For a subject from outside only what it promises runs; a known failure passes the run, the rest is listed."""
    outcome = run(tmp_path, APPLIES, *options, subject=OUTSIDE)
    reasons = {name.partition("::")[2]: why for name, why in outcome.report["not_judged"].items()}
    cases = ET.parse(outcome.folder / "junit.xml").getroot().iter("testcase")  # noqa: S314, our own file

    assert outcome.status == outcome.report["exit_status"] == status
    assert outcome.verdicts == verdicts
    assert outcome.controls == {}
    assert reasons.pop("test_told[loopback]").endswith("its replies tell no code")
    assert reasons == {
        "test_health[loopback]": "client-health-checking is unsupported",
        "test_even[loopback]": "the subject does not promise round_robin",
        "test_configured[loopback]": "needs a configurable gateway (tier 2); the subject is a black box (tier 1)",
    }
    assert {case.get("name") for case in cases} == {
        *(name.removeprefix("test_").replace("_", " ") for name in verdicts),
        *("told", "health", "even", "configured"),
    }


def test_a_known_failure_that_passes_fails_the_run(tmp_path: Path) -> None:
    """Exit status 1: the list of known failures cannot rot."""
    outcome = run(tmp_path, APPLIES, "-k", "backoff", subject=OUTSIDE + '[environment]\nKNOWN = "yes"\n')

    assert outcome.status == 1
    assert outcome.verdicts == {"test_backoff_grows": "unexpectedly passing"}


@pytest.mark.parametrize(("variables", "verdict"), [("", "known failure"), ('KNOWN = "yes"', "unexpectedly passing")])
def test_known_failures_of_a_file_of_their_own_are_strict_too(tmp_path: Path, variables: str, verdict: str) -> None:
    """--known-failures adds to the subject file's: what fails is expected, what passes fails the run."""
    subject, _, known = OUTSIDE.partition("[known_failures]")
    (tmp_path / "known.toml").write_text(known, encoding="utf-8")
    subject = f"{subject}\n[environment]\n{variables}\n"
    outcome = run(tmp_path, APPLIES, "-k", "backoff or served", "--known-failures=known.toml", subject=subject)

    assert outcome.verdicts == {"test_backoff_grows": verdict, "test_served": "conformant"}
    assert outcome.status == (verdict == "unexpectedly passing")


@pytest.mark.parametrize("known", ["test_health", "test_told"])
def test_a_known_failure_that_this_run_leaves_out_is_no_mistake(tmp_path: Path, known: str) -> None:
    """A known failure may name a behaviour that does not apply, or one that -k leaves out."""
    subject = f'{OUTSIDE}"{INNER.removesuffix("test_")}{known}" = "another issue"\n'

    assert run(tmp_path, APPLIES, "-k", "backoff or health or served", subject=subject).status == 0


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (
            OUTSIDE.replace("test_backoff_grows", "test_backof_grows"),
            f"[known_failures] '{INNER}backof_grows' is not a behaviour; did you mean '{INNER}backoff_grows'?",
        ),
        ("[subjct]", "subject.toml: unknown section: 'subjct'; did you mean 'subject'?"),
    ],
)
def test_a_mistake_in_the_subject_file_is_one_line(tmp_path: Path, subject: str, words: str) -> None:
    """Exit status 4: the line says what is wrong and what was probably meant, without a traceback."""
    outcome = run(tmp_path, APPLIES, subject=subject)

    assert outcome.status == 4
    assert [line for line in outcome.output.splitlines() if line.startswith("ERROR")] == [f"ERROR: {words}"]
    assert "Traceback" not in outcome.output
