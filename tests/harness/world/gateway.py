"""
The running subject, and the one place for it in an environment.

A gateway that has exited by itself is never replaced silently: that counts against the behaviour during which or after
which it did.
"""

import contextlib
from collections.abc import Callable
from typing import Protocol

from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError


class Gateway(Protocol):
    """The running subject."""

    @property
    def url(self) -> str:
        """Where orders are placed."""

    @property
    def running(self) -> bool:
        """Whether it is still running."""

    @property
    def pid(self) -> int | None:
        """Its process id on this machine, None if unknown."""

    def check(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if it has exited by itself."""

    def end(self) -> None:
        """Take it down, with everything it held."""


class Seat:
    """
    The place of the gateway; drivers put each one there, and take it from there before they end it.

    `accuse` takes how a gateway exited by itself after the last behaviour that it served.
    """

    def __init__(self, timeline: Callable[[], Timeline]) -> None:
        self.gateway: Gateway | None = None
        self.accuse: Callable[[str], object] = str  # without a run, for none
        self._timeline = timeline
        self._known_dead: Gateway | None = None
        self._stopped: Gateway | None = None

    @property
    def taken(self) -> Gateway:
        """The gateway. Raises InconclusiveError if there is none."""
        if self.gateway is None:
            raise InconclusiveError("no gateway was started")
        return self.gateway

    def check(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if the gateway has exited by itself."""
        gateway = self.taken
        if gateway is self._stopped:
            return
        try:
            gateway.check()
        except SubjectDiedError as error:
            self._known_dead = gateway
            self._record(error)
            raise

    def stopped(self) -> None:
        """Note that the gateway received SIGTERM: that it exits does not count against it."""
        self._stopped = self.taken

    def check_end(self) -> None:
        """Raise SubjectDiedError if it has exited by itself by the end of a behaviour."""
        if self.gateway is not None and not self.gateway.running:
            self.check()

    def leave(self) -> Gateway | None:
        """
        Return the gateway, for a driver to end before it starts another; None if there is none.

        Raises SubjectDiedError if it has exited by itself; it is then ended.
        """
        try:
            return self._left()
        except SubjectDiedError as error:
            self._record(error)
            raise

    def last(self) -> Gateway | None:
        """Return the gateway, as `leave` does, after the behaviour; `accuse` takes how it exited."""
        try:
            return self._left()
        except SubjectDiedError as error:
            self.accuse(str(error))
            return None

    def end(self) -> None:
        """End the gateway after the behaviour, if there is one, as `last` hands it over."""
        if gateway := self.last():
            gateway.end()

    def _left(self) -> Gateway | None:
        gateway, self.gateway = self.gateway, None
        if gateway is None or gateway.running or gateway in (self._known_dead, self._stopped):
            return gateway
        try:
            with contextlib.suppress(InconclusiveError):  # only the way to it is broken
                gateway.check()
        except SubjectDiedError:
            gateway.end()
            raise
        return gateway

    def _record(self, error: SubjectDiedError) -> None:
        self._timeline().record("gateway ended", message=str(error))
