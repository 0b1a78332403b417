"""The subject on loopback: one process with its own HTTP address."""

import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from tests.harness.subject.subject import Subject
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import SubjectDiedError, SubjectUnusableError
from tests.loopback.inherited import secrets
from tests.loopback.process import Process

START = 20.0
"""*Patience.* Seconds that a gateway may take to listen; a cold JVM needs a few."""


DYING = 0.3
"""Seconds between a process closing its sockets and its exit being seen."""


MOST = 5
"""Names of variables in a message."""


class LoopbackGateway:
    """A running gateway; the constructor returns once it listens."""

    def __init__(self, subject: Subject, address: tuple[str, int], variables: Mapping[str, str], folder: Path) -> None:
        """Start the subject on that HTTP address. Raises SubjectUnusableError if it exits or never listens."""
        if not subject.command:
            raise SubjectUnusableError("the subject file has no [loopback] command")
        self._address = address
        self._host_and_port = f"{address[0]}:{address[1]}"
        self._process = Process(
            "gateway",
            subject.command,
            subject.folder,
            {**variables, "HTTP_ADDRESS": self._host_and_port},
            folder,
        )
        what = f"the gateway listens on HTTP_ADDRESS={self._host_and_port}"
        try:
            self.listened = reached(self._listens, within=START, what=what, error=SubjectUnusableError)
        except BaseException:
            self.end()
            raise

    @property
    def url(self) -> str:
        """Where orders are placed."""
        return f"http://{self._host_and_port}"

    @property
    def running(self) -> bool:
        """Whether its process is running."""
        return self._process.running

    @property
    def pid(self) -> int:
        """Its process id; that of the wrapper, if the command starts one."""
        return self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._address

    @property
    def may_leave_something(self) -> bool:
        """Whether its command is the user's own, and may have started what is not its child."""
        return not self._process.forked

    def check(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if it has exited by itself."""
        if self._process.ends_within(DYING):
            raise SubjectDiedError(self._process.last_words())

    def end(self) -> None:
        """Kill it and all that it started: the next behaviour starts from scratch. Raises InconclusiveError."""
        self._process.end_everything()

    def _listens(self) -> bool:
        if not self.running:
            raise SubjectUnusableError(f"the gateway does not start: {self._process.last_words()}{_withheld()}")
        with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=1.0):
            return True
        return False


def _withheld() -> str:
    """Return what a gateway that exits may have missed: the variables of this shell that look like secrets."""
    names = secrets(os.environ)
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"\nnot inherited, --pass-variables=NAME passes it: {', '.join(names[:MOST])}{more}" if names else ""
