"""
Whether the machine was too busy: who measures others must know how late it is itself.

The suite's own process and every order service wake ten times a second, and report when they woke more than 0.25 s
late. A sleeping process wakes soon even if a working one has to wait its turn again and again, as a gateway does that
has just started. So if the kernel counts how long the gateway's threads waited for a CPU, that is reported too when it
exceeds the same fraction of a second. What fails while one of them was late is judged again with what the machine took
(taken.py); what holds anyway, holds.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from services.order.watch import EVERY, LATE

SUITE, REPLICA, GATEWAY = "suite late", "replica late", "gateway late"
"""The timeline's events for lateness: of the suite's process, of an order service, or of the gateway."""

KEPT_WAITING = 0.25
"""Seconds per second that the gateway's threads, taken together, may wait for a CPU without a report."""


def waited(pid: int) -> float:
    """
    Return the seconds that the threads of a process have waited for a CPU since they started; 0 if it has exited.

    The second figure of /proc/PID/task/TID/schedstat (Linux Documentation/scheduler/sched-stats.rst), nanoseconds.
    """
    total = 0
    with contextlib.suppress(FileNotFoundError):  # the process exited while its threads were listed
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # the thread has exited since
                total += int(task.read_text(encoding="ascii").split()[1])
    return total / 1e9


class Pulse:
    """
    A thread that wakes ten times a second and reports by how many seconds it was late, if that is too much.

    It also reports how long the gateway waited within a second, if `gateway` returns its process id.
    """

    def __init__(
        self,
        tell: Callable[[str, float], None],
        clock: Callable[[], float] = time.monotonic,
        gateway: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Start."""
        self._tell, self._clock, self._gateway = tell, clock, gateway
        self._waits: deque[tuple[int, float]] = deque(maxlen=round(1 / EVERY) + 1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; nothing is reported after that."""
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        due = self._clock() + EVERY
        while not self._over.wait(EVERY):
            late = self._clock() - due
            if late > LATE:
                self._tell(SUITE, late)
            self._look_at_the_gateway()
            due = self._clock() + EVERY

    def _look_at_the_gateway(self) -> None:
        pid = self._gateway()
        if pid is None:
            return
        if self._waits and self._waits[0][0] != pid:
            self._waits.clear()
        self._waits.append((pid, waited(pid)))
        kept = self._waits[-1][1] - self._waits[0][1]
        if kept > KEPT_WAITING:
            self._tell(GATEWAY, kept)
            self._waits.clear()
