"""
The fault plans that a replica was sent, for calls that carry no more than a plan's mark, or a number (correlation.py).

They arrive in orders placed straight at it, `fence-<number>.plan-<hex digits of the plan's text>`, before the first
call that has the plan; `.slot-<hex digits>` is the same for a slot of numbers (numbers.py): slot, block and plan with
spaces between them, and `.now-<hex digits>` the plan of all calls that carry nothing, until the next one. A replica
that restarted, or was frozen, may see that call before the plan: it waits.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from services.order.correlation import BY_KEY, BY_NUMBER, NO_PLAN, find, mark_of
from services.order.numbers import ABSENT, FIRST, Slot, slot_of

TELLS, NUMBERS, NOW = ".plan-", ".slot-", ".now-"
"""What precedes the plan, the slot, or the plan of calls that carry nothing, in the id of an order that tells it."""

ANY_CALL = "any"
"""Stands for the id of a call that carries nothing, and has a plan all the same."""

UNTOLD = "?"
"""Stands for a plan that never arrived."""

PATIENCE = 2.0
"""Seconds that a call waits for its plan to arrive; that takes milliseconds."""

Key = TypeVar("Key")
Plan = TypeVar("Plan")


class Plans:
    """
    The plans by their marks and slots.

    `run` is what the ids begin with that numbers stand for; without one none are looked for.
    """

    def __init__(self, run: str = "") -> None:
        self._run = run
        self._known = {NO_PLAN: ""}
        self._slots: dict[int, Slot] = {}
        self._now = ""
        self._changed = asyncio.Event()

    def learn(self, order_id: str) -> None:
        """Keep the plan that an order tells, if it does. Raises ValueError for one not written in hex digits."""
        if NOW in order_id:
            self._now = _text(order_id, NOW)
            return
        if TELLS in order_id:
            plan = _text(order_id, TELLS)
            self._known[mark_of(plan)] = plan
        elif NUMBERS in order_id:
            number, block, plan = _text(order_id, NUMBERS).split(" ", 2)
            self._slots[int(number)] = Slot(int(number), int(block), plan)
        else:
            return
        self._changed.set()
        self._changed = asyncio.Event()

    async def call(self, request: bytes, metadata: Iterable[tuple[str, str | bytes]]) -> tuple[str, str]:
        """
        Return the id of the call that an attempt belongs to, with its plan, and what tells where that was.

        The latter is "" if it carries nothing of its call; the former, too, unless there is a plan for that. The plan
        is one that does not parse if it never arrives, as the call must fail then.
        """
        found = find(request, metadata, numbers=bool(self._run))
        if found.number != ABSENT:
            return await self._numbered(found.number), f"{BY_NUMBER}{found.where}"
        if not found.where:
            return f"{ANY_CALL}~{self._now}" if self._now else "", ""
        if not found.mark:
            return found.id, found.where
        plan = await self._known_by(found.mark, self._known)
        known = UNTOLD if plan is None else plan
        return (f"{found.id}~{known}" if known else found.id), f"{BY_KEY}{found.where}"

    async def _numbered(self, number: int) -> str:
        index = slot_of(number)
        if index < 0:
            return f"{self._run}-{number - FIRST}"
        slot = await self._known_by(index, self._slots)
        return slot.order_id(self._run, number) if slot else f"{self._run}-{number}~{UNTOLD}"

    async def _known_by(self, key: Key, known: Mapping[Key, Plan]) -> Plan | None:
        """Return what is known by a key, as soon as it is; None if that takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while key not in known:
                    await self._changed.wait()
        return known.get(key)


def _text(order_id: str, tells: str) -> str:
    return bytes.fromhex(order_id.partition(tells)[2]).decode()


def telling(fence: str, plan: str) -> str:
    """Return the id of an order that tells a plan; a fence is what makes it none of the subject's."""
    return f"{fence}{TELLS}{plan.encode().hex()}"


def planning(fence: str, plan: str) -> str:
    """Return the id of an order that tells the plan of calls that carry nothing."""
    return f"{fence}{NOW}{plan.encode().hex()}"


def numbering(fence: str, slot: Slot) -> str:
    """Return the id of an order that tells what a slot of numbers stands for."""
    return f"{fence}{NUMBERS}{' '.join(map(str, slot)).encode().hex()}"
