"""
Orders: the requests that the suite sends to the gateway, one by one, concurrently, or as a load.

A load is open-loop: it keeps its rate when replies are slow, as real callers do.
"""

import copy
import itertools
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Self

from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.allowance import may_take, order_may_take
from tests.harness.world.exchange import MOST_BYTES, UNANSWERED, Caller, is_too_long
from tests.harness.world.ledger import Attempt
from tests.harness.world.load import Load
from tests.harness.world.order_ids import IDS
from tests.harness.world.placing import Page, Placing
from tests.harness.world.reply import Block, Reply
from tests.harness.world.serial import Serial
from tests.harness.world.verdict import SubjectWrongError

RATE, CALM_RATE = 60.0, 30.0
"""
*Choice.* Orders per second of a load, and of one for a gateway whose promises make it long: it then lasts for half a
minute, and several of them are under way at the same time (plugin/long_waits.py).
"""

LONG = 10.0
"""*Choice.* Seconds of waiting from which a load is calm, a behaviour begins first, and a run has more workers."""

LONGEST_WORDS = 500
"""Characters of an error that are kept: it may quote the gateway."""


class Orders:
    """Places orders at the gateway of a running environment."""

    def __init__(  # noqa: PLR0913, one argument for each end that an order has
        self,
        gateway: Callable[[], str],
        attempts: Callable[[float], list[Attempt]],
        patience: float,
        *,
        check_alive: Callable[[], None] = lambda: None,
        keep: Callable[[Reply], None] = lambda _: None,
        placing: Placing | None = None,
    ) -> None:
        """
        Take the gateway's URL, a reader of all ledgers since a monotonic time, and the seconds to wait for a reply.

        `check_alive` raises if the gateway has died; `keep` receives every reply; `placing` makes the requests.
        """
        self._gateway = gateway
        self._attempts = attempts
        self.patience = patience
        self.check_alive = check_alive
        self.keep = keep
        self._placing = placing or Page()
        self.at_a_time = 0
        self.codes_told = True
        self.rate = RATE
        self.serial: Serial | None = None
        self._callers = itertools.count(1)
        self._local = threading.local()

    def waiting(self, patience: float) -> Self:
        """Return the same orders with callers that wait this many seconds instead."""
        patient = copy.copy(self)
        patient.patience = patience
        return patient

    def promising(self, promises: Promises) -> Self:
        """
        Return the same orders for a gateway that makes these promises.

        No more than `concurrent_calls` are under way, no code is read from replies that do not tell it, and a load is
        calm where it has to last.
        """
        fitting = copy.copy(self)
        fitting.at_a_time, fitting.codes_told = promises.concurrent_calls, promises.codes == "told"
        fitting.rate = CALM_RATE if Budgets(promises, slack=0.0).rediscover >= LONG else RATE
        return fitting

    def one_at_a_time(self, serial: Serial) -> Self:
        """Return the same orders, of which one is under way at a time; others raise NotJudgedError."""
        alone = copy.copy(self)
        alone.serial, alone.at_a_time = serial, 1
        return alone

    def kept_by(self, keep: Callable[[Reply], None]) -> Self:
        """Return the same orders, whose replies this receives."""
        kept = copy.copy(self)
        kept.keep = keep
        return kept

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
            with may_take(count / rate), self.load(rate, plan=plan, limit=count) as load:
                load.done.wait()
            replies = load.replies
        elif callers == 1:
            replies = [self._one_answered(plan, reconnect=reconnect) for _ in range(count)]
        else:
            with may_take(math.ceil(count / callers) * self.patience), ThreadPoolExecutor(callers) as pool:
                replies = list(pool.map(lambda _: self._one_answered(plan), range(count)))
        return self.block(replies, since)

    def place_for(self, customers: Sequence[str]) -> Block:
        """
        Place an order for each of these customers, one by one, and return them with their attempts.

        The customer precedes the first "." of the id. Raises SubjectWrongError as `place` does.
        """
        since = time.monotonic()
        return self.block([self._one_answered("", customer=customer) for customer in customers], since)

    def repeat(self, count: int, *, plan: str = "", callers: int = 1) -> Block:
        """
        Place one order `count` times, with the same id each time, and return them with their attempts.

        One by one, or concurrently by several callers. Raises SubjectWrongError as `place` does.
        """
        since, order_id = time.monotonic(), IDS.make(plan)
        with ThreadPoolExecutor(min(callers, self.at_a_time or callers)) as pool:
            replies = list(pool.map(lambda _: self._answered(self._one(order_id)), range(count)))
        return self.block(replies, since)

    def load(
        self, rate: float | None = None, *, plan: str = "", limit: int | None = None, lasting: float | None = None
    ) -> Load:
        """
        Return a load of so many orders per second, at most `limit` of them, that runs within a with block.

        It is slower for a gateway that takes few calls at a time: so many are not under way even if each of them is
        `lasting` so many seconds, or until the caller gives up.
        """
        if self.serial is not None:
            self.serial.check_alone("a load")
        wanted = self.rate if rate is None else rate
        most = self.at_a_time / (self.patience if lasting is None else lasting) if self.at_a_time else wanted
        return Load(self, min(wanted, most), plan, limit)

    def block(self, replies: Sequence[Reply], since: float) -> Block:
        """Join replies with the attempts that the ledgers hold for them since a monotonic time."""
        known, arrived = {reply.id for reply in replies}, self._attempts(since)
        if self.serial is not None:
            self.serial.check_none_left(sum(not attempt.id for attempt in arrived))
        attempts = [attempt for attempt in arrived if attempt.id in known]
        return Block(tuple(replies), tuple(sorted(attempts, key=lambda attempt: attempt.arrived)))

    def _one_answered(self, plan: str, *, reconnect: bool = False, customer: str = "") -> Reply:
        if reconnect:
            self._hang_up()
        return self._answered(self.one(plan, customer))

    @staticmethod
    def _answered(reply: Reply) -> Reply:
        if reply.status is None:
            raise SubjectWrongError(reply.message)
        return reply

    def one(self, plan: str = "", customer: str = "") -> Reply:
        """Place one order and return the reply, even if there was none; no ledger is read."""
        return self._one(IDS.make(plan, customer))

    def _one(self, order_id: str) -> Reply:
        if self.serial is not None:
            return self.serial.place(order_id, lambda: self._placed(order_id))
        return self._placed(order_id)

    def _placed(self, order_id: str) -> Reply:
        request = self._placing.request(self._gateway(), order_id)
        caller, session = self._caller(), self._session()
        sent = time.monotonic()
        try:
            with order_may_take(self.patience):
                answer = session.exchange(request, self.patience)
        except UNANSWERED as error:
            reply = self._unanswered(order_id, sent, caller, error)
        else:
            reply = self._placing.reply(order_id, sent, time.monotonic(), answer)
            if not (reply.ok or self.codes_told):
                reply = replace(reply, code=None)
        reply = replace(reply, caller=caller)
        self.keep(reply)
        return reply

    def _unanswered(self, order_id: str, sent: float, caller: int, error: Exception) -> Reply:
        """
        Return a reply that tells why there was none; the next order goes over a new connection.

        Raises what is raised because the gateway is down; even then the order is kept, as it may have been carried out.
        """
        given_up = time.monotonic()
        self._hang_up()
        if given_up - sent >= self.patience:
            words = f"no reply within {self.patience:.1f} s"
        elif is_too_long(error):
            words = f"the gateway sent more than {MOST_BYTES} bytes"
        else:
            words = f"the gateway dropped the connection: {error}"
            try:
                self.check_alive()
            except Exception:
                self.keep(Reply(order_id, sent, given_up, None, None, message=words[:LONGEST_WORDS], caller=caller))
                raise
        return Reply(order_id, sent, given_up, None, None, message=f"order {order_id}: {words[:LONGEST_WORDS]}")

    def _hang_up(self) -> None:
        self._session().close()
        self._local.session = None

    def _session(self) -> Caller:
        session: Caller | None = getattr(self._local, "session", None)
        if session is None:
            session = self._placing.caller()
            self._local.session, self._local.caller = session, next(self._callers)
        return session

    def _caller(self) -> int:
        """Return the number of the connection that this thread's next order uses."""
        self._session()
        number: int = self._local.caller
        return number
