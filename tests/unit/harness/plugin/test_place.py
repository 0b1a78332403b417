"""When the report of a run takes the place of an older one: once a behaviour has started, and not before."""

import json
from pathlib import Path

import pytest

from tests.harness.report.folder import FILES, MARK
from tests.unit.helpers.inner_run import HEAD, Outcome, run
from tests.unit.helpers.saved_report import result, save

RIGHT = HEAD + "def test_even(orders):\n    '''It is even.'''\n\ndef test_own():\n    pass\n"

SUBJECT = '[subject]\nname = "outside"\n[loopback]\ncommand = ["./gateway"]\n'

NOTHING_BEGINS = {
    "no subject": (("--subject=subjct.toml",), 4, "subjct.toml: cannot be read"),
    "a mistake in it": (("--subject=wrong.toml",), 4, "unknown section: 'subjct'"),
    "an unknown option": (("--sbject=x",), 4, "unrecognized arguments: --sbject=x"),
    "too few replicas": (("--replicas=1",), 4, "--replicas must be at least 2"),
    "no older report": (("--compare=old",), 4, "--compare: "),
    "a broken older report": (("--compare=broken.json",), 4, "--compare: "),
    "no saved run": (("--replay=old",), 4, "cannot be read"),
    "a known failure that is none": (("--known-failures=known.toml",), 4, "is not a behaviour"),
    "the same, with workers": (("--known-failures=known.toml", "-n2"), 4, "is not a behaviour"),
    "nothing selected": (("-k", "odd"), 5, "2 deselected"),
    "nothing selected, with workers": (("-k", "odd", "-n2"), 5, "no tests ran"),
    "no such path": (("nowhere.py",), 4, "file or directory not found"),
    "an environment that cannot start": (("-p", "cannot_start"), 4, "Compose: no Docker here"),
    "an error in collection": (("-p", "cannot_collect"), 2, "error"),
    "tests of the suite alone": (("-k", "own"), 0, "1 passed"),
    "a list of what there is": (("--collect-only",), 0, "2 tests collected"),
}

CANNOT_START = """
import pytest
def pytest_sessionstart(session):
    raise pytest.UsageError("Compose: no Docker here")
"""

CANNOT_COLLECT = """
def pytest_pycollect_makeitem(collector, name, obj):
    if name == "test_even":
        raise RuntimeError("broken")
"""


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Return the folder of an older report, with everything that runs leave there."""
    folder = save(tmp_path / "report", [result()])
    for name in (*FILES[1:], "loopback/gw0/gateway.log", "compose/build.log"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("older", encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Return every file that people see, with its text."""
    return {
        str(file.relative_to(folder)): file.read_text(encoding="utf-8")
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


@pytest.mark.parametrize("name", NOTHING_BEGINS)
def test_an_older_report_is_untouched_until_a_behaviour_starts(tmp_path: Path, older: Path, name: str) -> None:
    """A mistake in an option, a file or an environment is one line, and costs nothing that was there."""
    options, status, words = NOTHING_BEGINS[name]
    for file, text in {
        "wrong.toml": "[subjct]\n",
        "known.toml": "'test_inner.py::test_odd' = 'issue 1'\n",
        "broken.json": '{"version": 1, "subject": {}, "behaviours": [{}]}',
        "cannot_start.py": CANNOT_START,
        "cannot_collect.py": CANNOT_COLLECT,
    }.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    before = contents(older)
    outcome = run(tmp_path, RIGHT, *options)

    assert outcome.status == status
    assert words in outcome.output
    assert "Traceback" not in outcome.output
    assert contents(older) == before


@pytest.mark.parametrize("options", [(), ("-n2",), ("--compare=report",)], ids=["here", "in workers", "compared"])
def test_a_run_that_has_begun_replaces_it(tmp_path: Path, older: Path, options: tuple[str, ...]) -> None:
    """All that the older run wrote is removed, even what the new one does not write, and the user's own file is not."""
    (older / "loopback" / "notes.txt").write_text("mine", encoding="utf-8")
    outcome = run(tmp_path, RIGHT, *options, f"--report={older}")

    assert outcome.status == 0
    assert set(contents(older)) == {
        *FILES,
        "behaviours/test_inner-test_even-loopback/timeline.jsonl",
        "loopback/notes.txt",
    }
    assert outcome.verdicts == {"test_even": "conformant"}
    assert "older" not in contents(older).values()
    assert (f"= compared with {older} (2026" in outcome.output) is bool("--compare=report" in options)


@pytest.mark.usefixtures("older")
def test_a_run_that_is_broken_off_in_its_first_behaviour_has_begun(tmp_path: Path) -> None:
    """The older report is gone, as part of its evidence may be; the new one says that it came to nothing."""
    ends = "def test_even(orders):\n    '''It is even.'''\n    raise KeyboardInterrupt\n"
    outcome = run(tmp_path, HEAD + ends)

    assert outcome.status == 2
    assert outcome.report["reason"] == "broken off after 0 of 1: interrupted"
    assert outcome.report["behaviours"] == []


@pytest.mark.parametrize("place", [".", "project"])
def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path, place: str) -> None:
    """Exit status 4 and one line: a project's own compose/, kind/ and junit.xml stay."""
    project = tmp_path / place
    for name in ("compose/compose.yaml", "kind/cluster.yaml", "behaviours/a.feature", "junit.xml"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("mine", encoding="utf-8")
    outcome = run(tmp_path, RIGHT, f"--report={place}")

    assert outcome.status == 4
    words = f"ERROR: --report: {place} is neither empty nor a report of this suite: use another folder"
    assert [line for line in outcome.output.splitlines() if line.startswith("ERROR")] == [words]
    assert (project / "compose" / "compose.yaml").read_text(encoding="utf-8") == "mine"
    assert (project / "junit.xml").read_text(encoding="utf-8") == "mine"
    assert not (project / MARK).exists()


def test_a_folder_of_a_killed_run_is_ours(tmp_path: Path) -> None:
    """It has the mark and no report yet."""
    outcome = run(tmp_path, RIGHT)
    (outcome.folder / "report.json").unlink()
    again = run(tmp_path, RIGHT)

    assert again.status == 0
    assert again.folder == outcome.folder


def test_a_junit_file_of_the_users_own_is_always_written(tmp_path: Path, older: Path) -> None:
    """Where pytest was told a file, that has what pytest writes, even if nothing began; the report has none then."""
    before = contents(older)
    assert run(tmp_path, RIGHT, "-k", "own", "--junitxml=own.xml").status == 0

    assert 'name="test_own"' in (tmp_path / "own.xml").read_text(encoding="utf-8")
    assert contents(older) == before


def test_verdicts_stand_in_a_junit_file_of_the_users_own(tmp_path: Path) -> None:
    """It is written there, and rewritten there."""
    outcome = run(tmp_path, RIGHT, "--junitxml=own.xml")

    assert outcome.status == 0
    assert 'value="conformant"' in (tmp_path / "own.xml").read_text(encoding="utf-8")
    assert not (outcome.folder / "junit.xml").exists()


def test_a_junit_file_that_cannot_be_written_is_no_verdict(tmp_path: Path) -> None:
    """Exit status 6 and one line; the report is there, and says so too."""
    outcome = run(tmp_path, RIGHT, "--junitxml=/dev/full")

    assert outcome.status == outcome.report["exit_status"] == 6
    assert outcome.report["verdict"] == "inconclusive"
    assert "ERROR: junit.xml cannot be written: [Errno 28] No space left on device" in outcome.output


def test_a_replay_leaves_what_it_replays_alone(tmp_path: Path) -> None:
    """Its own report goes to another folder, even if it is told to go there."""
    named = HEAD + "def test_even(names):\n    '''It is even.'''\n"
    recorded = run(tmp_path, named)
    before = contents(recorded.folder)
    replayed = run(tmp_path, named, "--replay=report", "--compare=report")

    assert replayed.status == 0
    assert contents(recorded.folder) == before
    assert Outcome(0, "", tmp_path / "report-replayed").verdicts == {"test_even": "conformant"}


def test_a_report_that_cannot_be_replaced_is_one_line(tmp_path: Path, older: Path) -> None:
    """A folder where a file should be: nothing starts, exit status 4."""
    (older / "report.html").unlink()
    (older / "report.html" / "x").mkdir(parents=True)
    outcome = run(tmp_path, RIGHT)

    assert outcome.status == 4
    assert "ERROR: --report: " in outcome.output
    assert "report.html cannot be replaced: Is a directory" in outcome.output
    assert json.loads((older / "report.json").read_text(encoding="utf-8"))["exit_status"] == 0
