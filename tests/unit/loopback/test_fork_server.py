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
from tests.loopback.fork_server import Forked, ForkServer
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
            started.append(server.start(program, what, folder=tmp_path, environ=environ, output=output, log=log))
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


def test_a_server_that_is_gone_is_told(tmp_path: Path) -> None:
    """Whoever asks a server that was ended reads so, instead of waiting for an answer."""
    server = ForkServer()
    os.kill(server.pid, signal.SIGKILL)
    gone = pytest.raises(InconclusiveError, match=r"^the fork server exited with status -9$")
    with (tmp_path / "out").open("wb") as output, gone:
        server.start("tests.unit.helpers.forked", "0", folder=tmp_path, environ={}, output=output, log=output)
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
