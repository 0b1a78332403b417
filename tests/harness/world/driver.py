"""
Drivers: subjects that are called with a line of JSON on their standard input, and answer with one on standard output.

    {"ready": true}                                                out, once, when it reads its input
    {"call": 17, "id": "…", "number": …, "uuid": "…", …}           in
    {"call": 17, "code": "UNAVAILABLE", "message": "…", "ms": 4}   out, in any order

Every call ends with its deadline, no matter what a driver does; what it prints in addition is kept as its output.
"""

import contextlib
import json
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

from tests.harness.world.exchange import Answer, NoAnswerError, Request
from tests.harness.world.verdict import InconclusiveError, SubjectUnusableError

READY = '{"ready": true}'

LONGEST_LINE = 1 << 20
"""Bytes of a line; with more the driver cannot be understood."""

_PIECE = 65536


class Driver:
    """
    A running driver's standard input and output; the process that has their other ends gets `theirs`.

    What is not an answer is appended to the file `output`.
    """

    def __init__(self, output: Path) -> None:
        self.ready = threading.Event()
        theirs_in, self._input = os.pipe()
        self._output, theirs_out = os.pipe()
        self.theirs = (theirs_in, theirs_out)
        os.set_blocking(self._input, False)
        self._writing, self._lock = threading.Lock(), threading.Lock()
        self._waiting: dict[int, Future[Mapping[str, Any]]] = {}
        self._given_up: set[int] = set()
        self._next = 1
        self._wrong: Exception | None = None
        self._reader = threading.Thread(target=self._read, args=[output], name="driver", daemon=True)

    def started(self) -> None:
        """Begin to listen to the process, which has its ends of the pipes now."""
        for descriptor in self.theirs:
            os.close(descriptor)
        self._reader.start()

    def close(self) -> None:
        """Close our ends, once the process has ended."""
        with self._writing:
            if self._input >= 0:
                os.close(self._input)
            self._input = -1
        self._reader.join(1.0)  # what it started may still have its output

    def call(self, request: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """
        Return the answer to a call. Raises TimeoutError without one within these seconds.

        Raises NoAnswerError if the driver has closed its pipes, and SubjectUnusableError once it has broken the rules.
        """
        deadline = time.monotonic() + seconds
        answer: Future[Mapping[str, Any]] = Future()
        with self._lock:
            if self._wrong is not None:
                raise self._wrong
            number, self._next = self._next, self._next + 1
            self._waiting[number] = answer
        try:
            self._write(json.dumps({"call": number, **request}).encode() + b"\n", deadline)
            return answer.result(max(0.0, deadline - time.monotonic()))
        finally:
            with self._lock:
                if self._waiting.pop(number, None):
                    self._given_up.add(number)

    def _write(self, line: bytes, deadline: float) -> None:
        """Write a line, which is shorter than PIPE_BUF and so written as a whole."""
        if not self._writing.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        try:
            poll = select.poll()
            poll.register(self._input, select.POLLOUT)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            os.write(self._input, line)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise NoAnswerError("the driver has closed its standard input") from error
        finally:
            self._writing.release()

    def _read(self, output: Path) -> None:
        """Take what the driver prints, until it closes its output."""
        with output.open("ab", buffering=0) as kept:
            line = b""
            while piece := os.read(self._output, _PIECE):
                *lines, line = (line + piece).split(b"\n")
                for whole in lines:
                    self._take(whole, kept)
                if len(line) > LONGEST_LINE:
                    self._fail(SubjectUnusableError(f"the driver printed more than {LONGEST_LINE} bytes in one line"))
                    _keep(kept, line)
                    line = b""
            self._take(line, kept)
        self._fail(NoAnswerError("the driver has closed its standard output"))
        os.close(self._output)

    def _take(self, line: bytes, kept: IO[bytes]) -> None:
        said = _object_in(line)
        if "call" in said:
            self._answered(said["call"], said)
        elif said.get("ready") is True:
            self.ready.set()
        elif line:
            _keep(kept, line + b"\n")

    def _answered(self, call: object, said: Mapping[str, Any]) -> None:
        number = call if isinstance(call, int) and not isinstance(call, bool) else 0
        with self._lock:
            waiting = self._waiting.pop(number, None)
            given_up = number in self._given_up
            self._given_up.discard(number)
            again = 0 < number < self._next
        if waiting is not None:
            waiting.set_result(said)
        elif not given_up:
            how = "a second time" if again else "which it was not given"
            self._fail(SubjectUnusableError(f"the driver answered call {json.dumps(call)[:40]}, {how}"))

    def _fail(self, error: Exception) -> None:
        """End what is under way, and every later call, with this error; the first one counts."""
        with self._lock:
            self._wrong = self._wrong or error
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.set_exception(self._wrong)


class DriverCaller:
    """One caller of a driver; all of them share its standard input. The body of a request is a JSON object."""

    def __init__(self, driver: Callable[[], Driver]) -> None:
        """Take what returns the running driver: another one with each start."""
        self._driver = driver

    def exchange(self, request: Request, seconds: float) -> Answer:
        """Return the answer to a call, as JSON. Raises as `Driver.call` does."""
        return Answer(0, json.dumps(self._driver().call(json.loads(request.body), seconds)).encode())

    def close(self) -> None:
        """Nothing to do: there is no connection."""


def driver_of(gateway: object) -> Driver:
    """Return the driver that a running subject is. Raises InconclusiveError for one that is none."""
    driver = getattr(gateway, "driver", None)
    if not isinstance(driver, Driver):
        raise InconclusiveError("no driver is running")
    return driver


def _keep(kept: IO[bytes], text: bytes) -> None:
    with contextlib.suppress(OSError):  # the disk is full
        kept.write(text)


def _object_in(line: bytes) -> Mapping[str, Any]:
    """Return the JSON object that a line is, an empty one for any other line."""
    try:
        said = json.loads(line) if line.lstrip().startswith(b"{") else None
    except (ValueError, RecursionError):
        said = None
    return said if isinstance(said, dict) else {}
