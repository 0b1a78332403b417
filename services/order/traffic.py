"""Whether calls still arrive."""

import contextlib
import time
from collections.abc import Iterator

QUIET = 1.0
"""Seconds without a new call after which every client must have seen the GOAWAY: that takes milliseconds."""


class Traffic:
    """The calls in flight at a replica, and when the last one arrived."""

    def __init__(self) -> None:
        self._under_way = 0
        self._last = float("-inf")

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Count a call as in flight."""
        self._last = time.monotonic()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def over(self, since: float) -> bool:
        """Say whether no call is in flight, and none has arrived for a while, counted from `since` (monotonic) on."""
        return not self._under_way and time.monotonic() - max(since, self._last) >= QUIET
