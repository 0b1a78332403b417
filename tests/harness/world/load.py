"""A load: orders that are sent on time, as real callers do, whether or not earlier ones are answered."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tests.harness.world.allowance import may_take
from tests.harness.world.eventually import eventually
from tests.harness.world.reply import Block, Reply
from tests.harness.world.tally import WINDOW_ROUNDS
from tests.harness.world.verdict import SubjectWrongError

if TYPE_CHECKING:
    from tests.harness.world.orders import Orders


class Load:
    """
    An open-loop load: orders are sent on time, whether or not earlier ones are answered.

    `seen` receives what each look at the replies showed, or what it raised.
    """

    def __init__(self, orders: "Orders", rate: float, plan: str, limit: int | None) -> None:
        self._orders = orders
        self.rate = rate
        self._plan = plan
        self._limit = limit
        self._stop = threading.Event()
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._send, name="load")
        # enough even if every order stays unanswered for the caller's whole patience
        self._pool = ThreadPoolExecutor(int(rate * orders.patience) + 16, thread_name_prefix="order")
        self._lock = threading.Lock()
        self._unanswered: dict[int, float] = {}  # by the number of the order: when a thread took it to send it
        self._replies: list[Reply] = []
        self._errors: list[BaseException] = []
        self.started = time.monotonic()
        self.seen: Callable[[Sequence[Reply], BaseException | None], None] = lambda _replies, _error: None

    def __enter__(self) -> Self:
        """Start sending."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending and wait for outstanding replies, each for the caller's patience."""
        self._stop.set()
        with may_take(self._orders.patience):
            self._thread.join()
            self._pool.shutdown(wait=True)

    def _send(self) -> None:
        for number in itertools.count() if self._limit is None else range(self._limit):
            due = self.started + number / self.rate
            if self._stop.wait(max(0.0, due - time.monotonic())):
                break
            self._pool.submit(self._place, number)
        self.done.set()

    def _place(self, number: int) -> None:
        with self._lock:
            self._unanswered[number] = time.monotonic()
        answer: Reply | BaseException
        try:
            answer = self._orders.one(self._plan)
        except BaseException as error:  # noqa: BLE001, who looks at the replies gets it
            answer = error
        with self._lock:
            del self._unanswered[number]
            if isinstance(answer, BaseException):
                self._errors.append(answer)
            else:
                self._replies.append(answer)

    @property
    def replies(self) -> list[Reply]:
        """The replies so far, in sending order. Raises what placing an order raised."""
        return self.look()[0]

    def look(self) -> tuple[list[Reply], list[float]]:
        """
        Return the replies so far, in sending order, and when each order was sent that is not answered yet.

        Raises what placing an order raised.
        """
        with self._lock:
            replies, errors, unanswered = [*self._replies], [*self._errors], sorted(self._unanswered.values())
        # in the order of their answers, so far
        replies.sort(key=lambda reply: reply.sent)
        self.seen(replies, errors[0] if errors else None)
        if errors:
            raise errors[0]
        return replies, unanswered

    @property
    def answered(self) -> list[str]:
        """The ids of the orders that were answered so far."""
        with self._lock:
            return [reply.id for reply in sorted(self._replies, key=lambda reply: reply.sent)]

    def answered_since(self, since: float) -> list[Reply]:
        """Return the replies to orders that were sent after the monotonic time `since`, in sending order."""
        return [reply for reply in self.replies if reply.sent >= since]

    def seconds_of_a_window(self, over: Sequence[str]) -> float:
        """Return how long it takes to place and answer the calls of one window over these replicas."""
        return WINDOW_ROUNDS * len(over) / self.rate + 0.2

    def wait_until_served(self, by: Sequence[str], within: float, *, times: int = 1) -> None:
        """
        Wait until each of these replicas has served so many orders. Raises AssertionError after `within` seconds.

        Where a policy goes round, each of the others has got one in between by the second of them.
        """
        for look in eventually(within=within, what=f"an order was served by each of {', '.join(by)}"):
            with look:
                served = Counter(reply.served_by for reply in self.replies)
                missing = [name for name in by if served[name] < times]
                if missing:
                    raise SubjectWrongError(
                        f"no{' more' if times > 1 else ''} call was served by {', '.join(sorted(missing))}"
                    )

    def wait_until_failing(self, since: float, within: float) -> None:
        """Wait until an order placed after the monotonic time `since` fails. Raises AssertionError after `within`."""
        for look in eventually(within=within, what="an order fails"):
            with look:
                if all(reply.ok for reply in self.answered_since(since)):
                    raise SubjectWrongError("no call fails, although no replica is there to serve it")

    def block(self) -> Block:
        """Return the complete load with its attempts; call it after the with block."""
        return self._orders.block(self.replies, self.started)
