"""
Processes of the loopback environment: order services, and the subject's command with all that it starts.

They inherit the label of their run, which is in its environment (leftovers.py).
"""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from tests.harness.paths import ROOT
from tests.harness.world.allowance import may_take
from tests.harness.world.eventually import reached
from tests.harness.world.output import last_output
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.fork_server import PROGRAMS, Forked, ForkServer
from tests.loopback.inherited import inherited
from tests.loopback.leftovers import END_GRACE, group_of_this_run
from tests.loopback.supervised import Supervised

OURS = (ROOT, ROOT / "services" / "gateway")
"""The folders in which our own programs run, including that of the reference gateway's subject file."""


class Process:
    """One process of this run, in its own process group; output goes to files that outlive it."""

    def __init__(  # noqa: PLR0913, what a process has
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        logs: Path,
        *,
        pipes: tuple[int, int] | None = None,
    ) -> None:
        """
        Start it; `pipes` are its standard input and output if it has them, in place of none and of the output's file.

        Raises InconclusiveError if the command cannot be run.
        """
        self.name = name
        self.output = logs / f"{name}.out"
        self.log = logs / f"{name}.log"
        environ = inherited(os.environ)
        # `python` in a subject's command, or in a script that it runs, is the one that runs the suite
        environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
        with self.output.open("ab") as output, self.log.open("ab") as log:
            self._log_start = log.tell()
            try:
                # the run's label is in os.environ
                self._popen = _start(command, folder, {**environ, **variables}, output, log, pipes)
            except OSError as error:
                # not its arguments, which may hold a token: this gets into reports
                raise InconclusiveError(f"{name} cannot be started with {command[0]!r}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self._popen.pid

    @property
    def forked(self) -> bool:
        """Whether it is one of our own programs, which start nothing."""
        return isinstance(self._popen, Forked)

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

    def end_everything(self) -> None:
        """
        Kill it and all that it started, also if it has exited itself; return once nothing of it is left.

        Raises InconclusiveError if something cannot be ended.
        """
        if isinstance(self._popen, Supervised):
            self._popen.end()
        elif self.running:
            self.end(signal.SIGKILL)

    def ask_to_end(self) -> None:
        """Send SIGTERM to the group, and do not wait."""
        self._signal(signal.SIGTERM)

    def end(self, sent: signal.Signals) -> float:
        """
        Send SIGTERM or SIGKILL to the group, wait until it has exited and return when that was seen.

        What it started ends with it. Raises InconclusiveError if it survives SIGTERM for ten seconds; it is then
        killed.
        """
        self._signal(signal.SIGCONT)  # a frozen process does not handle SIGTERM
        self._signal(sent)
        try:
            with may_take(END_GRACE):
                self._popen.wait(END_GRACE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._popen.wait()
            self.end_everything()
            raise InconclusiveError(f"{self.name} did not exit within {END_GRACE:.0f} s of {sent.name}") from None
        if isinstance(self._popen, Supervised):
            self._popen.end()
        else:
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


def _start(  # noqa: PLR0913, PLR0917, what a process has
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    output: IO[bytes],
    log: IO[bytes],
    pipes: tuple[int, int] | None,
) -> "subprocess.Popen[bytes] | Forked | Supervised":
    """Fork our own programs, which is equivalent and faster; start anything else as it is, with a supervisor."""
    ours = any(list(command[:3]) == ["python", "-m", module] for module in PROGRAMS) and folder in OURS
    given, written = pipes or (subprocess.DEVNULL, output.fileno())
    found = _found(command, folder, environ["PATH"])
    if hasattr(os, "pidfd_open"):  # Linux has it
        files = [written, log.fileno(), *(pipes or ())[:1]]
        if ours:
            return _fork_server().start(*command[2:], folder=folder, environ=environ, files=files)
        group = str(group_of_this_run() or "")
        return Supervised(_fork_server(), found, folder, environ, *files, group=group)
    return subprocess.Popen(  # noqa: S603, the subject's command is the user's own
        found,
        cwd=folder,
        env=environ,
        stdin=given,
        stdout=written,
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
