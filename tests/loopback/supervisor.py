"""
The parent of a subject's command, so that nothing which the command starts outlives it.

It adopts every descendant whose parent has exited (PR_SET_CHILD_SUBREAPER, prctl(2)), in any session, and kills them
all when the run requests it, or when the run ends, killed or not. Where the run has a control group, the command also
gets one. No rights are needed for that. What is not a descendant cannot be reached: a container belongs to its engine.
So the client of one is first given the time to end it.

    "end"                           from the run: end everything
    {"pid": N}                      the command was started; or {"errno": N, "error": WORDS} if it cannot be
    {"status": N}                   it has exited, as `subprocess.Popen.returncode`
    {"left": ["PID (NAME)", …]}     everything was ended, except these, of another user perhaps
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.loopback import cgroup

END = b"end"

LIMIT = 10.0
"""Seconds that killed processes may take to exit, and that the client of a container may take to end it."""

CLIENTS = ("docker", "podman", "nerdctl")
"""Programs that start what is not their child, and end it on SIGTERM."""

_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose parent exits. Raises OSError."""
    if _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def children(parent: int) -> list[int]:
    """Return the ids of the processes whose parent this is (proc(5), /proc/PID/stat, field 4)."""
    return [pid for pid, above in _parents().items() if above == parent]


def _parents() -> dict[int, int]:
    """Return the parent of every process."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208, as fast as it gets
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123, likewise
                found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


class Supervisor:
    """The process that is the parent of one command; `group` is the control group of the run, if it has one."""

    def __init__(self, control: socket.socket, group: Path | None) -> None:
        self._control = control
        self._run_group = group
        self._group: Path | None = None
        self._pid = 0
        self._wake, wake = socket.socketpair()
        for end in (self._wake, wake):
            end.setblocking(False)  # noqa: FBT003, as socket has it
        self._wake_end = wake
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self, command: Mapping[str, Any], output: int, log: int, *given: int) -> None:
        """Start the command, with its standard input if one is given, watch over it, and end everything."""
        try:
            with self._own_group():
                started = subprocess.Popen(  # noqa: S603, the subject's command is the user's own
                    command["command"],
                    cwd=command["folder"],
                    env=command["environ"],
                    stdin=given[0] if given else subprocess.DEVNULL,
                    stdout=output,
                    stderr=log,
                    start_new_session=True,
                )
            for file in (output, *given):  # the command is the only one that has them: its end is seen
                os.close(file)
        except OSError as error:
            self._say(errno=error.errno, error=error.strerror)
            self._end()
            return
        self._pid = started.pid
        self._say(pid=self._pid)
        self._watch()
        self._say(left=self._end())

    @contextlib.contextmanager
    def _own_group(self) -> Iterator[None]:
        """Be in a control group for this command alone, if there can be one."""
        with contextlib.ExitStack() as stack:
            if self._run_group is not None:
                self._group = self._run_group / str(os.getpid())
                try:
                    self._group.mkdir()
                    stack.enter_context(cgroup.joined(self._group, self._run_group.parent))
                except OSError:  # a run that is ending has removed its group
                    self._group = None
            yield

    def _say(self, **words: object) -> None:
        with contextlib.suppress(OSError):  # the run has ended
            self._control.send(json.dumps(words).encode())

    def _watch(self) -> None:
        """Reap what exits, until the run requests the end of everything, or ends itself."""
        poll = select.poll()
        for readable in (self._control, self._wake):
            poll.register(readable, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            self._reap()
            if self._control.fileno() in ready:
                return

    def _reap(self) -> bool:
        """Reap what has exited, and say whether any child is left."""
        with contextlib.suppress(BlockingIOError):
            while self._wake.recv(4096):
                pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._pid:
                self._say(status=os.waitstatus_to_exitcode(status))

    def _end(self) -> list[str]:
        """End every descendant, and return those that could not be ended."""
        self._let_clients_end()
        if self._group is not None:
            cgroup.end(self._group, LIMIT)
        deadline = time.monotonic() + LIMIT
        while self._reap() and time.monotonic() < deadline:
            for pid in children(os.getpid()):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self._wait(0.2)
        return [f"{pid} ({_name(pid)})" for pid in children(os.getpid())] if self._reap() else []

    def _let_clients_end(self) -> None:
        """Give the clients of containers time to end what they started."""
        clients = [pid for pid in self._descendants() if _name(pid) in CLIENTS]
        for pid in clients:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + LIMIT
        while set(clients) & set(self._descendants() if clients else ()) and time.monotonic() < deadline:
            self._wait(0.2)
            self._reap()

    def _descendants(self) -> list[int]:
        if self._group is not None:
            return cgroup.members(self._group)
        parents, found = _parents(), [os.getpid()]
        for above in found:  # grows as we go
            found += [pid for pid, parent in parents.items() if parent == above]
        return found[1:]

    def _wait(self, seconds: float) -> None:
        """Wait until a child has exited, or for that long."""
        select.select([self._wake], [], [], seconds)


def supervise(request: Mapping[str, Any], files: Sequence[int]) -> None:
    """
    Be the supervisor of this request.

    Files are those for standard output and standard error, that for standard input if there is one, and the connection.
    """
    output, log, *given, control = files
    adopt_orphans()
    group = Path(request["group"]) if request["group"] else None
    with socket.socket(fileno=control) as connection:
        Supervisor(connection, group).run(request, output, log, *given)
