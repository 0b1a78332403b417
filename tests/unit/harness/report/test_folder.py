"""Whose a report's folder is, and what a run takes away from it."""

from pathlib import Path

import pytest

from tests.harness.report.folder import (
    FILES,
    MARK,
    STARTING,
    ForeignFolderError,
    clear,
    end,
    is_ours,
    keep_start,
    starting,
    take,
)
from tests.unit.helpers.saved_report import result, save

ENVIRONMENTS = ("loopback", "compose", "kind")

WRITTEN = (
    *FILES,
    *("behaviours/test_x-test_y-loopback/timeline.jsonl", "loopback/gw0/gateway.log", "loopback/order-service-1.out"),
    *("compose/build.log", "kind/gw1/pods.yaml", "kind/events.txt", "kind/gw1/objects.txt"),
)
"""As much of what runs write as there are kinds of it."""

OTHERS = (
    *("compose/compose.yaml", "compose/gw0/notes.txt", "kind/cluster.yaml", "loopback/app.py", "behaviours/test_a.py"),
    *("README.md", "behaviours/spec/timeline.txt", "junit.xml.bak", "kind/a/b/deep.log"),
)
"""What may lie next to it and is not ours."""


def fill(folder: Path, *names: str) -> None:
    """Create files with these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}", encoding="utf-8")


def files(folder: Path) -> set[str]:
    """Return the names of all files."""
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_what_was_written_goes_and_nothing_else(tmp_path: Path) -> None:
    """Files go by their place and name, folders only once they are empty."""
    fill(tmp_path, *WRITTEN, *OTHERS, ".lock")
    clear(tmp_path, ENVIRONMENTS)

    assert files(tmp_path) == set(OTHERS)
    assert not (tmp_path / "loopback" / "gw0").exists()


def test_an_empty_folder_is_left_if_all_was_written_by_runs(tmp_path: Path) -> None:
    """A whole report leaves no trace."""
    fill(tmp_path, *WRITTEN)
    clear(tmp_path, ENVIRONMENTS)

    assert list(tmp_path.iterdir()) == []


def test_links_lead_to_nothing_that_is_removed(tmp_path: Path) -> None:
    """A folder that is a link to another place keeps what is there."""
    there, here = tmp_path / "there", tmp_path / "here"
    fill(there, "gw0/gateway.log", "gateway.log", "test_x/timeline.jsonl")
    here.mkdir()
    for name in ("loopback", "behaviours"):
        (here / name).symlink_to(there)
    clear(here, ENVIRONMENTS)

    assert files(there) == {"gw0/gateway.log", "gateway.log", "test_x/timeline.jsonl"}


@pytest.mark.parametrize(
    "names",
    [(), (MARK,), (MARK, "README.md"), (".lock",), (".lock", "behaviours/x/timeline.jsonl", "junit.xml", "kind/a.log")],
)
def test_a_folder_is_ours_if_it_is_empty_or_marked(tmp_path: Path, names: tuple[str, ...]) -> None:
    """By its mark, or by what runs of older versions left when they were killed; it is marked from then on."""
    fill(tmp_path, *names)

    assert is_ours(tmp_path)
    with take(tmp_path) or pytest.fail("it is locked"):
        assert (tmp_path / MARK).exists()
        assert take(tmp_path) is None


def test_a_report_is_ours_by_its_content(tmp_path: Path) -> None:
    """An older report has no mark; a report.json of another tool is not one of ours."""
    save(tmp_path / "ours", [result()])
    fill(tmp_path / "theirs", "report.json")

    assert is_ours(tmp_path / "ours")
    assert not is_ours(tmp_path / "theirs")


@pytest.mark.parametrize("names", [("compose/compose.yaml",), ("junit.xml",), (".lock", "src/main.go"), (".git/HEAD",)])
def test_anything_else_is_left_alone(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Not even a mark is put there."""
    fill(tmp_path, *names)
    with pytest.raises(ForeignFolderError):
        take(tmp_path)

    assert files(tmp_path) == set(names)


@pytest.mark.parametrize("begun", [True, False])
def test_logs_from_before_the_run_end_where_they_belong(tmp_path: Path, *, begun: bool) -> None:
    """They are in place from the beginning on, with what is added later; without a beginning they stay apart."""
    fill(tmp_path, "kind/kind.log")
    log = starting(tmp_path, "kind") / "kind.log"
    log.write_text("up", encoding="utf-8")
    if begun:
        keep_start(tmp_path)
    at_first = (tmp_path / "kind" / "kind.log").read_text(encoding="utf-8")
    log.write_text("up and down", encoding="utf-8")
    end(tmp_path, begun=begun)

    assert at_first == ("up" if begun else "{}")
    assert (tmp_path / "kind" / "kind.log").read_text(encoding="utf-8") == ("up and down" if begun else "{}")
    assert (tmp_path / STARTING).exists() is not begun
