"""
A fork server for our own Python programs: it has imported what they import, and forks itself for each of them.

A full run starts about 800 gateways and order services. Importing Python's and gRPC's modules takes 0.2 s of CPU, half
of the cost of such a run; a fork takes a hundredth of that. What runs is the same: the module as `__main__`, in a
separate session, folder and environment, with nothing of gRPC started before (gRPC has no threads until a channel or a
server is created).

Only modules of this tree are forked, and only those in PROGRAMS: a subject's own command is run unchanged, as the child
of a supervisor that is forked from here (supervisor.py).
"""

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.harness.paths import ROOT
from tests.harness.themes import modules
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.exits import Exit
from tests.loopback.inherited import inherited
from tests.loopback.supervisor import LIMIT, adopt_orphans, children, supervise

PROGRAMS = (
    "services.order",
    "services.gateway",
    "tests.behaviours.gateways",
    "tests.behaviours.another_service",
    "tests.behaviours.fronts",
)
"""What may be started: modules with a `__main__`."""

IMPORTED = ("services.order.server", "services.gateway.channel", "services.gateway.web", "tests.behaviours.gateways")
"""What they need, imported before the first fork, along with the mutants' gateways of all themes."""

STARTED = 60.0
"""*Patience.* Seconds that the server may take to import everything and start its first program."""

ANSWERS = 20.0
"""*Patience.* Seconds that it may take to start any other, or to report an exit status; both take milliseconds."""

ENDING = 1.0
"""Seconds between the server closing its socket and its exit being seen."""

UNKNOWN_STATUS = 255
"""The exit status of a program whose server has exited: only that one could know it."""

MOST_FILES = 4
"""Files that come with a request: standard output, error and input, and a supervisor's connection."""

_NUMBER = struct.Struct("!q")
"""The length before a request, and every answer: a process id or an exit status."""


class Forked:
    """A process started by the fork server, with the part of `subprocess.Popen` that is used here."""

    def __init__(self, pid: int, server: "ForkServer") -> None:
        self.pid = pid
        self._server = server
        self._exit = Exit(pid)
        self._ending = threading.Lock()
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, a negative signal number, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Wait up to this many seconds for it to exit and return its status. Raises subprocess.TimeoutExpired."""
        with self._ending:  # several threads may wait
            if self._status is None:
                if not self._exit.within(timeout):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
                self._status = self._server.reap(self.pid)
            return self._status


class ForkServer:
    """
    The server, started for the first program; it exits with the run, or when the run is killed.

    One that was killed, or that does not answer, is replaced; the programs it started keep running.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._patience = STARTED
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._popen = subprocess.Popen(  # noqa: S603, this very module
                [sys.executable, "-m", "tests.loopback.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                env={**inherited(os.environ), "GRPC_VERBOSITY": "NONE"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the run
            )

    def start(
        self,
        module: str,
        *arguments: str,
        folder: Path,
        environ: Mapping[str, str],
        files: Sequence[int],
    ) -> Forked:
        """
        Run a module of PROGRAMS in a separate session. Raises InconclusiveError if two servers in a row fail.

        `files` are those for standard output and standard error, and that for standard input if there is one.
        """
        request = {"command": [module, *arguments], "folder": str(folder), "environ": dict(environ)}
        return Forked(self._ask(request, files), self)

    def supervise(self, request: Mapping[str, Any], files: Sequence[int]) -> Forked:
        """Start a supervisor with these files (supervisor.py). Raises InconclusiveError if the server has exited."""
        return Forked(self._ask(request, files), self)

    def reap(self, pid: int) -> int:
        """Return the exit status of a process that has exited, UNKNOWN_STATUS if another server started it."""
        return self._ask({"reap": pid})

    def end_strays(self) -> list[str]:
        """End what is left of commands whose supervisor was killed, and return what cannot be ended."""
        left = self._ask({"strays": True})
        return [f"{left} processes"] if left else []

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def close(self) -> None:
        """Stop the server; the processes it started keep running."""
        self._requests.close()
        self._popen.kill()  # it has nothing to finish, and may have been stopped
        self._popen.wait()

    def _ask(self, request: Mapping[str, Any], files: Sequence[int] = ()) -> int:
        """Return the server's answer, or that of the one which replaces it. Raises InconclusiveError."""
        with self._lock:
            try:
                return self._answered(request, files)
            except OSError:  # TimeoutError among them
                self.close()
                self._start()
            try:
                return self._answered(request, files)
            except OSError:
                how = self._how_it_failed()
                self.close()
                raise InconclusiveError(f"the fork server fails, and so does a new one: {how}") from None

    def _how_it_failed(self) -> str:
        try:
            return f"it exited with status {self._popen.wait(ENDING)}"
        except subprocess.TimeoutExpired:
            return "it does not answer"

    def _answered(self, request: Mapping[str, Any], files: Sequence[int]) -> int:
        self._requests.settimeout(self._patience)
        body = json.dumps(request).encode()
        socket.send_fds(self._requests, [_NUMBER.pack(len(body))], files)
        self._requests.sendall(body)
        answer = _received(self._requests, _NUMBER.size)
        if len(answer) < _NUMBER.size:
            raise ConnectionError
        self._patience = ANSWERS
        (number,) = _NUMBER.unpack(answer)
        return int(number)


def _received(connection: socket.socket, count: int) -> bytes:
    """Return so many bytes, fewer if the connection ends before."""
    received = bytearray()
    while len(received) < count and (piece := connection.recv(count - len(received))):
        received += piece
    return bytes(received)


def serve(requests: socket.socket) -> None:
    """Fork for each request until the run closes its end of the socket."""
    ours: set[int] = set()
    while True:
        length, files, *_ = socket.recv_fds(requests, _NUMBER.size, MOST_FILES)
        if len(length) < _NUMBER.size:
            return
        request = json.loads(_received(requests, *_NUMBER.unpack(length)))
        if "reap" in request:
            requests.sendall(_NUMBER.pack(_status_of(request["reap"])))
            ours.discard(request["reap"])
        elif "strays" in request:
            requests.sendall(_NUMBER.pack(_end_strays(ours)))
        elif pid := os.fork():
            ours.add(pid)
        else:
            _become(request, files, requests)
        for file in files:
            os.close(file)


def _end_strays(ours: set[int]) -> int:
    """Kill the children that were adopted and not started here, and theirs, and return how many cannot be killed."""
    deadline = time.monotonic() + LIMIT
    while strays := set(children(os.getpid())) - ours:
        for pid in strays:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _wait_for_any(strays)
        reaped = [pid for pid in strays if os.waitpid(pid, os.WNOHANG)[0]]
        if not reaped and time.monotonic() > deadline:
            return len(strays)
    return 0


def _wait_for_any(pids: set[int]) -> None:
    """Wait for a moment, or until one of these children has exited."""
    poll = select.poll()
    with contextlib.ExitStack() as stack:
        for pid in pids:
            pidfd = os.pidfd_open(pid)
            stack.callback(os.close, pidfd)
            poll.register(pidfd, select.POLLIN)
        poll.poll(100)


def _status_of(pid: int) -> int:
    """Return the exit status of a child that has exited, UNKNOWN_STATUS if it is not a child."""
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return UNKNOWN_STATUS
    return os.waitstatus_to_exitcode(status)


def _become(request: Mapping[str, Any], files: Sequence[int], requests: socket.socket) -> None:
    """Become the requested program, from here to the end of this process."""
    status = 1
    try:
        os.setsid()
        requests.sendall(_NUMBER.pack(os.getpid()))  # once it can be signalled as a group
        requests.close()
        if "group" in request:
            supervise(request, files)
            os._exit(0)
        for own, given in zip((1, 2, 0), files, strict=False):
            os.dup2(given, own)
            os.close(given)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environ"])
        status = _run(*request["command"])
    except BaseException:  # noqa: BLE001, the end of a process, as Python itself ends one
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):  # the disk is full
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _run(module: str, *arguments: str) -> int:
    """Run a module as `python -m` does and return its exit status."""
    sys.argv = [module, *arguments]
    sys.modules.pop(module, None)  # it runs again, as __main__
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return end.code or 0
    return 0


def main() -> None:
    """Import, then serve on the inherited socket."""
    for module in IMPORTED:
        importlib.import_module(module)
    modules("gateways")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    adopt_orphans()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        serve(requests)


if __name__ == "__main__":
    main()
