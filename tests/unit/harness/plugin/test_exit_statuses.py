"""The table of exit statuses in docs/reference/reports.md: each of its rows happens here as it says."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.paths import REFERENCE_DOCS
from tests.harness.report.ending import INCONCLUSIVE
from tests.unit.helpers.inner_run import HEAD, run
from tests.unit.helpers.saved_report import result, save

SUITE = (
    HEAD
    + '''
import os, signal, time

def test_even(orders):
    """Calls are even."""

@pytest.mark.promised("round_robin")
def test_turns(orders):
    """Calls take turns."""

def test_own():
    pass
'''
)
FAILS = "\ndef test_fails(orders):\n    '''It holds.'''\n    assert 1 == 2\n"
DIES = """
def test_dies(orders):
    '''It survives.'''
    raise SubjectDiedError('gateway exited with status 70')
"""
ENDS = "\ndef test_z(orders):\n    '''It ends.'''\n    {}\n"
FULL = """from tests.harness.report import report_json
    def full(*_):
        raise OSError(28, 'No space left on device')
    report_json.render = full"""
SURVIVES = "\n@pytest.mark.catches(LYING)\ndef test_lying(orders):\n    '''It tells the truth.'''\n"

SUBJECT = '[subject]\nname = "outside"\n[loopback]\ncommand = ["./gateway"]\n[promises]\npolicy = "pick_first"\n'
KNOWN = '[known_failures]\n"test_inner.py::test_{}" = "issue 1"\n'

CANNOT_START = "import pytest\ndef pytest_sessionstart():\n    raise pytest.UsageError('no Docker here')\n"
BREAKS = "def pytest_runtest_logfinish():\n    1 / 0\n"


@dataclass(frozen=True)
class Trial:
    """What makes a row of the table happen: behaviours next to two that hold, options, a subject, and a plugin."""

    suite: str = ""
    options: tuple[str, ...] = ()
    subject: str = ""
    plugin: str = ""


TRIALS = {
    "the verdict is conformant": Trial(),
    "a behaviour fails": Trial(FAILS),
    "the gateway exited by itself, in a behaviour or after it": Trial(DIES),
    "a known failure holds": Trial(subject=SUBJECT + KNOWN.format("even")),
    "a mutant survives, which is a bug of the suite": Trial(SURVIVES),
    "a test of the suite itself fails": Trial("\ndef test_of_ours():\n    assert 1 == 2\n"),
    "interrupted: Ctrl-C, SIGTERM": Trial(ENDS.format("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)")),
    "a file of tests cannot be imported": Trial("\nimport nowhere\n"),
    "internal error of the suite": Trial(plugin=BREAKS),
    "a mistake in an option, a path, the subject's file or the list of known failures": Trial(options=("nowhere.py",)),
    "an environment cannot be started": Trial(plugin=CANNOT_START),
    "the options select nothing": Trial(options=("-k", "odd")),
    "a behaviour could not be judged": Trial(ENDS.format("raise InconclusiveError('the fault was not seen')")),
    "all that was selected is left out, or skipped at run time": Trial(options=("-k", "turns"), subject=SUBJECT),
    "nothing holds: all that was judged are known failures": Trial(
        FAILS, ("-k", "fails"), SUBJECT + KNOWN.format("fails")
    ),
    "a process of the suite was lost, and with it the behaviour that it judged": Trial(
        ENDS.format("os.kill(os.getpid(), signal.SIGKILL)"), ("-n2",)
    ),
    "the report cannot be written, as the disk is full": Trial(ENDS.format(FULL)),
}


def rows() -> list[tuple[int, str, str]]:
    """Return the rows of the table: exit status, when, and the verdict in the report."""
    text = (REFERENCE_DOCS / "reports.md").read_text(encoding="utf-8")
    section = text.partition("\n## Exit statuses\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| (\d) \| (.+) \| (.+) \|$", section, re.MULTILINE)
    return [(int(status), when, report) for status, when, report in found]


def test_every_exit_status_has_a_row_and_every_row_a_trial() -> None:
    """The table and what is tried below name the same."""
    assert {status for status, _, _ in rows()} == set(range(INCONCLUSIVE + 1))
    assert [when for _, when, _ in rows()] == list(TRIALS)


@pytest.mark.parametrize(("status", "when", "verdict"), rows(), ids=[when for _, when, _ in rows()])
def test_the_run_ends_as_the_table_says(tmp_path: Path, status: int, when: str, verdict: str) -> None:
    """Exit status, the one in the report, and its verdict; without a report an older one is as it was, or is gone."""
    trial, older = TRIALS[when], save(tmp_path / "report", [result("test_older")])
    (tmp_path / "trial.py").write_text(trial.plugin, encoding="utf-8")
    options = ("-p", "trial", "-p", "no:randomly", *trial.options)
    outcome = run(tmp_path, SUITE + trial.suite, *options, subject=trial.subject)

    assert outcome.status == status
    if verdict != "none":
        assert (outcome.report["exit_status"], outcome.report["verdict"]) == (status, verdict)
        assert "test_older" not in outcome.verdicts
    elif "disk is full" in when:
        assert not (older / "report.json").exists()
    else:
        assert outcome.verdicts == {"test_older": "conformant"}
