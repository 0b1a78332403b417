"""The exit of a process: of a child, or of any other."""

import contextlib
import os
import select
import weakref


class Exit:
    """The exit of the process that has this id now; one that is not reaped yet has exited, too. Linux only."""

    def __init__(self, pid: int) -> None:
        self._pidfd: int | None = None
        with contextlib.suppress(ProcessLookupError):  # it has exited, and was reaped
            self._pidfd = os.pidfd_open(pid)
            weakref.finalize(self, os.close, self._pidfd)

    def within(self, seconds: float | None) -> bool:
        """Wait that long for it, or forever, and say whether it has come."""
        if self._pidfd is None:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))
