"""
A subject tried once, on loopback, outside a run: it is started in front of replicas, and given a few calls.

What it calls is read from the replicas' ledgers, and where it stopped on its way there from DNS and its sockets.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.order.service import METHOD
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant
from tests.harness.world import runs
from tests.harness.world.correlation import OwnCalls, found_in
from tests.harness.world.eventually import reached
from tests.harness.world.exchange import Answer, Caller, Request
from tests.harness.world.no_call import how_far
from tests.harness.world.orders import Orders
from tests.harness.world.placing import Placing, code_at
from tests.harness.world.reply import Reply
from tests.harness.world.verdict import InconclusiveError
from tests.loopback import leftovers
from tests.loopback.environment import LoopbackEnvironment
from tests.loopback.process import end_fork_server

REPLICAS = 2

SERVED = 6.0
"""*Patience.* Seconds within which one call is served: a first connection may fail, and is made again after 1 s."""

CODES = ("ABORTED", "FAILED_PRECONDITION")
"""Codes that calls are made to fail with, to see where each is: two, as a service may answer the same to all."""

DEEPEST = 6
"""Members on the way to a code in JSON."""


@contextlib.contextmanager
def loopback() -> Iterator[LoopbackEnvironment]:
    """Yield replicas, a name server and a place for a subject; all of it ends with the block. Raises RunsError."""
    run = runs.begin()
    try:
        leftovers.sweep()
        leftovers.begin(run)
        environment = LoopbackEnvironment(run.folder / "trial", REPLICAS)
        try:
            yield environment
        finally:
            environment.end()
            end_fork_server()
    finally:
        leftovers.end_all(run)
        run.close()


@dataclass(frozen=True)
class Seen:
    """
    What one call did: its reply, and what the replicas' ledgers hold of it, in order of arrival.

    `far` is how far the subject came if it called no replica.
    """

    reply: Reply
    events: Sequence[Mapping[str, Any]]
    far: str = ""

    @property
    def methods(self) -> dict[str, int]:
        """How often each method was called, in the order of first calls."""
        counts: dict[str, int] = {}
        for event in self.events:
            name = event["method"].lstrip("/")
            counts[name] = counts.get(name, 0) + 1
        return counts

    def called(self, kind: str) -> list[str]:
        """Return the methods with events of a kind: "attempt" where it is judged, OTHER where it was refused."""
        return list(dict.fromkeys(event["method"].lstrip("/") for event in self.events if event["event"] == kind))

    @property
    def carrying(self) -> list[str]:
        """The methods whose calls carried the id."""
        mine = [event for event in self.events if event["event"] == "attempt" and event["id"] == self.reply.id]
        return list(dict.fromkeys(event["method"].lstrip("/") for event in mine))


class _Watched:
    """Remembers the last answer to what it places."""

    def __init__(self, placing: Placing) -> None:
        self._placing = placing
        self.answer: Answer | None = None

    def caller(self) -> Caller:
        """Return what one more caller has."""
        return self._placing.caller()

    def request(self, gateway: str, order_id: str) -> Request:
        """Return the request for an order."""
        return self._placing.request(gateway, order_id)

    def reply(self, order_id: str, sent: float, received: float, answer: Answer) -> Reply:
        """Return what an answer means."""
        self.answer = answer
        return self._placing.reply(order_id, sent, received, answer)


class Trial:
    """A subject that runs. The constructor starts it; raises InconclusiveError if it does not start."""

    def __init__(self, environment: LoopbackEnvironment, subject: Subject) -> None:
        self._environment, self._subject = environment, subject
        environment.become(Variant(subject))
        environment.begin()
        environment.restore_replicas()
        environment.fresh_gateway()
        self._calls = OwnCalls(environment.ledgers, lambda: environment.known, lambda: environment.seat.taken)
        self._placing = _Watched(self._calls.placing(subject, 0.0))
        self._orders = Orders(
            lambda: environment.seat.taken.url,
            environment.ledgers.attempts,
            environment.budgets.reply,
            check_alive=environment.check_gateway,
            placing=self._placing,
        )

    def call(self) -> Seen:
        """Place calls until one is served, or its time is over, and return what the last one did."""
        replies: list[Reply] = []

        def _served() -> bool:
            replies.append(self._orders.one())
            return replies[-1].ok

        with contextlib.suppress(InconclusiveError):
            reached(_served, within=SERVED, every=0.2, what="a call is served")
        since, ledgers = replies[-1].sent, self._environment.ledgers
        events = ledgers.calls(since)
        far = ""
        if not events:
            began = self._environment.timeline.began
            far = how_far(self._environment.capabilities, ledgers, began, self.target)
        return Seen(replies[-1], events, far)

    @property
    def target(self) -> str:
        """What the subject file calls the target."""
        return "{target}" if self._subject.has_placeholders else "ORDER_SERVICE_TARGET"

    def correlation(self, seen: Seen) -> str:
        """Return how the attempts of a call are known, by one that was served."""
        self._calls.found = found_in(self._subject, seen.reply.id, seen.events)
        return self._calls.found

    def code(self) -> str | None:
        """Return where a failure tells its code, as [call] code has it; "none", or None if it looks like a success."""
        answers = {}
        for code in CODES:
            reply = self._orders.one(plan=code)
            if reply.ok or self._placing.answer is None or reply.status is None:
                return None if reply.ok else "none"
            answers[code] = self._placing.answer
        places = [place for place in _places(answers[CODES[0]]) if _tells(place, answers)]
        return places[0] if places else "none"


def _tells(place: str, answers: Mapping[str, Answer]) -> bool:
    return all(code_at(place, answer, _text(answer)) == code for code, answer in answers.items())


def _places(answer: Answer) -> Iterator[str]:
    """Yield where a code may be: where it is looked for by default, in headers, anywhere in JSON."""
    yield ""
    yield from (f"header:{name.lower()}" for name in answer.headers)
    with contextlib.suppress(ValueError, RecursionError):
        yield from (f"json:{'.'.join(path)}" for path in _paths(json.loads(_text(answer)), ()))


def _paths(value: Any, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401, JSON of any kind
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        path = (*before, str(name))
        if isinstance(member, (str, int)) and "." not in str(name):
            yield path
        elif len(path) < DEEPEST and "." not in str(name):
            yield from _paths(member, path)


def _text(answer: Answer) -> str:
    return answer.body.decode(errors="replace")


def is_the_contracts(seen: Seen) -> bool:
    """Say whether a request called the contract's method, and no other."""
    return list(seen.methods) == [METHOD.lstrip("/")]
