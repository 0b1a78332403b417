"""The subject on loopback: one process with its own HTTP address."""

import contextlib
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.harness.subject.subject import Subject
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import SubjectDiedError, SubjectUnusableError
from tests.loopback.process import Process

START = 20.0
"""*Patience.* Seconds that a gateway may take to listen; a cold JVM needs a few."""


DYING = 0.3
"""Seconds between a process closing its sockets and its exit being seen."""


def listener_of(pid: int, address: tuple[str, int]) -> int:
    """Return which of a process and its descendants listens at an address: a wrapper does not. The process, if none."""
    with contextlib.suppress(psutil.Error):
        for process in (family := psutil.Process(pid), *family.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                sockets = process.net_connections("tcp")
                if any(one.status == psutil.CONN_LISTEN and one.laddr.port == address[1] for one in sockets):
                    return process.pid
    return pid


class LoopbackGateway:
    """A running gateway; the constructor returns once it listens. `pid` is the id of the process that does."""

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
            within = max(START, subject.promises.start_within)
            self.listened = reached(self._listens, within=within, what=what, error=SubjectUnusableError)
            self.pid = listener_of(self._process.pid, address)
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

    def check(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if it has exited by itself."""
        if self._process.ends_within(DYING):
            raise SubjectDiedError(self._process.last_words())

    def end(self) -> None:
        """Kill it, with everything it held: the next behaviour starts from scratch."""
        if self.running:
            self._process.end(signal.SIGKILL)

    def _listens(self) -> bool:
        if not self.running:
            raise SubjectUnusableError(f"the gateway does not start: {self._process.last_words()}")
        with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=1.0):
            return True
        return False
