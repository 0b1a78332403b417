"""What the plugins make of behaviours: collection, verdicts, exit status and report, seen in runs of a small suite."""

import fcntl
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.behaviours.retry.mutants import RETRIES_TOO
from tests.harness.paths import ROOT
from tests.harness.report.folder import MARK
from tests.harness.subject.promises import CODES
from tests.unit.helpers.inner_run import HEAD, Outcome, run

RIGHT = (
    HEAD
    + '''
@pytest.mark.catches(PICK_FIRST, LYING)
def test_calls_go_round(orders, measured):
    """
    Calls go round
    over all replicas.

    Ten times.
    """
    measured("30 calls 10/10/10")
    assert orders.right

@pytest.mark.catches(*RETRIES_TOO, RETRIES_EVERYTHING)
def test_a_non_retryable_code_is_not_retried(orders, other_code):
    """A code that is not retryable is not retried."""
    assert orders.right

def test_of_the_suite_itself():
    assert True
'''
)

VERDICTS = (
    HEAD
    + '''
def test_wrong(orders):
    """The subject is wrong."""
    assert orders.name == "elsewhere"

def test_died(orders):
    """The subject dies."""
    raise SubjectDiedError("gateway died of signal 9")

def test_unclear(orders):
    """The environment gets nowhere."""
    raise InconclusiveError("the fault was not seen")

def test_broken(orders):
    """The suite has a mistake."""
    return 1 / 0

@pytest.fixture
def ready(orders):
    assert orders.name == "elsewhere", "an assert that is no judgement"

def test_not_set_up(ready):
    """The behaviour is never reached."""

def test_right(orders):
    """All is well."""
'''
)

BUSY = (
    HEAD
    + '''
@pytest.fixture
def late(orders):
    orders.timeline.record("suite late", seconds=0.9)
    return orders

def test_late(late):
    """It is seen by a suite that has no time."""
    assert late.right is None

def test_died(late):
    """The subject dies."""
    raise SubjectDiedError("gateway died of signal 9")

def test_right(late):
    """All is well."""
    assert late.right
'''
)


def _parameters(outcome: Outcome, behaviour: str) -> list[str]:
    lines = [line for line in outcome.output.splitlines() if f"::{behaviour}[" in line]
    return [line.partition("[")[2].partition("]")[0] for line in lines]


def test_each_behaviour_runs_in_each_environment_and_against_each_of_its_mutants(tmp_path: Path) -> None:
    """A behaviour is collected for the subject, and once more for each mutant, with a code only where that shows."""
    outcome = run(tmp_path, RIGHT, "--collect-only", "-q")
    others = [code for code in CODES if code != "UNAVAILABLE"]
    expected = {f"loopback-{code}" for code in others} | {f"loopback-retries_everything-{code}" for code in others}
    expected |= {f"loopback-{mutant.name}-{mutant.shows_with['code']}" for mutant in RETRIES_TOO}
    collected = _parameters(outcome, "test_a_non_retryable_code_is_not_retried")

    assert outcome.status == 0
    assert set(_parameters(outcome, "test_calls_go_round")) == {"loopback", "loopback-pick_first", "loopback-lying"}
    assert sorted(collected) == sorted(expected)
    assert "test_inner.py::test_of_the_suite_itself" in outcome.output


def test_a_right_subject_and_caught_mutants_pass_the_run(tmp_path: Path) -> None:
    """Exit status 0: each behaviour is conformant, each mutant caught; report.json and junit.xml say so."""
    outcome = run(tmp_path, RIGHT, "-m", "loopback", "-k", "go_round")
    (judged,) = outcome.report["behaviours"]
    cases = ET.parse(outcome.folder / "junit.xml").getroot().iter("testcase")  # noqa: S314, our own file

    assert outcome.status == outcome.report["exit_status"] == 0
    assert outcome.report["verdict"] == "conformant"
    assert (judged["behaviour"], judged["verdict"]) == ("test_calls_go_round", "conformant")
    assert (judged["claim"], judged["measured"]) == ("Calls go round over all replicas.", "30 calls 10/10/10")
    assert "completed" in (outcome.folder / judged["timeline"]).read_text(encoding="utf-8")
    assert set(outcome.controls.values()) == {"caught"}
    assert {mutant for _, mutant in outcome.controls} == {"pick_first", "lying"}
    assert {case.get("name") for case in cases} == {
        "calls go round",
        "pick_first is caught by: calls go round",
        "lying is caught by: calls go round",
    }
    assert (outcome.folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert f"report: {outcome.folder / 'report.html'}" in outcome.output.splitlines()


def test_negative_controls_can_be_chosen_while_another_run_has_the_report(tmp_path: Path) -> None:
    """With -m negative_control only mutants are met; a run beside another one has a report folder of its own."""
    taken = tmp_path / "report"
    taken.mkdir()
    with (taken / MARK).open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = run(tmp_path, RIGHT, "-m", "negative_control")
    (own,) = tmp_path.glob("report-*")

    assert outcome.status == 0
    assert f"evidence: {own}" in outcome.output
    assert [file.name for file in taken.iterdir()] == [MARK]
    assert Outcome(0, "", own).verdicts == {}
    assert len(Outcome(0, "", own).controls) == 2 + len(RETRIES_TOO) + 15


def test_an_assertion_is_a_verdict_and_beats_what_could_not_be_judged(tmp_path: Path) -> None:
    """Exit status 1: a subject that is wrong or dies is nonconformant, whatever else could not be judged."""
    outcome = run(tmp_path, VERDICTS)

    assert outcome.status == outcome.report["exit_status"] == 1
    assert outcome.report["verdict"] == "nonconformant"
    assert outcome.verdicts == {
        "test_wrong": "nonconformant",
        "test_died": "nonconformant",
        "test_unclear": "inconclusive",
        "test_broken": "inconclusive",
        "test_not_set_up": "inconclusive",
        "test_right": "conformant",
    }


def test_nothing_is_said_against_a_subject_while_the_machine_is_too_busy(tmp_path: Path) -> None:
    """What did not hold while the suite was late is inconclusive and says why; a death, and what holds, stay."""
    outcome = run(tmp_path, BUSY)
    message = {one["behaviour"]: one["message"] for one in outcome.report["behaviours"]}

    assert outcome.verdicts == {"test_late": "inconclusive", "test_died": "nonconformant", "test_right": "conformant"}
    assert "the machine was too busy: the suite itself woke 0.90 s late" in message["test_late"]
    assert "assert True is None" in message["test_late"]
    summary = outcome.output.partition("short test summary info")[2]
    assert re.search(r"INCONCLUSIVE \S+::test_late", summary)
    assert re.search(r"FAILS \S+::test_died", summary)


def test_what_cannot_be_judged_has_an_exit_status_of_its_own(tmp_path: Path) -> None:
    """Exit status 6: what explains itself is shown in words without a traceback, a mistake of the suite with one."""
    outcome = run(tmp_path, VERDICTS, "-k", "unclear or broken or not_set_up or right")
    message = {one["behaviour"]: one["message"] for one in outcome.report["behaviours"]}

    assert outcome.status == outcome.report["exit_status"] == 6
    assert outcome.report["verdict"] == "inconclusive"
    assert sorted(outcome.verdicts.values()) == ["conformant", *["inconclusive"] * 3]
    assert message["test_unclear"] == "the fault was not seen"
    assert "raise InconclusiveError" not in outcome.output
    assert "return 1 / 0" in outcome.output


def test_the_causes_of_a_run_stand_in_its_report(tmp_path: Path) -> None:
    """Behaviours that did not hold are counted by their cause, in report.json, and diagnosed above the table."""
    outcome = run(tmp_path, VERDICTS)
    (cause,) = outcome.report["causes"]

    assert cause["cause"] == "not known"
    assert len(cause["behaviours"]) == 2
    (diagnosis,) = outcome.report["diagnosis"]
    assert diagnosis["sentence"] == "Not known: no cause explains the 2 failures of this run"
    assert outcome.output.index(diagnosis["sentence"]) < outcome.output.index("promise: The subject is wrong.")


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file where the folder shall be is named with the reason, and nothing else goes wrong on the way out."""
    (tmp_path / "taken").write_text("", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n0",
        f"--report={tmp_path / 'taken'}",
        "tests/unit/harness/world/test_tally.py",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, our own pytest

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == f"ERROR: --report: {tmp_path / 'taken'} cannot be written: File exists"
