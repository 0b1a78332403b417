"""A report folder from elsewhere: it is read as data, and what it is instead costs one line."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.commands import action
from tests.harness.evidence import saved_files
from tests.harness.evidence.history import History
from tests.harness.evidence.report_folder import SavedRun, SavedRunError
from tests.harness.evidence.saved_files import is_there, parsed, read
from tests.harness.paths import ROOT
from tests.harness.report.html.report_folder import MOST_LOGS, Saved
from tests.harness.report.html.rows import Card, Column
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.hostile import TEXTS, harm
from tests.unit.helpers.page import page_of
from tests.unit.helpers.saved_report import load, outage, result, save, timeline

DEEP = "[" * 100_000 + "]" * 100_000
HUGE = "9" * 400
LINE = '{"at": 0.6, "event": "gateway log", "line": "secret"}\n'


def a_link(file: Path) -> None:
    """Put a link to a file outside in its place."""
    outside = file.parent.parent / f"outside-{file.name}"
    file.replace(outside)
    file.symlink_to(outside)


def a_fifo(file: Path) -> None:
    """Put a pipe in its place, to which nobody writes."""
    file.unlink()
    os.mkfifo(file)


def a_folder(file: Path) -> None:
    """Put a folder in its place."""
    file.unlink()
    file.mkdir()


def a_device(file: Path) -> None:
    """Put a link to a device without end in its place."""
    file.unlink()
    file.symlink_to("/dev/zero")


def a_large_file(file: Path) -> None:
    """Make it larger than any report, without using the disk."""
    os.truncate(file, saved_files.LARGEST + 1)


def nothing(file: Path) -> None:
    """Remove it."""
    file.unlink()


NOT_DATA: dict[Callable[[Path], None], str] = {
    a_link: "is a link or leads through one",
    a_fifo: "is not a regular file",
    a_folder: "is not a regular file",
    a_device: "is a link or leads through one",
    a_large_file: "is larger than 64 MiB",
    nothing: "No such file or directory",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a report folder with one result."""
    return save(tmp_path / "report", [result()], outage())


def refusal(folder: Path) -> str:
    """Return the one line about a report that cannot be read."""
    with pytest.raises(SavedRunError) as caught:
        SavedRun.at(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("become", NOT_DATA, ids=lambda become: str(become.__name__))
def test_a_report_that_is_no_file_is_refused(folder: Path, become: Callable[[Path], None]) -> None:
    """At once, and in words."""
    become(folder / "report.json")

    assert refusal(folder) == f"{folder / 'report.json'}: cannot be read: {NOT_DATA[become]}"


@pytest.mark.parametrize("become", NOT_DATA, ids=lambda become: str(become.__name__))
def test_a_timeline_that_is_no_file_is_none(folder: Path, become: Callable[[Path], None]) -> None:
    """It is neither read nor linked, by a replay and by the page."""
    become(folder / result().timeline)
    saved, run = Saved.read(folder, folder), SavedRun.at(folder)
    card = Card(Column(saved, "loopback"), saved.behaviours[0], "a")
    large = become is a_large_file

    assert bool(run.timeline(result().id)) is large
    assert bool(saved.link(result().timeline)) is large
    assert card.evidence == (
        "its timeline cannot be shown: OSError: [Errno 27] is larger than 64 MiB" if large else None
    )


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/hostname", "link/secret", "a/../../secret", ".", "", "a\x00b", "a" * 5000]
)
def test_nothing_outside_is_read(folder: Path, path: str) -> None:
    """Whatever the report calls a timeline."""
    (folder.parent / "secret").write_text(LINE, encoding="utf-8")
    (folder / "link").symlink_to(folder.parent)
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    document["behaviours"][0].update(timeline=path, id="tests/test_x.py::test_moved[loopback]")
    (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")
    saved = SavedRun.at(folder)

    assert not is_there(folder, path)
    assert saved.timeline("tests/test_x.py::test_moved[loopback]") == ""
    assert "secret" not in page_of(folder).words


def test_a_file_within_is_read_and_no_more_than_allowed(folder: Path) -> None:
    """In folders below, too."""
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "c").write_text("four", encoding="utf-8")

    assert read(folder, "a/b/c", 4) == "four"
    with pytest.raises(OSError, match="is larger than"):
        read(folder, "a/b/c", 3)


def test_logs_are_files_of_the_folder(folder: Path, tmp_path: Path) -> None:
    """No link, no pipe, and of very many the first."""
    logs = folder / "loopback"
    logs.mkdir()
    (logs / "gateway.log").write_text("hello", encoding="utf-8")
    (tmp_path / "elsewhere.log").write_text("secret", encoding="utf-8")
    (logs / "link.log").symlink_to(tmp_path / "elsewhere.log")
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(logs / "pipe.log")

    assert list(Saved.read(folder, folder).logs()) == [("loopback/gateway.log", 5)]
    for number in range(MOST_LOGS + 1):
        (logs / f"{number}.log").touch()
    assert len(list(Saved.read(folder, folder).logs())) == MOST_LOGS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not valid JSON"),
        ('{"a": ', "is not valid JSON"),
        (DEEP, "nested too deeply"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "nested too deeply"),
        ('{"seconds": NaN}', "NaN is not a number"),
        ('{"seconds": -Infinity}', "-Infinity is not a number"),
        ('{"seconds": 1e999}', "1e999 is not a number"),
        (f'{{"seconds": {HUGE}}}', "is not a number that a report has"),
        (f'{{"seconds": {HUGE * 20}}}', "is not valid JSON"),
        ("\ud800", "is not valid JSON"),
        ("[]", "it is not an object"),
        ('"x"', "it is not an object"),
        ("null", "it is not an object"),
        ("{}", "version is missing"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else value,
)
def test_what_is_not_json_of_a_report_is_one_line(folder: Path, text: str, words: str) -> None:
    """Named with the reason."""
    (folder / "report.json").write_bytes(text.encode(errors="surrogatepass"))

    assert words in refusal(folder)


KINDS: tuple[Any, ...] = (None, -1.5, "x", [[]], {"a": {"b": 1}}, True)
"""A value of each type."""


def members(document: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:  # noqa: ANN401, JSON
    """Return the path of every member of a document, of lists of the first item."""
    if isinstance(document, dict):
        return [path for name, value in document.items() for path in ((*at, name), *members(value, (*at, name)))]
    return [(*at, 0), *members(document[0], (*at, 0))] if isinstance(document, list) and document else []


def _saved(folder: Path) -> dict[str, Any]:
    wrong = result(verdict=Verdict.NONCONFORMANT, cause="a", suspects=["pick_first"], seen="b", remedy="c")
    about = {"known_failures": {"test_x.py::test_y": "c"}}
    control = result("test_c", mutant="lying", verdict=Verdict.CAUGHT)
    save(folder, [wrong, control], timeline(load(0.7, 3)), not_judged={"t.py::test_n[loopback]": "why"}, about=about)
    document: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return document


def test_each_member_of_another_kind_is_one_line_or_is_read(tmp_path: Path) -> None:
    """With each member missing, and with each of another type: by the page, a comparison, a replay, and the Action."""
    document = _saved(tmp_path)
    paths = members(document)
    changes: list[tuple[tuple[str | int, ...], Any]] = [(path, "missing") for path in paths]
    changes += [(path, value) for path in paths for value in KINDS]
    refused = 0
    for path, value in changes:
        copy = json.loads(json.dumps(document))
        holder = copy
        for step in path[:-1]:
            holder = holder[step]
        if value == "missing":
            del holder[path[-1]]
        else:
            holder[path[-1]] = value
        (tmp_path / "report.json").write_text(json.dumps(copy), encoding="utf-8")
        refused += not _is_usable(tmp_path)

    assert len(paths) > 60
    assert refused > 200


def _is_usable(folder: Path) -> bool:
    """Use a report in every way, and say whether it was not refused; anything but a refusal in words is raised."""
    report = action.read(folder)
    try:
        saved = SavedRun.at(folder)
    except SavedRunError:
        assert report is None
        return False
    assert report is not None
    action.summary(report)
    action.line(report)
    page_of(folder)
    assert saved.rows is not None
    assert str(saved)
    assert saved.environments
    assert saved.not_judged is not None
    try:
        saved.subject()
    except SavedRunError:
        return False
    return True


def test_the_texts_of_a_report_are_harmless(folder: Path) -> None:
    """Whoever wrote it."""
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    document["subject"]["name"] = document["started"] = "\n".join(TEXTS.values())
    document["not_judged"] = {"t.py::test_x[loopback]": "\n".join(TEXTS.values())}
    (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")
    saved = SavedRun.at(folder)

    assert harm("\n".join([str(saved), saved.subject().name, *saved.not_judged.values()])) == []


@pytest.mark.parametrize(
    "line",
    [
        DEEP,
        "NaN",
        "[]",
        "1",
        "{}",
        '{"at": NaN, "event": "order"}',
        '{"at": 1}',
        '{"at": "1", "event": "x"}',
        '{"at": 1e999}',
    ],
    ids=lambda line: line[:20],
)
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    """With a reason, as any line of a timeline that is none."""
    with pytest.raises(ValueError, match=r"."):
        History.in_text(f"{LINE}{line}\n")


@pytest.mark.parametrize(
    "broken", ["{}", '{"at": 1, "event": "began"}', '{"at": 1, "event": "began", "monotonic": "x"}', DEEP]
)
@pytest.mark.parametrize("option", ["--replay", "--compare", "page"])
def test_no_run_on_a_hostile_folder_hangs_or_breaks(folder: Path, option: str, broken: str) -> None:
    """Its timelines are nonsense, one is a pipe: what can be read is, nothing is a traceback, and it ends soon."""
    for number in range(3):
        (folder / f"junk-{number}").symlink_to("/")
    behaviour = (
        "tests/behaviours/distribution/test_distribution.py::test_serial_calls_rotate_across_all_replicas[loopback]"
    )
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    row = {**document["behaviours"][0], "id": behaviour, "behaviour": "test_serial_calls_rotate_across_all_replicas"}
    document["behaviours"] = [row]
    (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / result().timeline).write_text(f"{broken}\n", encoding="utf-8")
    module = "tests.harness.report.html" if option == "page" else "pytest"
    chosen = ["-n0", f"{option}={folder}", f"--report={folder.parent / 'new'}", "-k", "test_serial_calls_rotate"]
    where = [str(folder)] if option == "page" else [*chosen, "tests/behaviours/distribution"]
    where += ["--collect-only"] if option == "--compare" else []
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603, our own command
        [sys.executable, "-m", module, *where], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == {"--replay": 6, "--compare": 0, "page": 0}[option], done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert time.monotonic() - began < 30


def test_numbers_of_a_report_are_numbers() -> None:
    """What a report does have is read as it was written."""
    assert parsed("[1, -2.5, 1e3, 9007199254740993, true, null]") == [1, -2.5, 1000.0, 9007199254740993, True, None]
