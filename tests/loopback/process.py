"""
Processes of the loopback environment: started with a label, stopped by their id, swept by the next run.

A run puts its label into its own environment, so that everything it starts inherits it; the label identifies the run's
process. A run that was killed leaves processes whose owner no longer exists; the next run kills exactly those.
"""

import contextlib
import functools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from tests.harness.paths import ROOT
from tests.harness.world.eventually import reached
from tests.harness.world.output import last_output
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.fork_server import PROGRAMS, Forked, ForkServer

LABEL = "GRPC_LB_CONFORMANCE_RUN"
OURS = (ROOT, ROOT / "services" / "gateway")
"""The folders in which our own programs run, including that of the reference gateway's subject file."""

END_GRACE = 10.0
"""Seconds that a process may take to exit on SIGTERM before that counts as a failure."""


def run_label() -> str:
    """
    Return the label of this run: its process id, start time and pid namespace.

    So neither a reused process id nor a container with its own ids misleads a sweep.
    """
    return f"{os.getpid()}-{_started(os.getpid())}-{_pid_namespace()}"


def sweep() -> list[int]:
    """Kill the processes that killed runs left behind; return their ids."""
    return _end([process for process, label in _labelled() if is_orphaned(label)])


def end_all(label: str) -> list[int]:
    """Kill the processes of one run, except this one; return their ids."""
    return _end([process for process, owner in _labelled() if owner == label and process.pid != os.getpid()])


def _labelled() -> Iterator[tuple[psutil.Process, str]]:
    for process in psutil.process_iter():
        try:
            label = process.environ().get(LABEL)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
            continue  # exited since, or not ours to read and so not ours to kill
        if label:
            yield process, label


def _end(processes: list[psutil.Process]) -> list[int]:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=END_GRACE)
    return [process.pid for process in processes]


def is_orphaned(label: str) -> bool:
    """Say whether the run with this label no longer exists."""
    owner, started, namespace = label.split("-")
    if namespace != _pid_namespace():
        return False  # of a container, say, whose process ids differ from ours
    return _started(int(owner)) != started


def _started(pid: int) -> str:
    """Return the clock ticks between boot and the start of a process (proc(5), field 22), or "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _pid_namespace() -> str:
    return str(Path("/proc/self/ns/pid").stat().st_ino)


class Process:
    """One process of this run, in its own process group; output goes to files that outlive it."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, variables: Mapping[str, str], logs: Path
    ) -> None:
        """Start it. Raises InconclusiveError if the command cannot be run."""
        self.name = name
        self.output = logs / f"{name}.out"
        self.log = logs / f"{name}.log"
        environ = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        # `python` in a subject's command, or in a script that it runs, is the one that runs the suite
        environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
        with self.output.open("ab") as output, self.log.open("ab") as log:
            self._log_start = log.tell()
            try:
                # the run's label is in os.environ
                self._popen = _start(command, folder, {**environ, **variables}, output, log)
            except OSError as error:
                line = shlex.join(command)
                raise InconclusiveError(f"{name} cannot be started with {line!r}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it is still running."""
        return self._popen.poll() is None

    def ends_within(self, seconds: float) -> bool:
        """Wait that long for it to exit by itself, and say whether it did."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask_to_end(self) -> None:
        """Send SIGTERM to the group, and do not wait."""
        self._signal(signal.SIGTERM)

    def end(self, sent: signal.Signals) -> float:
        """
        Send SIGTERM or SIGKILL to the group, wait until it has exited and return when that was seen.

        Raises InconclusiveError if it survives SIGTERM for ten seconds; it is then killed.
        """
        self._signal(signal.SIGCONT)  # a frozen process does not handle SIGTERM
        self._signal(sent)
        try:
            self._popen.wait(END_GRACE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._popen.wait()
            raise InconclusiveError(f"{self.name} did not exit within {END_GRACE:.0f} s of {sent.name}") from None
        self._signal(signal.SIGKILL)  # children of a wrapper that exited first
        return time.monotonic()

    def freeze(self) -> float:
        """Stop it with SIGSTOP and return when it was seen stopped."""
        self._signal(signal.SIGSTOP)
        process = psutil.Process(self._popen.pid)
        return reached(lambda: process.status() == psutil.STATUS_STOPPED, within=2.0, what=f"{self.name} is frozen")

    def thaw(self) -> float:
        """Resume it with SIGCONT."""
        self._signal(signal.SIGCONT)
        return time.monotonic()

    def last_words(self, lines: int = 8) -> str:
        """Say how it exited, with its last output, for an error."""
        code = self._popen.poll()
        how = f"exited with status {code}" if code is not None and code >= 0 else f"was killed by signal {-(code or 0)}"
        return f"{self.name} {'is running' if code is None else how}{last_output(self.log, self._log_start, lines)}"

    def _signal(self, sent: signal.Signals) -> None:
        try:
            os.killpg(self._popen.pid, sent)
        except ProcessLookupError:
            return  # the whole group has exited already


@functools.cache
def _fork_server() -> ForkServer:
    return ForkServer()


def end_fork_server() -> None:
    """Stop the fork server of this process, if there is one; the next program starts a new one."""
    if _fork_server.cache_info().currsize:
        _fork_server().close()
        _fork_server.cache_clear()


def _start(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], output: IO[bytes], log: IO[bytes]
) -> "subprocess.Popen[bytes] | Forked":
    """Start our own programs through the fork server, which is equivalent and faster, and anything else directly."""
    ours = any(list(command[:3]) == ["python", "-m", module] for module in PROGRAMS) and folder in OURS
    if ours and hasattr(os, "pidfd_open"):  # Linux has it
        return _fork_server().start(*command[2:], folder=folder, environ=environ, output=output, log=log)
    return subprocess.Popen(  # noqa: S603, the subject's command is the user's own
        _found(command, folder, environ["PATH"]),
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=log,
        start_new_session=True,
    )


def _found(command: Sequence[str], folder: Path, path: str) -> list[str]:
    """Return the command with a relative program looked up next to the subject file, according to the contract."""
    program, *arguments = command
    if program == "python":
        return [sys.executable, *arguments]  # on some machines it is only called python3
    found = str(folder / program) if os.sep in program else shutil.which(program, path=path)
    return [found or program, *arguments]
