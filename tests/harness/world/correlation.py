"""
How the attempts of one call are distinguished from others, for a subject with its own request or service.

It is found in the first call that such a subject serves: the replicas look for its id in all that arrives
(services/order/correlation.py), and their ledgers tell where it was.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from services.order.correlation import BY_KEY, BY_NUMBER
from services.order.plans import numbering, planning, telling
from tests.harness.subject.call import Call
from tests.harness.subject.fronts import Front, Lines, Rpc
from tests.harness.subject.service import variables_of
from tests.harness.subject.subject import Subject
from tests.harness.world.arrivals import Arrivals
from tests.harness.world.caused import CausedArrivals
from tests.harness.world.driver import driver_of
from tests.harness.world.eventually import tried
from tests.harness.world.fence import next_fence
from tests.harness.world.ledgers import OTHER, STUB, Ledgers, Witness
from tests.harness.world.no_call import ANSWERED
from tests.harness.world.order_ids import IDS, RUN
from tests.harness.world.orders import Orders
from tests.harness.world.placing import Called, Line, Page, Placed, Placing
from tests.harness.world.replica import DrivenReplica
from tests.harness.world.reply import Reply
from tests.harness.world.serial import ARRIVALS, NONE, SERIAL, Owners, Serial
from tests.harness.world.verdict import SubjectUnusableError

PROBES = 3
"""Calls that are made one at a time to see whether what arrives belongs to them."""

QUIET = 1.0
"""Seconds without a call in which none may arrive: a subject that calls by itself, too, would show it."""

STREAMS = "streams"
"""Where the contract has streams."""

NUMBER_CALLS = "NUMBER_CALLS"
"""The variable of an order service that gives each attempt an id, as no one orders the calls of its subject."""

NUMBERS_OF = "NUMBERS_OF"
"""The variable of an order service with what ids begin with that numbers may stand for."""


def replica_variables_for(subject: Subject) -> dict[str, str]:
    """Return the variables with which replicas answer a subject's calls, and tell them apart."""
    numbered = {NUMBER_CALLS: "true"} if subject.front == "self" else {}
    if carries_number(subject):
        numbered[NUMBERS_OF] = RUN
    return {**numbered, **variables_of(subject.service, described=subject.is_its_own)}


def carries_number(subject: Subject) -> bool:
    """Say whether a number is in a subject's request, or in that for a stream."""
    return any("number" in front.carries for front in (subject.call, subject.stream) if front is not None)


HELD_UP = {"pause", "disconnect"}
"""The verbs after which a replica may read a call long after it was made."""


class Told(Protocol):
    """A replica, as far as it learns fault plans."""

    plans: set[str]
    plan: str

    @property
    def reachable(self) -> bool:
        """Whether an order that is placed straight at it would be answered now."""

    def place(self, order_id: str) -> None:
        """Place an order straight at it, and return once it is answered."""


class PlanTable:
    """The fault plans that are sent to replicas, as only a key of a call reaches them, or a number."""

    def __init__(self, replicas: Callable[[], Sequence[Told]]) -> None:
        self._replicas = replicas
        self._telling = threading.Lock()

    def tell(self, order_id: str, *, numbers: bool = False) -> None:
        """Tell every replica the plan of this order that does not know it yet, and what its number stands for."""
        plan = order_id.partition("~")[2]
        if not plan:
            return
        self._tell(plan, lambda fence: telling(fence, plan))
        if numbers and (slot := IDS.slot(order_id)):
            self._tell(f"slot {slot.number}", lambda fence: numbering(fence, slot))

    def plan_now(self, order_id: str) -> None:
        """Tell every replica the plan of this order, as the one of all calls that carry nothing; "" for none."""
        plan = order_id.partition("~")[2]
        with self._telling:
            for replica in self._replicas():
                if plan != replica.plan and replica.reachable:
                    replica.place(planning(next_fence(), plan))
                    replica.plan = plan

    def _tell(self, what: str, order: Callable[[str], str]) -> None:
        with self._telling:
            for replica in self._replicas():
                if what not in replica.plans and replica.reachable:
                    replica.place(order(next_fence()))
                    replica.plans.add(what)


class OwnCalls:
    """
    The calls of a subject with its own request or service.

    `found` tells how the attempts of one are known, "" until one was served. With `by_arrivals` what is judged needs
    no more than what arrives. `one_clock` tells that ledgers and this process have the same one.
    """

    def __init__(self, ledgers: Ledgers, known: Callable[[], Sequence[Witness]], gateway: Callable[[], object]) -> None:
        """Take the ledgers, every witness, and what returns the running subject."""
        self.found, self.by_arrivals, self.one_clock = "", False, True
        self._gateway = gateway
        self._ledgers = ledgers
        self._arrived: set[str] = set()  # the ids of those in the timeline that are known as they arrive
        self.serial = Serial(ledgers.fence)
        self.owners = Owners(self.serial)
        self._plans = PlanTable(lambda: [witness for witness in known() if isinstance(witness, DrivenReplica)])

    @property
    def taken_as(self) -> str:
        """How the attempts of a call are known in what is judged now."""
        return ARRIVALS if self.by_arrivals and self.found in {SERIAL, NONE} else self.found

    def begin(self, *, by_arrivals: bool) -> None:
        """Begin with what is judged next."""
        self.by_arrivals = by_arrivals
        self._arrived.clear()
        self._attribute()

    def _attribute(self) -> None:
        """Have the ledgers attribute attempts that carry nothing, as far as that is known."""
        self.owners.mode = self.taken_as if self.taken_as in {SERIAL, ARRIVALS} and self.found != ARRIVALS else ""

    def arrivals(self, patience: float, check_alive: Callable[[], None], keep: Callable[[Reply], None]) -> Arrivals:
        """Return the calls of a subject that calls by itself; they are kept once for each behaviour."""
        ledgers = self._ledgers
        return Arrivals(
            ledgers.attempts,
            ledgers.attempts_so_far,
            patience,
            check_alive=check_alive,
            keep=keep,
            kept=self._arrived,
        )

    def ordered(self, orders: Orders) -> Orders:
        """Return orders as their attempts are known: one at a time, by what arrives, or as they are."""
        if self.taken_as == SERIAL:
            return orders.one_at_a_time(self.serial)
        if self.taken_as != ARRIVALS:
            return orders
        return CausedArrivals(orders, self._ledgers.attempts, self._ledgers.attempts_so_far, self._arrived)

    def placing(self, subject: Subject, delay: float) -> Placing:
        """Return how an order is placed at a subject; a line of a ledger takes up to `delay` seconds."""
        if not subject.is_its_own:
            return Page()
        return self._placed(subject.call or Call(), delay, subject.promises.call_timeout)

    def streaming(self, subject: Subject, delay: float) -> Placing:
        """Return how a stream is opened at a subject."""
        if not subject.is_its_own and subject.stream is None:
            return Page(STREAMS)
        return self._placed(subject.stream or Call(path=f"/{STREAMS}/{{id}}"), delay, always=True)

    def _placed(self, call: Front, delay: float, deadline: float = 0.0, *, always: bool = False) -> Placing:
        """Return how a call is placed; replicas learn its plan `always`, or if calls carry no more than a key."""
        numbers = "number" in call.carries

        def prepare(order_id: str) -> None:
            if always or needs_telling(self.found):
                self._plans.tell(order_id, numbers=numbers)
            self._plans.plan_now(order_id if self.taken_as == SERIAL else "")

        def served_by(order_id: str) -> str | None:
            return None if self.taken_as == ARRIVALS else self._ledgers.served_by(order_id, delay)

        if isinstance(call, Rpc):
            return Called(call, prepare, served_by)
        if isinstance(call, Lines):
            driver = lambda: driver_of(self._gateway())  # noqa: E731, short
            return Line(prepare, served_by, driver, deadline)
        return Placed(call if isinstance(call, Call) else Call(), prepare, served_by)

    def probe(self, subject: Subject, orders: Orders, within: float, how_far: Callable[[], str]) -> None:
        """
        Place orders until one is served, and find out how its attempts are known; nothing if none is.

        `how_far` tells how far a subject came that called no replica. Raises SubjectUnusableError if such a subject
        cannot be judged.
        """
        if isinstance(orders, Arrivals):
            orders.check_rate()
            self.found = ARRIVALS
            return
        kept: list[Reply] = []
        try:
            self.found = self._found(subject, orders.kept_by(kept.append), within, how_far)
            if self.found == NONE and self.one_clock:
                self.found = self._tried_serially(subject, orders)
        finally:
            for reply in kept if self.found not in {SERIAL, NONE} else ():  # what these called is not known
                orders.keep(reply)
            self._attribute()

    def _found(self, subject: Subject, orders: Orders, within: float, how_far: Callable[[], str]) -> str:
        """Place orders until one is served, and return how its attempts are known, "" if none is."""
        replies: list[Reply] = []

        def _served() -> bool:
            replies.append(orders.one())
            return replies[-1].ok

        tried(_served, within=within, what="the probing call is served")
        if not replies[-1].ok:
            return ""
        calls = self._ledgers.calls(replies[-1].sent)
        if not calls:
            raise SubjectUnusableError(f"{ANSWERED}: {how_far()}")
        return found_in(subject, replies[-1].id, calls)

    def check_served(self, replies: Sequence[Reply], how_far: Callable[[], str]) -> None:
        """Raise SubjectUnusableError if no order was served; `how_far` is as for `probe`."""
        if any(reply.ok for reply in replies):
            return
        self.check_methods(replies[0].sent)
        known = self._ledgers.calls(replies[0].sent) or replies[-1].is_refusal
        hint = "" if known else f", and no replica was called: {how_far()}"
        raise SubjectUnusableError(f"the gateway served none of {len(replies)} orders{hint}: {replies[-1].message}")

    def check_verb(self, verb: str) -> None:
        """Raise NotJudgedError for a verb after which a serial call might be taken for another one."""
        if verb in HELD_UP and self.taken_as == SERIAL:
            self.serial.check_alone("a replica that reads its calls late")

    def may_harm(self, reply: Reply) -> bool:
        """Say whether what a gateway may still do for a call that had no reply would be taken for another one's."""
        return reply.status is None and self.found == SERIAL

    def _tried_serially(self, subject: Subject, orders: Orders) -> str:
        """
        Place orders one at a time; return SERIAL if all that arrives begins one of them, and each alike, else NONE.

        Retries have to be numbered, as nothing else would distinguish them from calls of the subject's own.
        """
        if subject.promises.retries != "grpc" or "previous-attempts" in subject.unsupported:
            return NONE
        self.serial.abandons, self.serial.begins = subject.promises.hedging, math.inf
        self.owners.mode, since = SERIAL, time.monotonic()
        alone = orders.kept_by(lambda _: None).one_at_a_time(self.serial)
        replies = [alone.one() for _ in range(PROBES)]
        time.sleep(QUIET)  # that nothing arrives has no event
        known, begun = {attempt.id for attempt in self._ledgers.attempts(since)}, self.serial.begun(PROBES)
        if known != {reply.id for reply in replies} or len(begun) > 1:
            return NONE
        self.serial.begins = begun.pop()
        for reply in replies:
            orders.keep(reply)
        return SERIAL

    def begun(self, orders: Orders, listened: float) -> float:
        """
        Return when a gateway has started that listened then: one that calls by itself has with its first call.

        Raises SubjectUnusableError if that does not come.
        """
        if not isinstance(orders, Arrivals) or isinstance(orders, CausedArrivals):
            return listened
        since = time.monotonic()
        try:
            return orders.first()
        except SubjectUnusableError:
            self.check_methods(since)
            raise

    def check_methods(self, since: float) -> None:
        """Raise SubjectUnusableError if a method was called since then that is neither judged nor a stub."""
        _check_methods(self._ledgers.events(OTHER, since))


def _check_methods(others: Sequence[Mapping[str, Any]]) -> None:
    methods = sorted({event["method"].lstrip("/") for event in others})
    if methods:
        raise SubjectUnusableError(
            f"the subject calls {', '.join(methods)}: name it as [service] method, or in a [[stub]]"
        )


def found_in(subject: Subject, order_id: str, events: Sequence[Mapping[str, Any]]) -> str:
    """
    Return where the id of a served call was found, from what the ledgers hold of it; NONE if it was not.

    Raises SubjectUnusableError if the call reached a method that is not the judged one, or no more than stubs.
    """
    attempts = [event for event in events if event["event"] == "attempt"]
    _check_methods([event for event in events if event["event"] == OTHER])
    if not attempts:
        stubs = sorted({event["method"].lstrip("/") for event in events if event["event"] == STUB})
        raise SubjectUnusableError(
            f"the request calls no more than {', '.join(stubs)}, of a [[stub]], and not the judged method"
        )
    methods = sorted({event["method"].lstrip("/") for event in attempts})
    if len(methods) > 1 and not (subject.service and subject.service.judged.method):
        raise SubjectUnusableError(
            f"one request calls {' and '.join(methods)}: name the judged one as [service] method, others in a [[stub]]"
        )
    places = [event.get("carried", "request bytes") for event in attempts if event["id"] == order_id]
    return places[0] if places else NONE


def needs_telling(found: str) -> bool:
    """Say whether only a key or a number of a call reaches the replicas, and not its id with the plan in it."""
    return found.startswith((BY_KEY, BY_NUMBER))


def why_not_judged(found: str, subject: Subject, features: Sequence[str], *, by_arrivals: bool = False) -> str:
    """Return why a behaviour that needs these features cannot be judged with this correlation, "" if it can."""
    if found == NONE and not by_arrivals:
        return (
            "the subject's calls carry nothing of its requests, and do not arrive one for one: no more than shares and "
            "connections are judged"
        )
    if (needs_telling(found) or found == SERIAL) and "ring-hash" in features:
        return "the subject's calls carry nothing of its requests that names a customer"
    if subject.judged_method and "client-health-checking" in features:
        return "the suite judges health checking for order.OrderService only"
    return ""
