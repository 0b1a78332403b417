"""
How the attempts of one call are distinguished from others, for a subject with its own request or service.

It is found in the first call that such a subject serves: the replicas look for its id in all that arrives
(services/order/correlation.py), and their ledgers tell where it was.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from services.order.correlation import BY_KEY
from services.order.plans import telling
from tests.harness.subject.call import Call
from tests.harness.subject.subject import Subject
from tests.harness.world.eventually import reached
from tests.harness.world.fence import next_fence
from tests.harness.world.ledgers import Ledgers, Witness
from tests.harness.world.orders import Orders
from tests.harness.world.placing import Page, Placed, Placing
from tests.harness.world.replica import DrivenReplica
from tests.harness.world.reply import Reply  # noqa: TC001, one place for what is imported
from tests.harness.world.verdict import InconclusiveError, SubjectUnusableError

NONE = "none"
"""The attempts of a call cannot be distinguished from others."""

STREAMS = "streams"
"""Where the contract has streams."""

OTHER = "other_called"
"""The ledger event of a call of a method that is neither judged nor a stub."""


class Told(Protocol):
    """A replica, as far as it learns fault plans."""

    plans: set[str]

    @property
    def reachable(self) -> bool:
        """Whether an order that is placed straight at it would be answered now."""

    def place(self, order_id: str) -> None:
        """Place an order straight at it, and return once it is answered."""


class PlanTable:
    """The fault plans that are sent to replicas, as only a key of a call reaches them."""

    def __init__(self, replicas: Callable[[], Sequence[Told]]) -> None:
        self._replicas = replicas
        self._telling = threading.Lock()

    def tell(self, order_id: str) -> None:
        """Tell every replica the plan of this order that does not know it yet."""
        plan = order_id.partition("~")[2]
        if not plan:
            return
        with self._telling:
            for replica in self._replicas():
                if plan not in replica.plans and replica.reachable:
                    replica.place(telling(next_fence(), plan))
                    replica.plans.add(plan)


class OwnCalls:
    """
    The calls of a subject with its own request or service.

    `found` tells how the attempts of one are known, "" until one was served.
    """

    def __init__(self, ledgers: Ledgers, known: Callable[[], Sequence[Witness]]) -> None:
        self.found = ""
        self._ledgers = ledgers
        self._plans = PlanTable(lambda: [witness for witness in known() if isinstance(witness, DrivenReplica)])

    def placing(self, subject: Subject, delay: float) -> Placing:
        """Return how an order is placed at a subject; a line of a ledger takes up to `delay` seconds."""
        return self._placed(subject.call or Call(), delay) if subject.is_its_own else Page()

    def streaming(self, subject: Subject, delay: float) -> Placing:
        """Return how a stream is opened at a subject."""
        if not subject.is_its_own and subject.stream is None:
            return Page(STREAMS)
        return self._placed(subject.stream or Call(path=f"/{STREAMS}/{{id}}"), delay)

    def _placed(self, call: Call, delay: float) -> Placed:
        prepare = lambda order_id: self._plans.tell(order_id) if needs_telling(self.found) else None  # noqa: E731, short
        return Placed(call, prepare, lambda order_id: self._ledgers.served_by(order_id, delay))

    def probe(self, subject: Subject, orders: Orders, within: float) -> None:
        """
        Place orders until one is served, and find out how its attempts are known; nothing if none is.

        Raises SubjectUnusableError if such a subject cannot be judged.
        """
        replies: list[Reply] = []

        def _served() -> bool:
            replies.append(orders.one())
            return replies[-1].ok

        with contextlib.suppress(InconclusiveError):
            reached(_served, within=within, what="the probing call is served")
        if replies[-1].ok:
            attempts = self._ledgers.raw_attempts(replies[-1].sent)
            others = self._ledgers.events(OTHER, replies[-1].sent)
            self.found = found_in(subject, replies[-1].id, [*attempts, *others])

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

    Raises SubjectUnusableError if the call reached no replica, or a method that is not the judged one.
    """
    attempts = [event for event in events if event["event"] == "attempt"]
    _check_methods([event for event in events if event["event"] == OTHER])
    if not attempts:
        raise SubjectUnusableError(
            "the probing call was answered, and no replica was called: the subject dials something else than its "
            "target, or answers from memory"
        )
    methods = sorted({event["method"].lstrip("/") for event in attempts})
    if len(methods) > 1 and not (subject.service and subject.service.judged.method):
        raise SubjectUnusableError(
            f"one request calls {' and '.join(methods)}: name the judged one as [service] method, others in a [[stub]]"
        )
    places = [event.get("carried", "request bytes") for event in attempts if event["id"] == order_id]
    return places[0] if places else NONE


def needs_telling(found: str) -> bool:
    """Say whether only a key of a call reaches the replicas, and not its id with the plan in it."""
    return found.startswith(BY_KEY)


def why_not_judged(found: str, subject: Subject, features: Sequence[str]) -> str:
    """Return why a behaviour that needs these features cannot be judged with this correlation, "" if it can."""
    if found == NONE:
        return "the subject's calls carry nothing of its requests: the attempts of a call cannot be distinguished"
    if needs_telling(found) and "ring-hash" in features:
        return "the subject's calls carry no more than a trace id or a UUID of its requests, which names no customer"
    if subject.judged_method and "client-health-checking" in features:
        return "the suite judges health checking for order.OrderService only"
    return ""
