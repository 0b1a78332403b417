"""How a run may end, and what becomes of it: exit status, report, page, junit.xml and badge agree."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from junitparser import Error, JUnitXml

from tests.unit.helpers.inner_run import HEAD, Outcome, run

SIX = (
    HEAD
    + "import os, signal, time\n"
    + "".join(f'\ndef test_{name}(orders):\n    """It holds."""\n' for name in ("a", "b", "c", "d"))
)
"""Four behaviours that hold; two more are added, of which the first ends the run in some way."""

LAST = '\ndef test_z(orders):\n    """It holds."""\n'

BREAKS = """
def test_e(orders, request):
    '''It ends the run.'''
    request.config.pluginmanager.register(type("P", (), {"pytest_runtest_logfinish": lambda self: 1 / 0})())
"""


MANY = "".join(f'\ndef test_{number}(orders):\n    """It holds."""\n    time.sleep(0.1)\n' for number in range(40))
"""More than two workers are given at once."""


def ends(statement: str) -> str:
    """Return the suite, its fifth behaviour with this statement."""
    return SIX + f"\ndef test_e(orders):\n    '''It ends the run.'''\n    {statement}\n" + LAST


@dataclass(frozen=True)
class Way:
    """A way to end early: the suite, options, the exit status, and what is named as the reason."""

    suite: str
    options: tuple[str, ...]
    status: int
    why: str
    number: int = 6


WAYS = {
    "ctrl-c": Way(ends("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)"), (), 2, "interrupted"),
    "sigterm": Way(ends("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)"), (), 2, "interrupted"),
    "sigterm, with workers": Way(ends("os.kill(os.getppid(), signal.SIGTERM)"), ("-n2",), 2, "interrupted"),
    "internal error": Way(SIX + BREAKS + LAST, (), 3, "internal error of the suite"),
    "internal error in a worker": Way(SIX + BREAKS + LAST, ("-n2",), 3, "internal error of the suite"),
    "lost worker, no other": Way(
        ends("os.kill(os.getpid(), signal.SIGKILL)") + MANY, ("-n2", "--max-worker-restart=0"), 6, "without a", 46
    ),
    "-x": Way(ends("raise InconclusiveError('no')"), ("-x",), 6, "stopped by -x"),
    "-x, with workers": Way(ends("time.sleep(1); raise InconclusiveError('no')"), ("-x", "-n2"), 6, ""),
    "maxfail": Way(ends("assert 1 == 2"), ("--maxfail=1", "-x"), 1, "stopped by -x"),
    "exit": Way(ends("pytest.exit('enough', returncode=9)"), (), 9, "exit status 9"),
}


def errors(outcome: Outcome) -> dict[str, str]:
    """Return the messages of what could not be judged, by the name of the case in junit.xml."""
    cases = [case for suite in JUnitXml.fromfile(str(outcome.folder / "junit.xml")) for case in suite]
    return {str(case.name): str(each.message) for case in cases for each in case.result if isinstance(each, Error)}


def badge(outcome: Outcome) -> str:
    """Return what stands on the badge."""
    return str(json.loads((outcome.folder / "badge.json").read_text(encoding="utf-8"))["message"])


@pytest.mark.parametrize("name", WAYS)
def test_a_run_that_did_not_come_to_its_end_is_never_conformant(tmp_path: Path, name: str) -> None:
    """It is inconclusive, or nonconformant if something was wrong by then; all that it leaves says how far it came."""
    way = WAYS[name]
    outcome = run(tmp_path, way.suite, "-p", "no:randomly", *way.options)
    report = outcome.report
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")

    assert outcome.status == report["exit_status"] == way.status
    assert report["verdict"] == ("nonconformant" if way.status == 1 else "inconclusive")
    assert report["counts"]["applicable"] == report["counts"]["selected"] == way.number
    assert way.why in report["broken_off"]
    assert f"reference gateway: {report['verdict']}" in outcome.output
    assert report["reason"] in " ".join(outcome.output.split())
    assert report["verdict"] in badge(outcome)
    if report["broken_off"]:
        ended = len(report["behaviours"])
        assert report["reason"] == f"broken off after {ended} of {way.number}: {report['broken_off']}"
        assert report["reason"] in page
        assert f"broken off after {ended} of {way.number}" in badge(outcome)
        assert errors(outcome)["the run as a whole"] == report["reason"]


def test_a_behaviour_whose_worker_was_lost_could_not_be_judged(tmp_path: Path) -> None:
    """The others are judged by another worker; exit status 6, although pytest counts a failure."""
    outcome = run(tmp_path, ends("os.kill(os.getpid(), signal.SIGKILL)"), "-n2")
    (lost,) = [row for row in outcome.report["behaviours"] if row["verdict"] == "inconclusive"]

    assert outcome.status == outcome.report["exit_status"] == 6
    assert len(outcome.verdicts) == 6
    assert (lost["behaviour"], lost["environment"]) == ("test_e", "loopback")
    assert lost["message"].startswith("the process that judged it was lost: worker gw")
    assert outcome.report["reason"] == "1 of 6 could not be judged"
    assert "the run as a whole" not in errors(outcome)


def test_a_behaviour_that_could_not_be_judged_twice_counts_once(tmp_path: Path) -> None:
    """Inconclusive in itself and again on the way out: exit status 6, not 1."""
    twice = "@pytest.fixture\ndef bad(orders):\n    yield\n    raise InconclusiveError('again')\n"
    outcome = run(tmp_path, SIX + twice + "def test_e(bad):\n    '''It is.'''\n    raise InconclusiveError('no')\n")

    assert "1 failed, 4 passed, 1 error" in outcome.output
    assert outcome.status == outcome.report["exit_status"] == 6
    assert outcome.report["counts"] == {"applicable": 5, "selected": 5, "judged": 4, "holds": 4, "left_out": {}}


SUBJECT = """
[subject]
name = "outside"
[loopback]
command = ["./gateway"]
[promises]
policy = "pick_first"
"""
KNOWN = """
[known_failures]
"test_inner.py::test_wrong" = "issue 1"
"""

NOTHING_HOLDS = {
    "skipped": (
        "def test_told(orders):\n    '''It tells.'''\n    pytest.skip('its replies tell no code')\n",
        "nothing was judged, 1 left out: 1 skipped at run time",
    ),
    "not promised": (
        "@pytest.mark.promised('round_robin')\ndef test_even(orders):\n    '''It is even.'''\n",
        "nothing was judged, 1 left out: 1 not promised",
    ),
    "known failures": (
        "def test_wrong(orders):\n    '''It is right.'''\n    assert 1 == 2\n",
        "no behaviour holds, all that were judged are known failures",
    ),
}


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["here", "in workers"])
@pytest.mark.parametrize("name", NOTHING_HOLDS)
def test_a_run_of_which_nothing_holds_is_inconclusive_and_says_why(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    """Exit status 6 and a report, where pytest alone would end with 0 or 5 and leave nothing."""
    suite, reason = NOTHING_HOLDS[name]
    outcome = run(tmp_path, HEAD + suite, *options, subject=SUBJECT + KNOWN * (name == "known failures"))

    assert outcome.status == outcome.report["exit_status"] == 6
    assert (outcome.report["verdict"], outcome.report["reason"]) == ("inconclusive", reason)
    assert "= outside: inconclusive" in outcome.output
    assert reason in " ".join(outcome.output.split())
    assert errors(outcome) == {"the run as a whole": reason}
    assert badge(outcome).startswith("inconclusive, 0 of ")


FULL = {
    "report": ("from tests.harness.report import report_json as place", "place.render", "No space left on device", 6),
    "junit": ("from tests.harness.plugin import place", "place.LogXML.pytest_sessionfinish", "No space left", 6),
    "a bug": ("from tests.harness.plugin import reporting as place", "place.say_verdicts", "which is a bug", 3),
}


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("right", [True, False])
def test_trouble_at_the_end_is_one_line_and_never_against_the_subject(
    tmp_path: Path, name: str, *, right: bool
) -> None:
    """A full disk makes a conformant run inconclusive, a bug of ours an internal error; a wrong subject stays wrong."""
    imports, place, words, status = FULL[name]
    error = "KeyError('x')" if name == "a bug" else "OSError(28, 'No space left on device')"
    full = f"    {imports}\n    def full(*_):\n        raise {error}\n    {place} = full\n    assert {right}\n"
    outcome = run(tmp_path, SIX + f"def test_e(orders):\n    '''It fills the disk.'''\n{full}")
    lines = [line for line in outcome.output.splitlines() if line.startswith("ERROR: ")]

    assert outcome.status == (status if right else 1)
    assert [words in line for line in lines] == [True]
    assert "Traceback" not in outcome.output
    assert outcome.output.splitlines()[-1].startswith("====")
    if name == "report":
        assert not (outcome.folder / "report.json").exists()
    elif right:
        assert outcome.report["verdict"] == "inconclusive"
        assert f"ERROR: {outcome.report['reason']}" == lines[0]


def test_a_summary_that_breaks_is_no_verdict(tmp_path: Path) -> None:
    """A bug in what is printed at the end ends with 3, after the report was written."""
    bug = "    from tests.harness.plugin import reporting\n    reporting.verdict_table = None\n"
    outcome = run(tmp_path, SIX + f"def test_e(orders):\n    '''It breaks the table.'''\n{bug}")

    assert outcome.status == 3
    assert "ERROR: the summary cannot be printed, which is a bug of the suite: TypeError" in outcome.output
    assert outcome.output.splitlines()[-1].startswith("====")
