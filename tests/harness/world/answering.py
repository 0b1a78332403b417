"""Whether what a run cannot do without, an engine or a cluster, still answers: no run waits for it forever."""

import threading
from collections.abc import Callable

PING = 5.0
"""Seconds that a ping may take, on a busy machine too."""

PINGS = 3
"""So many pings in a row without a reply, and no more are sent."""


class Answering:
    """
    Remembers whether a remote left a request unanswered.

    Each request may wait a minute, and a run makes thousands. After one without a reply, each other request is preceded
    by a ping; if that has no reply either, the request is not made, and after three pings in a row nothing is sent any
    more. A remote that was just slow is used again.
    """

    def __init__(self, ping: Callable[[], bool]) -> None:
        """Take what sends a ping, and returns within PING seconds whether there was a reply."""
        self._ping = ping
        self._lock = threading.Lock()
        self._unanswered = 0

    def left_unanswered(self) -> None:
        """Note a request without a reply."""
        with self._lock:
            self._unanswered = max(self._unanswered, 1)

    def answers(self) -> bool:
        """Say whether a request is worth making."""
        with self._lock:
            if 0 < self._unanswered <= PINGS:
                self._unanswered = 0 if self._ping() else self._unanswered + 1
            return self._unanswered == 0
