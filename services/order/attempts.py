"""What happens to an attempt, of any method: it is recorded, then the plan of its call is carried out."""

import asyncio
import threading
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

NO_ID = "unknown"
"""Stands for the id of an attempt that carries none: it has no plan."""

CREDENTIALS = frozenset({"authorization", "cookie", "x-api-key"})
"""The metadata of a call that proves who makes it; the ledger has the keys of those that came, never a value."""

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
        self._force_unavailable = settings.force_unavailable
        self._load_report = settings.load_report

    async def take(self, order_id: str, method: str, context: Context, **also: str) -> Step:
        """
        Record an attempt, then carry out the plan in its id; return what is left to do if it is to succeed.

        `also` are facts for its line in the ledger.
        """
        previous_attempts = _previous_attempts(context)
        step, details = self._plan(order_id, previous_attempts or 0)
        credentials = sorted(CREDENTIALS & {key for key, _ in context.invocation_metadata() or ()})
        peer = self._clients.peer(context.peer())
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
        )
        if step.health:
            self._health.report(step.health)
        if step.ready is not None:
            (self._ready.set if step.ready else self._ready.clear)()
        with self._traffic.call():
            await _carry_out(step, details, context, peer, (*self._load_report, *self._ledger_failure()))
        return step

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


def _previous_attempts(context: Context) -> int | None:
    """Return the number of previous attempts, None if the client's library does not send it (gRFC A6)."""
    metadata = dict(context.invocation_metadata() or ())
    sent = metadata.get("grpc-previous-rpc-attempts")
    return None if sent is None else int(sent)


async def _carry_out(step: Step, details: str, context: Context, peer: str, trailers: Trailers) -> None:
    """Return if the attempt is to succeed; otherwise end it, with these trailers, or hold it."""
    context.set_trailing_metadata(trailers)
    await asyncio.sleep(step.delay)
    if step.headers:
        await context.send_initial_metadata(HEADERS)
        await asyncio.sleep(FIRST)
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
