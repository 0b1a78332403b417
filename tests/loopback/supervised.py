"""A subject's command as the run sees it: with the part of `subprocess.Popen` that is used here, and its whole end."""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.harness.world.verdict import InconclusiveError
from tests.loopback import cgroup
from tests.loopback.exits import Exit
from tests.loopback.fork_server import ForkServer
from tests.loopback.supervisor import END, LIMIT

KILLED_ITS_PARENT = "the command killed the process that started it"

SOON = 1.0
"""Seconds in which a supervisor that was not stopped reports whether the command was started."""

LONGEST = 1 << 16
"""The most bytes in a supervisor's message."""


class Supervised:
    """A command whose parent is a supervisor, which ends with it everything that it started."""

    def __init__(
        self,
        server: ForkServer,
        command: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        *files: int,
        group: str,
    ) -> None:
        """Start it. Raises OSError if it cannot be run, and InconclusiveError if the fork server has exited."""
        self._server = server
        self._lock = threading.Lock()  # several threads may wait
        self._status: int | None = None
        self._open = True
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"command": list(command), "folder": str(folder), "environ": dict(environ), "group": group}
        with theirs:
            self._supervisor = server.supervise(request, [*files, theirs.fileno()])
        self._group = Path(group) / str(self._supervisor.pid) if group else None
        words = self._hear_first() or {"errno": errno.ESRCH, "error": KILLED_ITS_PARENT}
        if "error" in words:
            self._end_without_supervisor()
            self._close()
            raise OSError(words["errno"], words["error"])
        self.pid = int(words["pid"])
        self._exit = Exit(self.pid)

    def poll(self) -> int | None:
        """Return the exit status, a negative signal number, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Wait up to this many seconds for it to exit and return its status. Raises subprocess.TimeoutExpired."""
        with self._lock:
            if self._status is None:
                if not self._exit.within(timeout):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
                self._status = self._hear_status()
            return self._status

    def _hear_status(self) -> int:
        """Return the status of the command, which has exited; the fork server reaps it if its supervisor cannot."""
        self._wake_supervisor()
        words = self._hear(LIMIT)
        return int(words["status"]) if words else self._server.reap(self.pid)

    def end(self) -> None:
        """End it and everything that it started, and return once that is so. Raises InconclusiveError if it is not."""
        with self._lock:
            left = self._end_and_close() if self._open else []
        if left:
            raise InconclusiveError(
                f"the command started processes that cannot be ended: {', '.join(left)}. It must not start anything as "
                "another user (docs/reference/contract.md)"
            )

    def _end_and_close(self) -> list[str]:
        """End everything, and return what is left."""
        self._wake_supervisor()
        with contextlib.suppress(OSError):  # the supervisor has exited
            self._control.send(END)
        left = self._hear_left()
        if left is None:
            left = self._end_without_supervisor()
        self._close()
        return left

    def _hear_left(self) -> list[str] | None:
        """Return what the supervisor could not end, None if it does not respond."""
        deadline = time.monotonic() + 3 * LIMIT
        while words := self._hear(deadline - time.monotonic()):
            if "left" in words:
                return list(words["left"])
            self._status = int(words["status"])
        return None

    def _end_without_supervisor(self) -> list[str]:
        """End everything although the subject has killed its supervisor: the fork server has adopted its children."""
        with contextlib.suppress(OSError):
            os.kill(self._supervisor.pid, signal.SIGKILL)
        self._supervisor.wait(LIMIT)
        if self._group is not None:
            cgroup.end(self._group, LIMIT)
        left = self._server.end_strays()
        self._status = -signal.SIGKILL if self._status is None else self._status
        return left

    def _hear_first(self) -> dict[str, Any] | None:
        """Return the supervisor's first words, even if the command stopped it first."""
        words = self._hear(SOON)
        if words is None:
            self._wake_supervisor()
            words = self._hear(LIMIT)
        return words

    def _wake_supervisor(self) -> None:
        with contextlib.suppress(OSError):
            os.kill(self._supervisor.pid, signal.SIGCONT)  # its child may have stopped it

    def _hear(self, seconds: float) -> dict[str, Any] | None:
        """Return what the supervisor reports within these seconds, None if it is silent or has exited."""
        self._control.settimeout(max(seconds, 0.001))
        try:
            said = self._control.recv(LONGEST)
        except OSError:
            return None
        return dict(json.loads(said)) if said else None

    def _close(self) -> None:
        self._open = False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._supervisor.wait(LIMIT)
        self._control.close()
