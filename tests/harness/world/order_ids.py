"""
The ids of the orders that this process places, and the numbers that stand for them where an id does not come through.

Both are unique, so that what arrives late of an order is never taken for a part of a later one.
"""

import itertools
import re
import threading
import time

from services.order.numbers import BLOCK, FIRST, PLANNED, SLOTS, Slot
from tests.harness.world.verdict import InconclusiveError

RUN = f"o{time.time_ns():016x}"
"""What the ids of this process begin with."""

ID = re.compile(r"(?:[^.~]+\.)?(o[0-9a-f]+)-([0-9]+)(?:~(.*))?")
"""An order of this suite: the prefix of its process, its number, and its plan."""


class OrderIds:
    """Makes ids, and finds the number of each."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._slots: dict[tuple[int, str], Slot] = {}
        self._lock = threading.Lock()

    def make(self, plan: str = "", customer: str = "") -> str:
        """Return the id of another order."""
        nonce = f"{RUN}-{next(self._numbers)}"
        return (f"{customer}." if customer else "") + nonce + (f"~{plan}" if plan else "")

    def number(self, order_id: str) -> int:
        """Return the number that stands for an order; FIRST for an id of another form."""
        found = ID.fullmatch(order_id)
        counted = int(found[2]) if found else 0
        slot = self.slot(order_id)
        if slot is None:
            return FIRST + counted % (PLANNED - FIRST)
        return PLANNED + slot.number * BLOCK + counted % BLOCK

    def slot(self, order_id: str) -> Slot | None:
        """
        Return the slot of an order's number, None for an order without a plan.

        Raises InconclusiveError once there are no more slots.
        """
        found = ID.fullmatch(order_id)
        if found is None or not found[3]:
            return None
        key = int(found[2]) // BLOCK, found[3]
        with self._lock:
            if key not in self._slots and len(self._slots) == SLOTS:
                raise InconclusiveError(f"numbers stand for the calls of {SLOTS} fault plans, and for no more")
            return self._slots.setdefault(key, Slot(len(self._slots), *key))


IDS = OrderIds()
"""Those of this process."""
