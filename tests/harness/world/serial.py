"""
Calls that are placed one at a time, for a subject whose own calls carry nothing of its requests.

What arrives while a call is under way belongs to it. That holds as long as nothing arrives late: after a call that
failed, every replica first reads all that came (a fence), and a frozen replica would read it at any time, so none is
frozen. A call begins as often as each of the first calls did: once, say, or twice where each request makes two. Any
other attempt that does not retry belongs to none, as does what arrives while no call is under way: it makes a
behaviour inconclusive.
"""

import itertools
import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.world.ledger import FENCE
from tests.harness.world.order_ids import RUN
from tests.harness.world.reply import Reply
from tests.harness.world.verdict import InconclusiveError, NotJudgedError

SERIAL = "serial"
"""The attempts of a call are those that arrive while it is under way, and no other is."""

NONE = "none"
"""The attempts of a call cannot be distinguished from others."""

ARRIVALS = "arrivals"
"""Each attempt that arrives is taken for a call."""

NOT_ALONE = "the subject's calls carry nothing of its requests, so that one at a time can be judged, and not {}"

ON_ITS_OWN = (
    "{} reached the replicas that no request of the suite accounts for: the subject may call by itself, and as its "
    "calls carry nothing of its requests, none of them can be attributed then"
)


@dataclass
class _Call:
    """A call: when it had ended, and how many of its attempts do not retry."""

    id: str
    ended: float = math.inf
    begun: int = 0


class Serial:
    """
    The calls of a subject, one after the other.

    `fence` returns once the replicas have read all that has reached them. With `abandons` a call that is served may
    leave attempts behind, as with hedging. `begins` tells how often each begins, no matter how often it is retried.
    """

    def __init__(self, fence: Callable[[], None]) -> None:
        self.abandons, self.begins = False, math.inf
        self._fence = fence
        self._turn = threading.Lock()
        self._began: list[float] = []
        self._calls: list[_Call] = []

    def place(self, order_id: str, place: Callable[[], Reply]) -> Reply:
        """Place a call once no other is under way, and return its reply when nothing of it can arrive any more."""
        with self._turn:
            self._began.append(time.monotonic())
            self._calls.append(call := _Call(order_id))
            try:
                reply = place()
            finally:
                call.ended = time.monotonic()
            if not reply.ok or self.abandons:
                self._fence()
            return reply

    def owner(self, attempt: Mapping[str, Any]) -> str:
        """Return the id of the call that an attempt belongs to, "" for none."""
        index = bisect_right(self._began, attempt["monotonic"]) - 1
        call = self._calls[index] if index >= 0 else None
        if call is None or attempt["monotonic"] > call.ended:
            return ""
        if not attempt["previous_attempts"]:
            call.begun += 1
        return call.id if attempt["previous_attempts"] or call.begun <= self.begins else ""

    def begun(self, count: int) -> set[int]:
        """Return how often each of the last calls began."""
        return {call.begun for call in self._calls[-count:]}

    @staticmethod
    def check_alone(what: str) -> None:
        """Raise NotJudgedError for what cannot be done with one call at a time."""
        raise NotJudgedError(NOT_ALONE.format(what))

    @staticmethod
    def check_none_left(count: int) -> None:
        """Raise InconclusiveError if attempts arrived that belong to no call."""
        if count:
            raise InconclusiveError(ON_ITS_OWN.format(f"{count} call{'s' * (count > 1)}"))


class Owners:
    """
    Whose attempts those are that carry nothing of their call.

    With `mode` SERIAL they belong to the call that is under way, with ARRIVALS each is a call, with "" to none.
    """

    def __init__(self, serial: Serial) -> None:
        self.mode = ""
        self._serial = serial
        self._arrivals = itertools.count(1)

    def __call__(self, attempt: dict[str, Any]) -> dict[str, Any]:
        """Return an attempt of a ledger with the id of its call."""
        if not self.mode or _carries(attempt):
            return attempt
        if self.mode == ARRIVALS:
            return {**attempt, "id": f"{attempt['replica']}-{next(self._arrivals)}", "carried": ""}
        return {**attempt, "id": self._serial.owner(attempt), "carried": SERIAL}


def _carries(attempt: Mapping[str, Any]) -> bool:
    """Say whether an attempt is the suite's own, or its call is known."""
    return bool(attempt["id"].startswith(FENCE) or attempt.get("carried") or RUN in attempt["id"])
