"""A subject's command ends with everything that it started, whatever that does to stay."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.harness.world.eventually import reached
from tests.harness.world.verdict import InconclusiveError
from tests.loopback import cgroup
from tests.loopback.fork_server import ForkServer
from tests.loopback.supervised import Supervised

Start = Callable[..., Supervised]

ESCAPES = {
    "a child": "sleep 600 & echo $!; wait",
    "a child that outlives its wrapper": "sleep 600 & echo $!",
    "a session of its own": "setsid sleep 600 & echo $!; wait",
    "a session of its own that outlives its wrapper": "setsid sleep 600 & echo $!",
    "a daemon": "(setsid sh -c 'sleep 600 & echo $!' &) ; sleep 600",
    "a child without an environment": "env -i setsid sleep 600 & echo $!; wait",
    "a child that ignores signals": "setsid sh -c 'trap \"\" TERM HUP INT; echo $$; sleep 600; sleep 600' & wait",
    "a child that is stopped": "setsid sleep 600 & echo $!; kill -STOP $!; wait",
}
"""Scripts that start a process which stays, and print its id."""


def _groups() -> list[Path | None]:
    """Return a control group for these tests if there can be one, and None: both ways have to do."""
    own = cgroup.own()
    group = own / f"{cgroup.PREFIX}unit-{os.getpid()}" if own is not None else None
    return [None, group] if group is not None and (group.exists() or cgroup.create(group)) else [None]


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """One server for all tests of this file."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture(params=_groups(), ids=lambda group: "in a control group" if group else "by descent")
def start(server: ForkServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start a command, with its output in `out` and `log`; it is gone when the test is over."""
    started: list[Supervised] = []
    group: Path | None = request.param
    if group is not None:
        group.mkdir(exist_ok=True)

    def _start(*command: str, **variables: str) -> Supervised:
        environ = {"PATH": os.environ["PATH"], **variables}
        with (tmp_path / "out").open("ab") as output, (tmp_path / "log").open("ab") as log:
            files = (output.fileno(), log.fileno())
            started.append(Supervised(server, command, tmp_path, environ, *files, group=str(group or "")))
        return started[-1]

    yield _start
    for process in started:
        process.end()
    if group is not None:
        cgroup.end(group, 10)


def _printed(folder: Path) -> int:
    reached(lambda: (folder / "out").read_bytes().endswith(b"\n"), within=10, what="an id is printed")
    return int((folder / "out").read_text(encoding="utf-8").split()[-1])


@pytest.mark.parametrize("script", ESCAPES.values(), ids=ESCAPES)
def test_nothing_that_it_started_outlives_it(start: Start, tmp_path: Path, script: str) -> None:
    """Once its end was seen, so was that of every descendant; there is nothing to wait for."""
    process = start("sh", "-c", script)
    child = _printed(tmp_path)
    if "wait" not in script and "; sleep" not in script:
        assert process.wait(10) == 0
    assert psutil.pid_exists(child)

    process.end()

    assert not psutil.pid_exists(child)
    assert not psutil.pid_exists(process.pid)
    assert process.poll() is not None
    process.end()  # does nothing


@pytest.mark.parametrize("sent", ["KILL", "STOP"])
@pytest.mark.parametrize("when", ["", "sleep 0.3; "], ids=["at once", "later"])
def test_nothing_outlives_it_even_if_it_harms_its_parent(start: Start, tmp_path: Path, sent: str, when: str) -> None:
    """The parent is not the run's process, and what it was to end is ended without it."""
    script = f"{when}setsid sleep 600 & child=$!; kill -{sent} $PPID; echo $child; sleep 600"
    try:
        process = start("sh", "-c", script)
    except ProcessLookupError as error:
        assert error.strerror == "the command killed the process that started it"  # noqa: PT017, it may come to that
    else:
        if when:
            assert process.poll() is None
        _printed(tmp_path)
        process.end()
        assert process.poll() == -signal.SIGKILL

    left = [int(line) for line in (tmp_path / "out").read_text(encoding="utf-8").split()]
    assert [pid for pid in left if psutil.pid_exists(pid)] == []


def test_it_ends_with_the_run_that_started_it(server: ForkServer, tmp_path: Path) -> None:
    """A run that is killed closes its end of the connection, and that is enough."""
    with (tmp_path / "out").open("ab") as output:
        files = (output.fileno(), output.fileno())
        process = Supervised(
            server, ["sh", "-c", "setsid sleep 600 & echo $!; wait"], tmp_path, dict(os.environ), *files, group=""
        )
    child = _printed(tmp_path)

    process._control.close()

    reached(lambda: not psutil.pid_exists(child), within=10, what="the child has exited")
    reached(lambda: not psutil.pid_exists(process.pid), within=10, what="the command has exited")
    process._supervisor.wait(10)


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", -15), ("kill -KILL $$", -9)]
)
def test_its_exit_status_is_that_of_the_command(start: Start, script: str, status: int) -> None:
    """As subprocess has it, as often as it is requested, before and after the end."""
    process = start("sh", "-c", script)

    assert process.wait(10) == status
    assert process.poll() == status
    process.end()
    assert process.poll() == status


def test_it_runs_until_it_exits(start: Start) -> None:
    """A command that runs has no status, and waiting for it takes no longer than allowed."""
    process = start("sleep", "600")
    began = time.monotonic()

    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.05)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("command", "words"), [(["./none"], "No such file or directory"), (["/"], "Permission denied")]
)
def test_a_command_that_cannot_be_run_says_why(start: Start, command: list[str], words: str) -> None:
    """With the system's error, as subprocess does."""
    with pytest.raises(OSError, match=words):
        start(*command)


def test_many_short_children_leave_no_zombies(start: Start, tmp_path: Path) -> None:
    """A command that does not wait for its children, and exits before they do, is no reason to keep them."""
    process = start("sh", "-c", "for n in 1 2 3 4 5 6 7 8; do (true &); done; echo $PPID; sleep 600")
    supervisor = psutil.Process(_printed(tmp_path))

    reached(lambda: [child.pid for child in supervisor.children()] == [process.pid], within=10, what="all are reaped")


def test_the_client_of_a_container_may_end_it(start: Start, tmp_path: Path) -> None:
    """A container is no child of its client, which removes it on SIGTERM; one behind a wrapper is found, too."""
    client = tmp_path / "docker"
    client.write_text(
        "#!/bin/sh\ntrap 'echo removed >> container; exit 0' TERM\necho up > container\nwhile :; do sleep 0.05; done\n",
        encoding="utf-8",
    )
    client.chmod(0o755)
    process = start("sh", "-c", "./docker run; true")
    reached((tmp_path / "container").exists, within=10, what="the container runs")

    process.end()

    assert (tmp_path / "container").read_text(encoding="utf-8").split() == ["up", "removed"]


def test_what_cannot_be_ended_is_named(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of another user, say: the run cannot go on as if it were not there."""
    process = start("sleep", "600")
    monkeypatch.setattr(process, "_hear_left", lambda: ["4711 (sudo)"])

    with pytest.raises(
        InconclusiveError, match=r"cannot be ended: 4711 \(sudo\)\. It must not start anything as another user"
    ):
        process.end()
