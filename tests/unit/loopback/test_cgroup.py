"""Control groups: where there can be one, and that nothing in it survives its end."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.world.eventually import reached
from tests.loopback import cgroup

MOUNTS = """\
22 1 0:20 / /proc rw - proc proc rw
30 22 0:26 {root} {mounted} rw,nosuid - cgroup2 cgroup2 rw
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """Return a control group; the test is skipped where this user cannot create one."""
    parent = cgroup.own()
    if parent is None or not cgroup.create(group := parent / f"{cgroup.PREFIX}test-{os.getpid()}"):
        pytest.skip("this user cannot create control groups here")
    yield group
    cgroup.end(group, 10)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that stands in for /proc/self."""
    real = Path

    def _path(name: str | Path) -> Path:
        return tmp_path / str(name).removeprefix("/proc/self/") if str(name).startswith("/proc/self/") else real(name)

    monkeypatch.setattr(cgroup, "Path", _path)
    return tmp_path


def test_nothing_in_a_group_survives_its_end(group: Path) -> None:
    """Whatever session, parent or environment it has, and in whatever group below it is."""
    below = group / "below"
    below.mkdir()
    with cgroup.joined(group, group.parent):
        daemon = subprocess.Popen(["setsid", "sh", "-c", "(env -i setsid sleep 600 &); sleep 600"])  # noqa: S607, any
    with cgroup.joined(below, group.parent):
        other = subprocess.Popen(["sleep", "600"])  # noqa: S607, any
    reached(lambda: len(cgroup.members(group)) >= 4, within=10, what="all of them run")

    assert cgroup.end(group, 10)

    assert [process.wait(10) for process in (daemon, other)] == [-9, -9]
    assert not group.exists()


def test_a_group_of_an_older_kernel_is_ended_as_well(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Linux 5.14 there is no cgroup.kill: its processes are killed one by one."""
    with cgroup.joined(group, group.parent):
        daemon = subprocess.Popen(["sh", "-c", "(setsid sleep 600 &); sleep 600"])  # noqa: S607, any

    def _refuse(file: Path, _what: bytes) -> None:
        raise FileNotFoundError(file)

    monkeypatch.setattr(cgroup, "_write", _refuse)

    assert cgroup.end(group, 10)
    assert daemon.wait(10) == -9


def test_the_process_is_in_a_group_only_for_a_moment(group: Path) -> None:
    """What it starts afterwards is where it was before."""
    with cgroup.joined(group, group.parent):
        assert cgroup.members(group) == [os.getpid()]

    assert cgroup.members(group) == []


def test_a_group_that_cannot_be_created_is_none(tmp_path: Path) -> None:
    """Here is no hierarchy of control groups, and nothing is left of the attempt."""
    assert not cgroup.create(tmp_path / "group")
    assert not cgroup.create(Path("/proc/group"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("groups", "root", "expected"),
    [
        ("0::/user.slice/one", "/", "user.slice/one"),
        ("3:pids:/other\n0::/", "/", ""),
        ("0::/machine/box/inner", "/machine/box", "inner"),
    ],
    ids=["v2", "v1 and v2", "a container"],
)
def test_its_own_group_is_found(proc: Path, groups: str, root: str, expected: str) -> None:
    """By the path in the hierarchy, from where that is mounted."""
    mounted = proc / "mounted"
    (proc / "cgroup").write_text(f"{groups}\n", encoding="utf-8")
    (proc / "mountinfo").write_text(MOUNTS.format(root=root, mounted=mounted), encoding="utf-8")

    assert cgroup.own() == mounted / expected


@pytest.mark.parametrize(
    ("file", "limit", "used"),
    [("memory.max", "max\n", True), ("memory.max", "1073741824\n", False), ("cpu.max", "50000 100000\n", False)],
)
@pytest.mark.parametrize("where", ["", "slice", "slice/one"])
def test_a_limit_is_not_hidden_from_a_subject(proc: Path, file: str, limit: str, used: bool, where: str) -> None:  # noqa: FBT001, a case
    """Runtimes size themselves by the limits of their own group only: with any, there is no group for a subject."""
    mounted = proc / "mounted"
    (mounted / "slice" / "one").mkdir(parents=True)
    (mounted / where / file).write_text(limit, encoding="ascii")
    (proc / "cgroup").write_text("0::/slice/one\n", encoding="utf-8")
    (proc / "mountinfo").write_text(MOUNTS.format(root="/", mounted=mounted), encoding="utf-8")

    assert (cgroup.own() is not None) == used


@pytest.mark.parametrize("groups", ["3:pids:/other\n", ""])
def test_without_v2_there_is_none(proc: Path, groups: str) -> None:
    """On an old machine, or on none of Linux."""
    (proc / "cgroup").write_text(groups, encoding="utf-8")

    assert cgroup.own() is None
