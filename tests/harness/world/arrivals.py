"""
What stands for orders where the subject calls by itself, [call] self: the attempts that arrive at the replicas.

A load is what arrives while it lasts, and a block so many arrivals in a row. A reply then tells who served a call and
when, as the ledgers do, and nothing of what the program made of it: behaviours that need that, or a plan, or a call at
a certain moment, are not judged (the mark `by_arrivals` names those that are).
"""

import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.harness.world.allowance import may_take
from tests.harness.world.ledger import Attempt
from tests.harness.world.load import Load
from tests.harness.world.orders import Orders
from tests.harness.world.reply import ARRIVED, Block, Reply
from tests.harness.world.verdict import InconclusiveError, SubjectUnusableError

START = 20.0
"""*Patience.* Seconds that a program may take to make its first call, as any gateway may to listen."""

SLOWEST = 5.0
"""Calls per second: with fewer, a window of them lasts longer than what is to be seen in it."""

RATE_OVER = 1.0
"""Seconds of calls that the rate is measured over."""

LOOK = 0.02
"""Seconds between two looks at the ledgers."""

CALLED_NONE = (
    "the program called no replica within {:.1f} s: it dials something else than its target, or does not call by itself"
)


class Arrivals(Orders):
    """
    The calls that a program makes.

    `seen` returns the attempts since a monotonic time as far as the ledgers were written, and `attempts`, of `Orders`,
    all of them.
    """

    def __init__(  # noqa: PLR0913, one argument for each end that a call has
        self,
        attempts: Callable[[float], list[Attempt]],
        seen: Callable[[float], list[Attempt]],
        patience: float,
        *,
        check_alive: Callable[[], None] = lambda: None,
        keep: Callable[[Reply], None] = lambda _: None,
        kept: set[str] | None = None,
    ) -> None:
        """Take also what raises if the program has exited, what receives every reply, and the ids of those it has."""
        super().__init__(str, attempts, patience, check_alive=check_alive, keep=keep)
        self._seen = seen
        self._kept = set() if kept is None else kept
        self._keeping = threading.Lock()
        self._since = time.monotonic()  # when the calls arrive at the earliest that are returned one by one

    def one(self, plan: str = "", customer: str = "") -> Reply:
        """Wait for the next call that it has not returned yet; one without a status if none comes."""
        began = time.monotonic()
        if not self._wait_for(1, self._since, START):
            return Reply("none", began, time.monotonic(), None, None, message=CALLED_NONE.format(START))
        first = self.arrived(self._since)[0]
        self._since = math.nextafter(first.sent, math.inf)
        return first

    def place(
        self,
        count: int = 1,
        *,
        plan: str = "",
        callers: int = 1,
        rate: float | None = None,
        reconnect: bool = False,
    ) -> Block:
        """Wait for so many calls and return them. Raises InconclusiveError if they do not come."""
        if plan:
            raise InconclusiveError("a program that calls by itself cannot be given a plan")
        since, within = time.monotonic(), START + 2 * count / SLOWEST
        came = self._wait_for(count, since, within)
        if came < count:
            raise InconclusiveError(f"the program made {came} calls in {within:.1f} s: it must continue to call")
        return self.block(self.arrived(since, complete=True)[:count], since)

    def load(
        self, rate: float | None = None, *, plan: str = "", limit: int | None = None, lasting: float | None = None
    ) -> Load:
        """Return the calls from now on until the end of the with block."""
        if plan:
            raise InconclusiveError("a program that calls by itself cannot be given a plan")
        return ArrivingLoad(self, self.measured_rate())

    def measured_rate(self) -> float:
        """Return how many calls it made per second in the last second, at least the slowest rate that is judged."""
        return max(len(self._seen(time.monotonic() - RATE_OVER)) / RATE_OVER, SLOWEST)

    def first(self) -> float:
        """Wait for a call, and return when it arrived. Raises SubjectUnusableError if none does."""
        if not self._wait_for(1, self._since, START):
            raise SubjectUnusableError(CALLED_NONE.format(START))
        return self.arrived(self._since)[0].sent

    def check_rate(self) -> None:
        """Measure the rate. Raises SubjectUnusableError for one that is too slow to be judged."""
        since = time.monotonic()
        wanted = int(SLOWEST * RATE_OVER)
        count = self._wait_for(wanted, since, 2 * RATE_OVER)
        if count < wanted:
            raise SubjectUnusableError(
                f"the program made {count} calls in {2 * RATE_OVER:.0f} s: at least {SLOWEST:.0f} a second are needed"
            )

    def arrived(self, since: float, *, complete: bool = False) -> list[Reply]:
        """Return the calls since a monotonic time, in the order in which they arrived."""
        attempts = (self._attempts if complete else self._seen)(since)
        replies = [_reply(attempt) for attempt in sorted(attempts, key=lambda attempt: attempt.arrived)]
        with self._keeping:
            for reply in replies:
                if reply.id not in self._kept:
                    self._kept.add(reply.id)
                    self.keep(reply)
        return replies

    def _wait_for(self, count: int, since: float, within: float) -> int:
        """Wait for so many calls, and return how many came. Raises SubjectDiedError if the program has exited."""
        deadline = time.monotonic() + within
        with may_take(within):
            while (came := len(self._seen(since))) < count and time.monotonic() < deadline:
                self.check_alive()
                time.sleep(LOOK)  # a ledger has no event
        return came


class ArrivingLoad(Load):
    """The calls that arrive from its start on, until it ends."""

    def __init__(self, arrivals: Arrivals, rate: float) -> None:
        self._arrivals = arrivals
        self.rate = rate
        self.started = time.monotonic()
        self.seen = lambda _replies, _error: None
        self.done = threading.Event()
        self._all: list[Reply] | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: what arrives later does not belong to it."""
        self._all = self._arrivals.arrived(self.started, complete=True)

    def look(self) -> tuple[list[Reply], list[float]]:
        """Return the calls so far; none of those that are under way is known. Raises if the program has exited."""
        if self._all is None:
            self._arrivals.check_alive()
        replies = self._arrivals.arrived(self.started) if self._all is None else self._all
        self.seen(replies, None)
        return replies, []

    @property
    def answered(self) -> list[str]:
        """The ids of the calls."""
        return [reply.id for reply in self._all or self._arrivals.arrived(self.started)]

    def block(self) -> Block:
        """Return the complete load with its attempts; call it after the with block."""
        return self._arrivals.block(self.replies, self.started)


def _reply(attempt: Attempt) -> Reply:
    ok = attempt.code == "OK"
    served_by = attempt.replica if ok else None
    return Reply(attempt.id, attempt.arrived, attempt.arrived, 0 if ok else 2, attempt.code, served_by, ARRIVED)
