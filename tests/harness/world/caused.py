"""
What stands for orders where the attempts of a call cannot be told apart: what arrives while the suite has calls made.

As for a subject that calls by itself (arrivals.py), each attempt is taken for a call: shares and connections are seen,
and how the calls end is not.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.harness.world.arrivals import Arrivals, ArrivingLoad
from tests.harness.world.ledger import Attempt
from tests.harness.world.load import Load
from tests.harness.world.orders import Orders
from tests.harness.world.reply import Block, Reply
from tests.harness.world.verdict import NotJudgedError

NO_PLANS = "the subject's calls carry nothing of its requests: no fault can be planned for one of many"


class CausedArrivals(Arrivals):
    """The attempts that arrive while orders are placed."""

    def __init__(
        self,
        orders: Orders,
        attempts: Callable[[float], list[Attempt]],
        seen: Callable[[float], list[Attempt]],
        kept: set[str],
    ) -> None:
        """Take what places the orders; it is the arrivals that are kept, those of `kept` excluded."""
        super().__init__(attempts, seen, orders.patience, check_alive=orders.check_alive, keep=orders.keep, kept=kept)
        self._orders = orders.kept_by(lambda _: None)

    def one(self, plan: str = "", customer: str = "") -> Reply:
        """Place an order, and return the first attempt since then; its own reply if it failed, or none arrived."""
        _check_unplanned(plan or customer)
        reply = self._orders.one()
        arrived = self.arrived(reply.sent, complete=True) if reply.ok else []
        return arrived[0] if arrived else reply

    def place(
        self,
        count: int = 1,
        *,
        plan: str = "",
        callers: int = 1,
        rate: float | None = None,
        reconnect: bool = False,
    ) -> Block:
        """Place so many orders, and return what has arrived once all are answered. Raises as `Orders.place` does."""
        _check_unplanned(plan)
        since = self._orders.place(count, callers=callers, rate=rate, reconnect=reconnect).replies[0].sent
        return self.block(self.arrived(since, complete=True), since)

    def load(
        self, rate: float | None = None, *, plan: str = "", limit: int | None = None, lasting: float | None = None
    ) -> Load:
        """Return what arrives while a load is placed, until the end of the with block."""
        _check_unplanned(plan)
        return CausedLoad(self, self._orders.load(rate, limit=limit, lasting=lasting))


class CausedLoad(ArrivingLoad):
    """The calls that arrive while another load lasts."""

    def __init__(self, arrivals: Arrivals, load: Load) -> None:
        super().__init__(arrivals, load.rate)
        self._load = load
        self.done = load.done

    def __enter__(self) -> Self:
        """Begin."""
        self._load.__enter__()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: wait for outstanding replies first."""
        self._load.__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)

    def look(self) -> tuple[list[Reply], list[float]]:
        """Return the calls so far. Raises what placing an order raised."""
        self._load.look()
        return super().look()


def _check_unplanned(plan: str) -> None:
    if plan:
        raise NotJudgedError(NO_PLANS)
