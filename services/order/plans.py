"""
The fault plans that a replica was sent, for calls that carry no more than a plan's mark (correlation.py).

They arrive in orders placed straight at it, `fence-<number>.plan-<hex digits of the plan's text>`, before the first
call that has the plan. A replica that restarted, or was frozen, may see that call before the plan: it waits.
"""

import asyncio
import contextlib

from services.order.correlation import NO_PLAN, mark_of

TELLS = ".plan-"
"""What precedes the plan in the id of an order that tells one."""

UNTOLD = "?"
"""Stands for a plan that never arrived."""

PATIENCE = 2.0
"""Seconds that a call waits for its plan to arrive; that takes milliseconds."""


class Plans:
    """The plans by their marks."""

    def __init__(self) -> None:
        self._known = {NO_PLAN: ""}
        self._changed = asyncio.Event()

    def learn(self, order_id: str) -> None:
        """Keep the plan that an order tells, if it does. Raises ValueError for one not written in hex digits."""
        _, tells, digits = order_id.partition(TELLS)
        if tells:
            plan = bytes.fromhex(digits).decode()
            self._known[mark_of(plan)] = plan
            self._changed.set()
            self._changed = asyncio.Event()

    async def plan(self, mark: str) -> str:
        """Return the plan of this mark; one that does not parse if it never arrives, as the call must fail then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while mark not in self._known:
                    await self._changed.wait()
        return self._known.get(mark, UNTOLD)


def telling(fence: str, plan: str) -> str:
    """Return the id of an order that tells a plan; a fence is what makes it none of the subject's."""
    return f"{fence}{TELLS}{plan.encode().hex()}"
