"""A failure that was put down to a library counts as the gateway's if another library made the calls."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.report.by_its_calls import by_its_calls, library_seen
from tests.harness.report.report_json import document
from tests.harness.report.result import Result
from tests.harness.subject.library_properties import properties
from tests.harness.subject.subject import Subject
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.saved_report import result

ROW = next(row for row in properties() if row.library == "grpc-js" and not row.fixed)
FILE, _, NAME = ROW.behaviours[0].partition("::")
SUBJECT = Subject(name="x", folder=Path(), library="@grpc/grpc-js 1.14.4", language="node")
EXCUSED = result(NAME, file=FILE, verdict=Verdict.LIBRARY_PROPERTY, expected="library property, not yours: …")


def judged(row: Result, library: str, subject: Subject = SUBJECT) -> Result:
    """Return a row as it is once it is known which library made the calls of the run."""
    return by_its_calls([row, result(library=library)], subject)[0]


@pytest.mark.parametrize("library", ["", "@grpc/grpc-js 1.14.4"])
def test_the_librarys_own_calls_leave_it_excused(library: str) -> None:
    """So does a run whose calls do not tell."""
    assert judged(EXCUSED, library) == EXCUSED


@pytest.mark.parametrize("library", ["grpc-go 1.85.0", "tonic 0.14.6"])
def test_calls_of_another_library_make_it_the_gateways(library: str) -> None:
    """The lock file that it was excused by is of something else."""
    row = judged(EXCUSED, library)

    assert (row.verdict, row.expected) == (Verdict.NONCONFORMANT, "")
    assert f"its calls come from {library}" in row.message


def test_a_version_that_does_not_do_it_makes_it_the_gateways() -> None:
    """A subject that states no version is held against that of its calls."""
    row = next(row for row in properties() if row.since)
    file, _, name = row.behaviours[0].partition("[")[0].partition("::")
    others = {key for other in properties() if other is not row for key in other.behaviours}
    excused = replace(EXCUSED, file=file, behaviour=name)

    assert row.behaviours[0] not in others
    assert judged(excused, f"{row.library} {row.since}").verdict is Verdict.LIBRARY_PROPERTY
    assert judged(excused, f"{row.library} 0.1.0").verdict is Verdict.NONCONFORMANT


def test_other_verdicts_stay() -> None:
    """What fails, fails; a mutant is another gateway."""
    failing = replace(EXCUSED, verdict=Verdict.NONCONFORMANT)

    assert judged(failing, "tonic 0.14.6") == failing
    assert library_seen([result(library="tonic 0.14.6", mutant="lying")]) == ""
    assert library_seen([result(library="tonic 0.14.6"), result(library="grpc-go 1.85.0")]) == ""


def test_fixes_are_those_of_the_library_that_calls(tmp_path: Path) -> None:
    """Where neither subject file nor lock file told the language."""
    unknown = Subject(name="x", folder=tmp_path)
    failing = result(verdict=Verdict.NONCONFORMANT, suspects=("pick_first",), cause="x", remedy="Go: …\nJava: …")
    row = judged(failing, "grpc-go 1.85.0", unknown)
    report = document(unknown, [row, result(library="grpc-go 1.85.0")], {})

    assert row.remedy.startswith("grpc.NewClient(")
    assert report["service_config"]["how"].startswith("grpc.NewClient(")
    assert report["subject"]["library_seen"] == "grpc-go 1.85.0"
    assert judged(failing, "tonic 0.14.6", SUBJECT).remedy == failing.remedy
