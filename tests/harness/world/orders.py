"""
Orders: the requests that the suite sends to the gateway, one by one, concurrently, or as a load.

A load is open-loop: it keeps its rate when replies are slow, as real callers do.
"""

import copy
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import quote

import requests

from tests.harness.subject.promises import Promises
from tests.harness.world.eventually import eventually
from tests.harness.world.ledger import Attempt
from tests.harness.world.reply import Block, Reply, read_reply
from tests.harness.world.tally import WINDOW_ROUNDS, first_even_window
from tests.harness.world.verdict import SubjectWrongError

LONGEST_REPLY = 65536
"""Bytes of a reply that are read; one to an order has about a hundred."""


class Orders:
    """Places orders at the gateway of a running environment."""

    def __init__(
        self,
        gateway: Callable[[], str],
        attempts: Callable[[float], list[Attempt]],
        patience: float,
        *,
        check_alive: Callable[[], None] = lambda: None,
        keep: Callable[[Reply], None] = lambda _: None,
    ) -> None:
        """
        Take the gateway's URL, a reader of all ledgers since a monotonic time, and the seconds to wait for a reply.

        `check_alive` raises if the gateway has died; `keep` receives every reply.
        """
        self._gateway = gateway
        self._attempts = attempts
        self.patience = patience
        self._check_alive = check_alive
        self._keep = keep
        self.at_a_time = 0
        self.codes_told = True
        self._numbers = itertools.count(1)
        self._callers = itertools.count(1)
        self._prefix = f"o{time.time_ns():x}"
        self._local = threading.local()

    def waiting(self, patience: float) -> Self:
        """Return the same orders with callers that wait this many seconds instead."""
        patient = copy.copy(self)
        patient.patience = patience
        return patient

    def promising(self, promises: Promises) -> Self:
        """
        Return the same orders for a gateway that makes these promises.

        No more than `concurrent_calls` are under way, and no code is read from replies that do not tell it.
        """
        fitting = copy.copy(self)
        fitting.at_a_time, fitting.codes_told = promises.concurrent_calls, promises.codes == "told"
        return fitting

    def place(
        self,
        count: int = 1,
        *,
        plan: str = "",
        callers: int = 1,
        rate: float | None = None,
        reconnect: bool = False,
    ) -> Block:
        """
        Place `count` orders and return them with their attempts once all are answered.

        One caller places them one by one over one connection, or with `reconnect` over a new one each; several place
        them concurrently; with a `rate` (per second) they are sent on time whether or not earlier ones are answered.
        Raises SubjectWrongError when the gateway leaves an order unanswered beyond its deadline.
        """
        since = time.monotonic()
        callers = min(callers, self.at_a_time or callers)
        if rate is not None:
            with self.load(rate, plan=plan, limit=count) as load:
                load.done.wait()
            replies = load.replies
        elif callers == 1:
            replies = [self._one_answered(plan, reconnect=reconnect) for _ in range(count)]
        else:
            with ThreadPoolExecutor(callers) as pool:
                replies = list(pool.map(lambda _: self._one_answered(plan), range(count)))
        return self.block(replies, since)

    def place_for(self, customers: Sequence[str]) -> Block:
        """
        Place an order for each of these customers, one by one, and return them with their attempts.

        The customer precedes the first "." of the id. Raises SubjectWrongError as `place` does.
        """
        since = time.monotonic()
        return self.block([self._one_answered("", customer=customer) for customer in customers], since)

    def load(
        self, rate: float = 60.0, *, plan: str = "", limit: int | None = None, lasting: float | None = None
    ) -> "Load":
        """
        Return a load of `rate` orders per second, at most `limit` of them, that runs within a with block.

        It is slower for a gateway that takes few calls at a time: so many are not under way even if each of them is
        `lasting` so many seconds, or until the caller gives up.
        """
        most = self.at_a_time / (self.patience if lasting is None else lasting) if self.at_a_time else rate
        return Load(self, min(rate, most), plan, limit)

    def block(self, replies: Sequence[Reply], since: float) -> Block:
        """Join replies with the attempts that the ledgers hold for them since a monotonic time."""
        known = {reply.id for reply in replies}
        attempts = [attempt for attempt in self._attempts(since) if attempt.id in known]
        return Block(tuple(replies), tuple(sorted(attempts, key=lambda attempt: attempt.arrived)))

    def _one_answered(self, plan: str, *, reconnect: bool = False, customer: str = "") -> Reply:
        if reconnect:
            self._session().close()
            self._local.session = None
        reply = self.one(plan, customer)
        if reply.status is None:
            raise SubjectWrongError(reply.message)
        return reply

    def one(self, plan: str = "", customer: str = "") -> Reply:
        """Place one order and return the reply, even if there was none; no ledger is read."""
        nonce = f"{self._prefix}-{next(self._numbers)}"
        order_id = (f"{customer}." if customer else "") + nonce + (f"~{plan}" if plan else "")
        url = f"{self._gateway()}/orders/{quote(order_id, safe='~:@,=!')}"
        sent = time.monotonic()
        caller = self._caller()
        try:
            status, text = self._get(url, sent + self.patience)
        except requests.Timeout:
            reply = self._unanswered(order_id, sent, f"no reply within {self.patience:.1f} s")
        except requests.RequestException as error:
            self._check_alive()
            reply = self._unanswered(order_id, sent, f"the gateway dropped the connection: {error}")
        else:
            reply = read_reply(order_id, sent, time.monotonic(), status, text)
            if not (reply.ok or self.codes_told):
                reply = replace(reply, code=None)
        reply = replace(reply, caller=caller)
        self._keep(reply)
        return reply

    def _get(self, url: str, deadline: float) -> tuple[int, str]:
        """Return status and body. Raises requests.Timeout for a reply that trickles in past the deadline."""
        with self._session().get(url, timeout=self.patience, allow_redirects=False, stream=True) as response:
            body = b""
            for chunk in response.iter_content(LONGEST_REPLY):
                body += chunk
                if time.monotonic() > deadline:
                    raise requests.Timeout
                if len(body) >= LONGEST_REPLY:
                    break
        return response.status_code, body.decode(errors="replace")

    def _unanswered(self, order_id: str, sent: float, message: str) -> Reply:
        self._local.session = None
        return Reply(order_id, sent, time.monotonic(), None, None, message=f"order {order_id}: {message}")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # a proxy in this process's environment must not interfere
            self._local.session, self._local.caller = session, next(self._callers)
        return session

    def _caller(self) -> int:
        """Return the number of the connection that this thread's next order uses."""
        self._session()
        number: int = self._local.caller
        return number


class Load:
    """
    An open-loop load: orders are sent on time, whether or not earlier ones are answered.

    `seen` receives what each look at the replies showed, or what it raised.
    """

    def __init__(self, orders: Orders, rate: float, plan: str, limit: int | None) -> None:
        self._orders = orders
        self.rate = rate
        self._plan = plan
        self._limit = limit
        self._stop = threading.Event()
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._send, name="load")
        # enough even if every order stays unanswered for the caller's whole patience
        self._pool = ThreadPoolExecutor(int(rate * orders.patience) + 16, thread_name_prefix="order")
        self._futures: list[Future[Reply]] = []
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
        self._thread.join()
        self._pool.shutdown(wait=True)

    def _send(self) -> None:
        for number in itertools.count() if self._limit is None else range(self._limit):
            due = self.started + number / self.rate
            if self._stop.wait(max(0.0, due - time.monotonic())):
                break
            self._futures.append(self._pool.submit(self._orders.one, self._plan))
        self.done.set()

    @property
    def replies(self) -> list[Reply]:
        """The replies so far, in sending order. Raises what placing an order raised."""
        done = [future for future in list(self._futures) if future.done()]
        errors = [error for future in done if (error := future.exception())]
        # threads that got their orders in turn may still send them out of turn
        replies = sorted((future.result() for future in done if not future.exception()), key=lambda reply: reply.sent)
        self.seen(replies, errors[0] if errors else None)
        if errors:
            raise errors[0]
        return replies

    @property
    def answered(self) -> list[str]:
        """The ids of the orders that were answered so far."""
        return [future.result().id for future in list(self._futures) if future.done() and not future.exception()]

    def answered_since(self, since: float) -> list[Reply]:
        """Return the replies to orders that were sent after the monotonic time `since`, in sending order."""
        return [reply for reply in self.replies if reply.sent >= since]

    def even_after(self, since: float, over: Sequence[str]) -> float | None:
        """
        Return the seconds from the monotonic time `since` to the first even window over exactly these replicas.

        None while there is no such window yet.
        """
        replies = self.answered_since(since)
        start = first_even_window([reply.served_by if reply.ok else None for reply in replies], over)
        return None if start is None else replies[start].sent - since

    def seconds_of_a_window(self, over: Sequence[str]) -> float:
        """Return how long it takes to place and answer the calls of one window over these replicas."""
        return WINDOW_ROUNDS * len(over) / self.rate + 0.2

    def wait_until_served(self, by: Sequence[str], within: float) -> None:
        """Wait until each of these replicas has served an order. Raises AssertionError after `within` seconds."""
        for look in eventually(within=within, what=f"an order was served by each of {', '.join(by)}"):
            with look:
                missing = set(by) - {reply.served_by for reply in self.replies}
                if missing:
                    raise SubjectWrongError(f"no call was served by {', '.join(sorted(missing))}")

    def wait_until_failing(self, since: float, within: float) -> None:
        """Wait until an order placed after the monotonic time `since` fails. Raises AssertionError after `within`."""
        for look in eventually(within=within, what="an order fails"):
            with look:
                if all(reply.ok for reply in self.answered_since(since)):
                    raise SubjectWrongError("no call fails, although no replica is there to serve it")

    def block(self) -> Block:
        """Return the complete load with its attempts; call it after the with block."""
        return self._orders.block(self.replies, self.started)
