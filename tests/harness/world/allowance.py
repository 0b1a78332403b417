"""
How long a behaviour may take: the sum of what its own waits and orders may take, and some time for all else.

Each of them adds its own when it begins, so the sum follows from the budgets of the behaviour, and a slow
but honest subject has more time. Those inside a wait add to it only once, as its last look may end after its time.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

SPARE = 120.0
"""*Patience.* Seconds for everything that is neither a wait nor an order: containers, files, ledgers, the judgement."""

LONGEST = 3600.0
"""The most seconds that waits and orders may add up to: what would wait without end is stopped all the same."""


class Allowance:
    """The seconds that a behaviour may take, counted from now on."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._granted = 0.0
        self._lock = threading.Lock()
        self._inside = threading.local()

    @property
    def granted(self) -> float:
        """What its waits and orders may take so far."""
        return min(self._granted, LONGEST)

    @property
    def seconds(self) -> float:
        """What it may take so far."""
        return SPARE + self.granted

    @property
    def taken(self) -> float:
        """What it has taken so far."""
        return time.monotonic() - self.began

    @contextlib.contextmanager
    def grant(self, seconds: float) -> Iterator[None]:
        """Add what the block may take."""
        longest: float | None = getattr(self._inside, "longest", None)
        self._add(seconds if longest is None else max(0.0, seconds - longest))
        self._inside.longest = 0.0 if longest is None else max(longest, seconds)
        try:
            yield
        finally:
            if longest is None:
                self._inside.longest = None

    def _add(self, seconds: float) -> None:
        with self._lock:
            self._granted += seconds


_present: Allowance | None = None


def begin() -> Allowance:
    """Begin to count for another behaviour."""
    global _present  # noqa: PLW0603, one behaviour at a time runs in a process
    _present = Allowance()
    return _present


def end() -> None:
    """Count no longer."""
    global _present  # noqa: PLW0603, likewise
    _present = None


@contextlib.contextmanager
def may_take(seconds: float) -> Iterator[None]:
    """Add to the time of the present behaviour, if there is one, what the block may take."""
    with _present.grant(seconds) if _present else contextlib.nullcontext():
        yield


def order_may_take(seconds: float) -> contextlib.AbstractContextManager[None]:
    """Add the same for one order, unless it is one of many at the same time: those who wait for them count."""
    alone = threading.current_thread() is threading.main_thread()
    return may_take(seconds) if alone else contextlib.nullcontext()
