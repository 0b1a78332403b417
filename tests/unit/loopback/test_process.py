"""Processes of the loopback environment: what they get, and how they end."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tests.harness.world.eventually import reached
from tests.harness.world.runs import LABEL
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.process import Process

Start = Callable[..., Process]

SAYS_ENVIRON = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"
WAITS = "import signal; signal.pause()"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start processes that are gone when the test is over."""
    started: list[Process] = []

    def _start(*command: str, folder: Path = tmp_path, variables: Mapping[str, str] | None = None) -> Process:
        process = Process(f"order-{len(started) + 1}", command, folder, variables or {}, tmp_path)
        started.append(process)
        return process

    yield _start
    for process in started:
        process.end(signal.SIGKILL)


def _ended(process: Process) -> None:
    reached(lambda: not process.running, within=10, what=f"{process.name} has ended")


def _output(process: Process) -> str:
    """Return the first line of its output, once there is one."""
    reached(lambda: process.output.read_bytes().endswith(b"\n"), within=10, what=f"{process.name} has said something")
    return process.output.read_text(encoding="utf-8").strip()


def _gone(pid: int) -> None:
    def _is_gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    reached(_is_gone, within=10, what=f"process {pid} has exited")


# What a process gets


def test_a_process_inherits_the_label_of_the_run(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run starts carries its label, and the variables it is given."""
    monkeypatch.setenv(LABEL, "0123456789-1-01234567")
    process = start("python", "-c", SAYS_ENVIRON, variables={"INSTANCE_ID": "order-7"})
    said = _output(process)

    assert f'"{LABEL}": "0123456789-1-01234567"' in said
    assert '"INSTANCE_ID": "order-7"' in said


def test_a_process_gets_no_proxy(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the caller's is not passed on, in whatever case it is written."""
    for name in ("http_proxy", "HTTPS_PROXY", "no_proxy", "ALL_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    environ = json.loads(_output(start("python", "-c", SAYS_ENVIRON)))

    assert [name for name in environ if name.lower().endswith("_proxy")] == []
    assert "http://127.0.0.1:1" not in environ.values()


def test_python_is_the_one_that_runs_the_suite(start: Start) -> None:
    """A command that begins with `python` runs in the suite's own environment."""
    process = start("python", "-c", "import sys; print(sys.prefix, flush=True)")

    assert _output(process) == sys.prefix


def test_python_may_have_another_name(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the interpreter is there as `python3` alone, as Debian has it, `python` is that one all the same."""
    named = tmp_path / "bin" / "python3"
    named.parent.mkdir()
    named.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(named))
    monkeypatch.setenv("PATH", str(named.parent))

    assert _output(start("python", "-c", "print('here')")) == "here"


def test_a_relative_program_stands_beside_the_subject_file(start: Start, tmp_path: Path) -> None:
    """A program with a slash is looked up in the folder, and runs there."""
    folder = tmp_path / "subject"
    folder.mkdir()
    program = folder / "gateway"
    program.write_text("#!/bin/sh\npwd\n", encoding="utf-8")
    program.chmod(0o755)

    assert _output(start("./gateway", folder=folder)) == str(folder)


@pytest.mark.parametrize(
    ("command", "typed"),
    [(["./no-such-gateway", "--token", "secret"], "./no-such-gateway"), (["none-such"], "none-such")],
)
def test_a_command_that_is_not_there_is_inconclusive_in_words(start: Start, command: list[str], typed: str) -> None:
    """The message names the process, its program without arguments, which may hold a token, and the system's reason."""
    with pytest.raises(InconclusiveError) as caught:
        start(*command)

    assert str(caught.value) == f"order-1 cannot be started with {typed!r}: No such file or directory"


def test_a_program_that_may_not_be_run_is_inconclusive_in_words(start: Start, tmp_path: Path) -> None:
    """A file without execute permission is named with the system's reason."""
    (tmp_path / "gateway").write_text("#!/bin/sh\n", encoding="utf-8")

    with pytest.raises(InconclusiveError, match=r"^order-1 cannot be started with './gateway': Permission denied$"):
        start("./gateway")


# How it ends


def test_a_process_ends_with_its_children(start: Start) -> None:
    """SIGTERM reaches the child of a wrapper, and both are gone when the end was seen."""
    process = start("sh", "-c", "sleep 600 & echo $!; wait")
    child = int(_output(process))
    asked = time.monotonic()
    seen = process.end(signal.SIGTERM)

    assert asked <= seen <= time.monotonic()
    assert not process.running
    _gone(child)


def test_a_child_that_ignores_sigterm_ends_behind_its_wrapper(start: Start) -> None:
    """A child that outlives the wrapper it was started by is killed."""
    process = start("sh", "-c", "(trap '' TERM; echo $(exec sh -c 'echo $PPID'); sleep 600; true) & wait")
    child = int(_output(process))
    process.end(signal.SIGTERM)

    assert not process.running
    _gone(child)


def test_a_process_that_has_ended_can_be_ended(start: Start) -> None:
    """Ending what is gone already is no mistake, the second time as little as the first."""
    process = start("true")
    _ended(process)

    assert process.end(signal.SIGTERM) <= process.end(signal.SIGKILL)


def test_a_frozen_process_takes_no_turn_until_it_thaws(start: Start) -> None:
    """Freezing is seen, thawing lets it run on, and a frozen process can be ended."""
    process = start("sh", "-c", f"echo $$; exec {sys.executable} -c '{WAITS}'")
    child = psutil.Process(int(_output(process)))
    asked = time.monotonic()

    assert asked <= process.freeze() <= time.monotonic()
    assert child.status() == psutil.STATUS_STOPPED
    assert process.thaw() >= asked

    reached(lambda: child.status() != psutil.STATUS_STOPPED, within=10, what="it runs on")
    process.freeze()
    process.end(signal.SIGTERM)

    assert not process.running


def test_the_last_words_are_the_end_of_the_log_and_how_it_ended(start: Start) -> None:
    """Status and the last lines on standard error are told; what is on standard output is not."""
    process = start("sh", "-c", "echo ledger; for n in 1 2 3 4; do echo line $n >&2; done; exit 3")
    _ended(process)

    assert process.last_words(lines=2) == "order-1 exited with status 3; last output:\nline 3\nline 4"


def test_the_last_words_of_a_process_that_said_nothing(start: Start) -> None:
    """A process that runs or was killed in silence says so."""
    process = start("python", "-c", WAITS)

    assert process.last_words() == "order-1 is running; no output"

    process.end(signal.SIGKILL)

    assert process.last_words() == "order-1 was killed by signal 9; no output"


def test_the_last_words_are_those_of_the_last_start(tmp_path: Path) -> None:
    """A process started under an old name appends to its files, and its words are its own."""
    for word in ("old", "new"):
        process = Process("order-1", ["sh", "-c", f"echo {word}; echo {word} >&2"], tmp_path, {}, tmp_path)
        _ended(process)
        process.end_everything()

    assert process.last_words().endswith("last output:\nnew")
    assert process.output.read_text(encoding="utf-8") == "old\nnew\n"
