"""Runs of the suite: which ones are dead, and so may be swept, and what is never touched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.harness.world import runs
from tests.harness.world.runs import LABEL, Run

DIES = (
    "import os; from pathlib import Path; from tests.harness.world import runs; runs.RUNS = Path(os.environ['RUNS'])\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of all runs of a test."""
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    monkeypatch.setenv(LABEL, "")  # so that it is taken back
    return tmp_path / "runs"


def die(run: Run) -> None:
    """Let a run end as one does that is killed: its lock is released, and nothing else is done."""
    run.lock.close()


def dead() -> list[str]:
    """Return the labels of the runs that may be swept."""
    with runs.dead_runs() as found:
        return [run.label for run in found]


def test_a_run_has_a_label_in_its_environment_and_a_folder_for_itself(folder: Path) -> None:
    """The label names machine and process; only this user may enter the folder; temporary files go there."""
    run = runs.begin()

    assert os.environ[LABEL] == run.label
    assert run.label.split("-")[:2] == [runs.machine(), str(os.getpid())]
    assert len(run.label) < 40  # it is part of the name of a cluster, which may have 50 characters
    assert folder.stat().st_mode & 0o777 == 0o700
    assert runs.folder_of_this_run() == run.folder == folder / run.label
    run.close()
    assert not run.folder.exists()


def test_two_runs_of_one_process_are_two(folder: Path) -> None:
    """A label is never used twice, whatever the system does with process ids."""
    first, second = runs.begin(), runs.begin()

    assert first.label != second.label
    assert dead() == []
    first.close()
    second.close()
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_a_run_that_was_killed_is_dead_and_its_folder_is_removed(folder: Path) -> None:
    """Killed in the middle, it releases its lock; what was in its folder goes once nothing is left elsewhere."""
    script = (
        f"{DIES}run = runs.begin(); (run.folder / 'api').mkdir(); print(run.label, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(  # noqa: S603, our own
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "RUNS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    label = killed.stdout.strip()
    assert (folder / label / "api").is_dir()

    assert dead() == [label]
    assert not (folder / label).exists()


def test_a_run_that_lives_is_not_dead() -> None:
    """Nor is it while another process looks."""
    run = runs.begin()

    assert dead() == []
    assert run.folder.is_dir()
    run.close()


def test_only_one_run_sweeps_a_dead_one() -> None:
    """The second one that looks finds it taken, and so removes nothing under the hands of the first."""
    run = runs.begin()
    run.note("an engine")
    die(run)

    with runs.dead_runs() as first, runs.dead_runs() as second:
        assert ([earlier.label for earlier in first], second) == ([run.label], [])
    assert dead() == [run.label]


def test_a_run_of_another_machine_is_never_dead(folder: Path) -> None:
    """Not even if its folder is here, as in a /tmp that machines or containers share, with a lock that is free."""
    run = runs.begin()
    other = "0" * 10 + run.label[10:]
    run.folder.rename(folder / other)
    die(run)

    assert dead() == []
    assert (folder / other / "lock").exists()


@pytest.mark.parametrize("name", ["x", "1-2-3", "4026531836-1-2-3", "", "kept", "0123456789-1-0123456z"])
def test_a_label_that_is_not_ours_is_never_dead(folder: Path, name: str) -> None:
    """Whoever set it: what cannot be read counts as alive, and is no error."""
    (folder / name).mkdir(parents=True)

    assert dead() == []
    assert not runs.is_of_this_machine(name)
    assert (folder / name).is_dir()


def test_clones_of_a_machine_do_not_take_each_other_for_dead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Virtual machines cloned while they run share every id; the folder of a run is on one of them only."""
    run = runs.begin()
    monkeypatch.setattr(runs, "RUNS", tmp_path / "the clone's")
    another = runs.begin()

    assert another.label[:10] == run.label[:10]
    assert dead() == []
    run.close()
    another.close()


def test_notes_keep_the_folder_until_nothing_is_left_there(folder: Path) -> None:
    """A run that may have left something on an engine is looked at again, its temporary files gone."""
    run = runs.begin()
    run.note("an engine")
    run.note("a cluster")
    run.done("a cluster")
    (run.folder / "kubeconfig").touch()
    (run.folder / "api").mkdir()
    run.close()
    assert sorted(path.name for path in run.folder.iterdir()) == ["lock", "notes"]

    with runs.dead_runs() as (found,):
        assert found.notes == {"an engine"}
        found.done("an engine")
    assert not (folder / run.label).exists()


def test_notes_are_dropped_after_a_month() -> None:
    """An engine that nobody has used since will not be looked at any more."""
    run = runs.begin()
    run.note("an engine")
    month_ago = run.folder.stat().st_mtime - runs.FORGOTTEN_AFTER - 1
    os.utime(run.folder, (month_ago, month_ago))
    run.close()

    assert not run.folder.exists()


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o770])
def test_a_folder_that_others_may_enter_is_refused(folder: Path, mode: int) -> None:
    """Somebody else could have put it there, with whatever is in it."""
    folder.mkdir()
    folder.chmod(mode)

    with pytest.raises(runs.RunsError, match="is not a folder that belongs to this user alone"):
        runs.begin()


def test_a_link_to_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """For the same reason."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(runs.RunsError, match="is not a folder"):
        runs.begin()


def test_a_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with the system's reason."""
    monkeypatch.setattr(runs, "RUNS", Path("/proc/none/such"))

    with pytest.raises(runs.RunsError, match=r"^/proc/none/such cannot be written: No such file or directory$"):
        runs.begin()


def test_the_machine_differs_by_boot_and_by_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what identifies it, any one suffices: cloned disks share the first, containers the second."""
    known = {"/etc/machine-id": "a", "/proc/sys/kernel/random/boot_id": "b", "/proc/self/ns/pid": "pid:[1]"}
    monkeypatch.setattr(runs, "_content", lambda file: known[str(file)])
    monkeypatch.setattr(runs, "_target", lambda link: known[str(link)])
    one, ids = dict(known), {runs.machine.__wrapped__()}
    for name in one:
        for other in ("another", ""):
            known.update({**one, name: other})
            ids.add(runs.machine.__wrapped__())

    assert len(ids) == 7
