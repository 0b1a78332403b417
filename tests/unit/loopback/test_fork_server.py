"""The fork server: what a forked program is given, how its end is told, and what is never forked."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.harness.paths import ROOT
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import InconclusiveError
from tests.loopback import fork_server as module
from tests.loopback.fork_server import UNKNOWN_STATUS, Forked, ForkServer
from tests.loopback.process import Process

Start = Callable[[str], Forked]


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """One server for all tests of this file."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def start(server: ForkServer, tmp_path: Path) -> Iterator[Start]:
    """Start the program of forked.py, with its output in `out` and `log`; it is gone when the test is over."""
    started: list[Forked] = []

    def _start(what: str) -> Forked:
        with (tmp_path / "out").open("ab") as output, (tmp_path / "log").open("ab") as log:
            environ = {"ONLY": "this"}
            program = "tests.unit.helpers.forked"
            started.append(
                server.start(program, what, folder=tmp_path, environ=environ, files=[output.fileno(), log.fileno()])
            )
        return started[-1]

    yield _start
    for each in started:
        if each.poll() is None:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait(10)


def _waiting(start: Start, folder: Path) -> Forked:
    """Start a program that waits for a signal, and return once it has said its line."""
    process = start("wait")
    reached(lambda: (folder / "out").read_bytes().endswith(b"\n"), within=10, what="the program runs")
    return process


def test_a_program_gets_what_it_was_given_and_nothing_else(start: Start, tmp_path: Path) -> None:
    """Its arguments, folder, environment and session are its own, and gRPC is imported, but has no thread yet."""
    assert start("0").wait(10) == 0

    assert json.loads((tmp_path / "out").read_text(encoding="utf-8")) == {
        "arguments": ["0"],
        "folder": str(tmp_path),
        "environ": {"ONLY": "this"},
        "session": True,
        "threads": 1,
        "grpc": True,
    }
    assert (tmp_path / "log").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("what", "status", "said"), [("0", 0, ""), ("7", 7, ""), ("so", 1, "so\n"), ("crash", 1, "ValueError: as asked\n")]
)
def test_the_end_of_a_program_is_told_as_pythons(
    start: Start, tmp_path: Path, what: str, status: int, said: str
) -> None:
    """The exit status is the one that `python -m` would have, and so is the last thing said."""
    assert start(what).wait(10) == status
    assert (tmp_path / "log").read_text(encoding="utf-8").endswith(said)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_program_that_dies_of_a_signal_says_which(start: Start, tmp_path: Path, sent: signal.Signals) -> None:
    """As with subprocess, the status is the negative number of the signal, as often as it is asked for."""
    process = _waiting(start, tmp_path)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)

    os.killpg(process.pid, sent)

    assert process.wait(10) == -sent
    assert process.poll() == -sent
    assert not psutil.pid_exists(process.pid)


def test_two_programs_end_each_for_itself(start: Start) -> None:
    """The end of one is not taken for that of the other, in whatever order they end."""
    first, second = start("1"), start("2")

    assert (second.wait(10), first.wait(10)) == (2, 1)


def _start(server: ForkServer, folder: Path, what: str = "0", **environ: str) -> Forked:
    with (folder / "out").open("ab") as output:
        program = "tests.unit.helpers.forked"
        return server.start(program, what, folder=folder, environ=environ, files=[output.fileno(), output.fileno()])


def test_an_environment_may_be_as_large_as_it_is(server: ForkServer, tmp_path: Path) -> None:
    """Three megabytes of variables arrive as they were given."""
    environ = {f"V{number}": "x" * 1000 for number in range(3000)}
    assert _start(server, tmp_path, **environ).wait(10) == 0

    assert json.loads((tmp_path / "out").read_text(encoding="utf-8"))["environ"] == environ


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_is_gone_or_stopped_is_replaced(
    tmp_path: Path, sent: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs start as before; those of the old one live on, but nobody can know their exit status."""
    monkeypatch.setattr(module, "ANSWERS", 1.0)
    server = ForkServer()
    old = _start(server, tmp_path, "wait")
    first = server.pid
    os.kill(server.pid, sent)

    assert _start(server, tmp_path, "7").wait(10) == 7
    assert server.pid != first
    assert old.poll() is None
    os.kill(old.pid, signal.SIGKILL)
    assert old.wait(10) == UNKNOWN_STATUS
    assert _start(server, tmp_path, "8").wait(10) == 8
    server.close()
    assert not psutil.pid_exists(first)


def test_a_server_that_cannot_be_replaced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that fail in a row are enough: there is a clear line, and no third one."""
    monkeypatch.setattr(module, "ROOT", tmp_path)  # where there is no such module
    server = ForkServer()

    with pytest.raises(
        InconclusiveError, match=r"^the fork server fails, and so does a new one: it exited with status 1$"
    ):
        _start(server, tmp_path)
    server.close()


def _parent_of(command: list[str], folder: Path, logs: Path) -> int:
    """Return whose child a process of the loopback environment is."""
    process = Process("program", command, folder, {"HTTP_ADDRESS": "none"}, logs)
    parent = psutil.Process(process.pid).ppid()
    process.end(signal.SIGKILL)
    return parent


def test_our_own_programs_are_forked(server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order service and the reference gateway, from where they are at home."""
    monkeypatch.setattr("tests.loopback.process._fork_server", lambda: server)  # the run's own is left to the run
    parents = {
        _parent_of(["python", "-m", "services.order"], ROOT, tmp_path),
        _parent_of(["python", "-m", "services.gateway"], ROOT / "services" / "gateway", tmp_path),
    }

    assert parents == {server.pid}


def test_several_threads_may_ask_whether_a_program_has_ended(start: Start) -> None:
    """They all learn the same, once it has."""
    process = start("7")
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(process.wait, 10) for _ in range(16)]

    assert [each.result() for each in asked] == [7] * 16


def test_a_subject_of_the_same_name_is_run_as_it_stands(
    server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway elsewhere may have modules called like ours: they are not ours."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "gateway.py").write_text("import signal\nsignal.pause()\n", encoding="utf-8")

    monkeypatch.setattr("tests.loopback.process._fork_server", lambda: server)
    parent = _parent_of(["python", "-m", "services.gateway"], tmp_path, tmp_path)

    assert parent not in {os.getpid(), server.pid}  # its supervisor, which nothing depends on
