"""
How the attempts of one call are distinguished from others, for a subject with its own request or service.

It is found in the first call that such a subject serves: the replicas look for its id in all that arrives
(services/order/correlation.py), and their ledgers tell where it was.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from services.order.correlation import BY_KEY, BY_NUMBER
from services.order.plans import numbering, telling
from tests.harness.subject.call import Call
from tests.harness.subject.fronts import Front, Lines, Rpc
from tests.harness.subject.service import variables_of
from tests.harness.subject.subject import Subject
from tests.harness.world.arrivals import Arrivals
from tests.harness.world.driver import driver_of
from tests.harness.world.eventually import tried
from tests.harness.world.fence import next_fence
from tests.harness.world.ledgers import OTHER, STUB, Ledgers, Witness
from tests.harness.world.no_call import ANSWERED
from tests.harness.world.order_ids import IDS, RUN
from tests.harness.world.orders import Orders
from tests.harness.world.placing import Called, Line, Page, Placed, Placing
from tests.harness.world.replica import DrivenReplica
from tests.harness.world.reply import Reply  # noqa: TC001, one place for what is imported
from tests.harness.world.verdict import SubjectUnusableError

NONE = "none"
"""The attempts of a call cannot be distinguished from others."""

ARRIVALS = "arrivals"
"""The subject calls by itself: each attempt that arrives is a call."""

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


class Told(Protocol):
    """A replica, as far as it learns fault plans."""

    plans: set[str]

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

    def _tell(self, what: str, order: Callable[[str], str]) -> None:
        with self._telling:
            for replica in self._replicas():
                if what not in replica.plans and replica.reachable:
                    replica.place(order(next_fence()))
                    replica.plans.add(what)


class OwnCalls:
    """
    The calls of a subject with its own request or service.

    `found` tells how the attempts of one are known, "" until one was served.
    """

    def __init__(self, ledgers: Ledgers, known: Callable[[], Sequence[Witness]], gateway: Callable[[], object]) -> None:
        """Take the ledgers, every witness, and what returns the running subject."""
        self.found = ""
        self._gateway = gateway
        self._ledgers = ledgers
        self._plans = PlanTable(lambda: [witness for witness in known() if isinstance(witness, DrivenReplica)])

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

        served_by = lambda order_id: self._ledgers.served_by(order_id, delay)  # noqa: E731, short
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
        replies: list[Reply] = []

        def _served() -> bool:
            replies.append(orders.one())
            return replies[-1].ok

        if isinstance(orders, Arrivals):
            orders.check_rate()
            self.found = ARRIVALS
            return
        tried(_served, within=within, what="the probing call is served")
        if replies[-1].ok:
            calls = self._ledgers.calls(replies[-1].sent)
            if not calls:
                raise SubjectUnusableError(f"{ANSWERED}: {how_far()}")
            self.found = found_in(subject, replies[-1].id, calls)

    def begun(self, orders: Orders, listened: float) -> float:
        """
        Return when a gateway has started that listened then: one that calls by itself has with its first call.

        Raises SubjectUnusableError if that does not come.
        """
        if not isinstance(orders, Arrivals):
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


def why_not_judged(found: str, subject: Subject, features: Sequence[str]) -> str:
    """Return why a behaviour that needs these features cannot be judged with this correlation, "" if it can."""
    if found == NONE:
        return "the subject's calls carry nothing of its requests: the attempts of a call cannot be distinguished"
    if needs_telling(found) and "ring-hash" in features:
        return (
            "the subject's calls carry no more than a trace id, a UUID or a number of its requests, which names no "
            "customer"
        )
    if subject.judged_method and "client-health-checking" in features:
        return "the suite judges health checking for order.OrderService only"
    return ""
