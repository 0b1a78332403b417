"""The subject on loopback: one process with its own address, or with a driver's standard input and output."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from tests.harness.subject.subject import Subject
from tests.harness.world.driver import READY, Driver
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import SubjectDiedError, SubjectUnusableError
from tests.loopback.exits import Exit
from tests.loopback.inherited import secrets
from tests.loopback.process import Process

START = 20.0
"""*Patience.* Seconds that a gateway may take to listen; a cold JVM needs a few."""


DYING = 0.3
"""Seconds between a process closing its sockets and its exit being seen."""


MOST = 5
"""Names of variables in a message."""


def listener_of(pid: int, address: tuple[str, int]) -> int:
    """Return which of a process and its descendants listens at an address: a wrapper does not. The process, if none."""
    with contextlib.suppress(psutil.Error):
        for process in (family := psutil.Process(pid), *family.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                sockets = process.net_connections("tcp")
                if any(one.status == psutil.CONN_LISTEN and one.laddr.port == address[1] for one in sockets):
                    return process.pid
    return pid


def listening_elsewhere(pid: int) -> str:
    """Return where a process and its descendants listen, for an error; "" if they do not."""
    found: set[str] = set()
    with contextlib.suppress(psutil.Error):
        for process in (family := psutil.Process(pid), *family.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                sockets = process.net_connections("tcp")
                found |= {f"{one.laddr.ip}:{one.laddr.port}" for one in sockets if one.status == psutil.CONN_LISTEN}
    return f"; it listens on {', '.join(sorted(found)[:MOST])}" if found else ""


class LoopbackGateway:
    """
    A running gateway; the constructor returns once it listens. `pid` is the id of the process that does.

    A `driver` does not listen: it has started once it prints that it is ready. A subject that calls by itself has
    started once its process has.
    """

    def __init__(self, subject: Subject, address: tuple[str, int], variables: Mapping[str, str], folder: Path) -> None:
        """Start the subject on that HTTP address. Raises SubjectUnusableError if it exits or never listens."""
        if not subject.command:
            raise SubjectUnusableError("the subject file has no [loopback] command")
        self._listener: Exit | None = None
        self._address = address
        self._host_and_port = f"{address[0]}:{address[1]}"
        self.driver = Driver(folder / "gateway.out") if subject.front == "stdio" else None
        self._process = Process(
            "gateway",
            subject.command,
            subject.folder,
            {**variables, "HTTP_ADDRESS": self._host_and_port},
            folder,
            pipes=self.driver.theirs if self.driver else None,
        )
        if self.driver:
            self.driver.started()
        what, has_started = {
            "stdio": (f"the driver prints {READY}", self._is_ready),
            "self": ("the program runs", self._runs),
        }.get(subject.front, (f"the gateway listens on HTTP_ADDRESS={self._host_and_port}", self._listens))
        try:
            within = max(START, subject.promises.start_within)
            self.listened = self._once_started(has_started, within, what)
            self.pid = listener_of(self._process.pid, address)
            if self.pid != self._process.pid and hasattr(os, "pidfd_open"):  # Linux has it
                self._listener = Exit(self.pid)
        except BaseException:
            self.end()
            raise

    @property
    def url(self) -> str:
        """Where orders are placed."""
        return f"http://{self._host_and_port}"

    @property
    def running(self) -> bool:
        """Whether it runs: a command may start what listens, and exit."""
        return self._process.running or (self._listener is not None and not self._listener.within(0))

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
        if self.ends_within(DYING):
            raise SubjectDiedError(self._process.last_words())

    def ask_to_stop(self) -> None:
        """Send SIGTERM to it and to all that it started, and do not wait."""
        self._process.ask_to_end()

    def ends_within(self, seconds: float) -> bool:
        """Wait that long for it to exit, its command and what listens, and say whether it did."""
        deadline = time.monotonic() + seconds
        if not self._process.ends_within(seconds):
            return False
        return self._listener is None or self._listener.within(max(0.0, deadline - time.monotonic()))

    def end(self) -> None:
        """Kill it and all that it started: the next behaviour starts from scratch. Raises InconclusiveError."""
        self._process.end_everything()
        if self.driver:
            self.driver.close()

    def _once_started(self, has_started: Callable[[], bool], within: float, what: str) -> float:
        try:
            return reached(has_started, within=within, what=what, error=SubjectUnusableError)
        except SubjectUnusableError as error:
            elsewhere = listening_elsewhere(self._process.pid) if has_started == self._listens else ""
            raise SubjectUnusableError(f"{error}{elsewhere}") from None

    def _runs(self) -> bool:
        if not self.running:
            raise SubjectUnusableError(f"the gateway does not start: {self._process.last_words()}{_withheld()}")
        return True

    def _is_ready(self) -> bool:
        return self._runs() and self.driver is not None and self.driver.ready.is_set()

    def _listens(self) -> bool:
        self._runs()
        with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=1.0):
            return True
        return False


def _withheld() -> str:
    """Return what a gateway that exits may have missed: the variables of this shell that look like secrets."""
    names = secrets(os.environ)
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"\nnot inherited, --pass-variables=NAME passes it: {', '.join(names[:MOST])}{more}" if names else ""
