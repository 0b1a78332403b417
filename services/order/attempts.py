"""What happens to an attempt, of any method: it is recorded, then the plan of its call is carried out."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio

from services.order.connections import Clients, close_connection
from services.order.faults import PlanError, Step, parse_order_id
from services.order.health import Health
from services.order.ledger import Ledger
from services.order.load import Trailers
from services.order.settings import Settings
from services.order.traffic import Traffic
from services.order.watch import Watch

HEADERS = (("headers-first", "true"),)
"""
The headers to send if headers are to come first: with our own key in them, headers and status can never share a frame.

C-core's server merges them (Trailers-Only, which does not commit the call) if the headers are otherwise empty
and both are written together: chttp2 writing.cc, FlushInitialMetadata.
"""

FIRST = 0.05
"""
Seconds between headers that are to come first and what follows them.

If both arrive together C-core's client may look at the status first, and retry: 2 of 165,000 calls on a busy machine.
"""

LEDGER_FAILURE = "ledger-failure"
"""The trailer with the reason why the ledger can no longer be written."""

FENCE = "fence-"
"""What orders that are placed straight at a replica begin with: the suite's own, no matter who else calls."""

CANCELLED = "cancelled"
"""How a stream ended that its replica did not end: the client, its deadline, the connection or the server did."""

NO_ID = "unknown"
"""Stands for the id of an attempt that carries none: it has no plan."""

CREDENTIALS = frozenset({"authorization", "cookie", "x-api-key"})
"""The metadata of a call that proves who makes it; the ledger has the keys of those that came, never a value."""

LONGEST_AGENT = 200
"""Characters of a `user-agent` that are recorded, with the first attempt of each connection."""

MOST_CLIENTS = 4096
"""Connections that are remembered for that; a client that opens one for each call has more."""

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Attempts:
    """The attempts that reach one replica."""

    def __init__(  # noqa: PLR0913, PLR0917, the parts of one replica
        self,
        settings: Settings,
        ledger: Ledger,
        clients: Clients,
        watch: Watch,
        health: Health,
        traffic: Traffic,
        ready: threading.Event,
    ) -> None:
        """Take the parts that it reports to; `ready` is what its readiness probe answers with."""
        self._replica = settings.replica
        self._ledger = ledger
        self._clients = clients
        self._watch = watch
        self._health = health
        self._traffic = traffic
        self._ready = ready
        self._arrivals = itertools.count(time.time_ns()) if settings.number_calls else None
        self._force_unavailable = settings.force_unavailable
        self._load_report = settings.load_report
        self._introduced: dict[str, None] = {}  # the connections whose client is on the ledger, oldest first

    async def take(self, order_id: str, method: str, context: Context, **also: str) -> Step:
        """
        Record an attempt, then carry out the plan in its id; return what is left to do if it is to succeed.

        `also` are facts for its line in the ledger.
        """
        step, details = self._arrived(self._id_of(order_id), method, context, **also)
        with self._traffic.call():
            trailers = await self._begin(step, context)
            await _end(step, details, context, self._clients.peer(context.peer()), trailers)
        return step

    async def stream(
        self, order_id: str, method: str, context: Context, message: Callable[[Step], Any], **also: str
    ) -> None:
        """
        Record an attempt of a method that streams its answers, then carry out the plan in its id.

        `message` makes each message of the step. Where the plan has their number, each is on the ledger before it is
        sent, and so is how the stream ended: with the code that was sent, or cancelled.
        """
        order_id = self._id_of(order_id)
        step, details = self._arrived(order_id, method, context, **also)
        with self._traffic.call(), self._on_ledger(order_id, step, context) as sends:
            trailers = await self._begin(step, context)
            for _ in range(step.sent):
                sends()
                await context.write(message(step))
                if step.messages is not None:
                    await asyncio.sleep(step.every)
            await _end(step, details, context, self._clients.peer(context.peer()), trailers)

    @contextmanager
    def _on_ledger(self, order_id: str, step: Step, context: Context) -> Iterator[Callable[[], None]]:
        """Record how a stream ends; yield what records each message before it is sent."""
        if step.messages is None:
            yield lambda: None
            return
        stream, sent, how = {"id": order_id, "peer": self._clients.peer(context.peer())}, 0, CANCELLED

        def _sends() -> None:
            nonlocal sent
            sent += 1
            self._ledger.event("stream_message", **stream, number=sent)

        try:
            yield _sends
            how = grpc.StatusCode.OK.name
        except grpc.aio.AbortError:
            how = step.code.name if step.code else CANCELLED
            raise
        finally:
            self._ledger.event("stream_ended", **stream, messages=sent, how=how)

    def _id_of(self, order_id: str) -> str:
        """Return the id of an attempt: by its arrival, if no caller sends one."""
        if self._arrivals is None or order_id.startswith(FENCE):
            return order_id
        return f"{self._replica}-{next(self._arrivals)}"

    def _arrived(self, order_id: str, method: str, context: Context, **also: str) -> tuple[Step, str]:
        """Record an attempt, and what its plan makes of this replica; return its step, and why it would fail."""
        metadata = dict(context.invocation_metadata() or ())
        previous_attempts = _previous_attempts(metadata)
        step, details = self._plan(order_id, previous_attempts or 0)
        credentials = sorted(CREDENTIALS & metadata.keys())
        peer = self._clients.peer(context.peer())
        first = peer not in self._introduced and not order_id.startswith(FENCE)
        self._watch.report_carrier(peer)
        self._ledger.attempt(
            order_id=order_id,
            method=method,
            previous_attempts=previous_attempts,
            peer=peer,
            deadline_left=context.time_remaining(),
            code=step.code.name if step.code else None,
            **also,
            **({"credentials": credentials} if credentials else {}),
            **({"user_agent": str(metadata.get("user-agent", ""))[:LONGEST_AGENT]} if first else {}),
        )
        if first:
            self._introduced[peer] = None
            if len(self._introduced) > MOST_CLIENTS:
                self._introduced.pop(next(iter(self._introduced)))
        if step.health:
            self._health.report(step.health)
        if step.ready is not None:
            (self._ready.set if step.ready else self._ready.clear)()
        return step, details

    async def _begin(self, step: Step, context: Context) -> Trailers:
        """Do what comes before any message, and return the trailers of every outcome."""
        trailers = (*self._load_report, *self._ledger_failure())
        context.set_trailing_metadata(trailers)
        await asyncio.sleep(step.delay)
        if step.headers:
            await context.send_initial_metadata(HEADERS)
            await asyncio.sleep(FIRST)
        return trailers

    def _ledger_failure(self) -> Trailers:
        """Return what tells those who place fences that the ledger is incomplete; usually nothing."""
        return ((LEDGER_FAILURE, self._ledger.failure),) if self._ledger.failure else ()

    def _plan(self, order_id: str, previous_attempts: int) -> tuple[Step, str]:
        if self._force_unavailable:
            return Step(grpc.StatusCode.UNAVAILABLE), "forced by GRPC_FORCE_UNAVAILABLE"
        try:
            return parse_order_id(order_id or NO_ID).step_for(
                previous_attempts, self._replica
            ), "planned by the order id"
        except PlanError as error:
            return Step(grpc.StatusCode.INVALID_ARGUMENT), str(error)


def _previous_attempts(metadata: Mapping[str, str | bytes]) -> int | None:
    """Return the number of previous attempts, None if the client's library does not send it (gRFC A6)."""
    sent = metadata.get("grpc-previous-rpc-attempts")
    return None if sent is None else int(sent)


async def _end(step: Step, details: str, context: Context, peer: str, trailers: Trailers) -> None:
    """Return if the attempt is to succeed; otherwise end it, with these trailers, or hold it."""
    if step.close:
        close_connection(peer)
    if step.code is None:
        await _until_cancelled()
    elif step.code is not grpc.StatusCode.OK:
        pushback = () if step.pushback_ms is None else (("grpc-retry-pushback-ms", str(step.pushback_ms)),)
        await context.abort(step.code, details, (*trailers, *pushback))  # replaces those that were set


async def _until_cancelled() -> NoReturn:
    """Hold the attempt until the client cancels, or the connection or the server ends."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nothing else has this future, so nothing can complete it")
