"""
Whether the machine had time for us: whoever measures others has to know how late it is itself.

The suite's own process and every order service wake ten times a second, and tell when they were woken late by more than
0.25 s. A behaviour that did not hold while one of them told so is not judged: the calls passed a gateway that had no
more time than they, and waited for a processor several times each. What holds all the same, holds.
"""

import threading
import time
from collections.abc import Callable

from services.order.watch import EVERY, LATE
from tests.harness.causes.case import Case
from tests.harness.history import Event

SUITE, REPLICA = "suite late", "replica late"
"""How the timeline names a late look: of the suite's process, and of an order service's."""


class Pulse:
    """A thread that wakes ten times a second and tells by how many seconds it was late, if that is much."""

    def __init__(self, tell: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Begin."""
        self._tell, self._clock = tell, clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is told after it."""
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        due = self._clock() + EVERY
        while not self._over.wait(EVERY):
            late = self._clock() - due
            if late > LATE:
                self._tell(late)
            due = self._clock() + EVERY


def too_busy(case: Case) -> str:
    """Return who was late, and by how much, while a behaviour was judged; "" if nobody was."""
    paused = {verb.on for verb in case.faults if verb.verb == "pause"}  # late because it was frozen
    late = [
        event
        for event in case.history.of_kind(SUITE, REPLICA)
        if event.at >= case.began and event.members.get("replica") not in paused
    ]
    worst = max(late, key=_seconds, default=None)
    if worst is None:
        return ""
    who = worst.members.get("replica", "the suite itself")
    return (
        f"not judged by this, as the machine was too busy: {who} was woken {_seconds(worst):.2f} s late, and each call "
        "waits for a processor several times"
    )


def _seconds(event: Event) -> float:
    return float(event.members["seconds"])
