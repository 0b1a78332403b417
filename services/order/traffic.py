"""Whether calls still come."""

import contextlib
import time
from collections.abc import Iterator

QUIET = 1.0
"""Seconds without a new call after which whoever was told to open no more has heard it: that takes milliseconds."""


class Traffic:
    """The calls that a replica has under way, and when the last one came."""

    def __init__(self) -> None:
        self._under_way = 0
        self._last = float("-inf")

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Count a call as under way."""
        self._last = time.monotonic()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def over(self, since: float) -> bool:
        """Say whether no call is under way, and none has come for a while, that begins at `since` (monotonic)."""
        return not self._under_way and time.monotonic() - max(since, self._last) >= QUIET
