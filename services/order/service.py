"""The order service: it answers with its name, unless the order id plans a fault."""

import asyncio
import threading
from typing import NoReturn, TypeAlias

import grpc
import grpc.aio

from services.order.connections import close_connection, endpoint, peer_of
from services.order.faults import PlanError, Step, parse_order_id
from services.order.health import Health
from services.order.ledger import Ledger
from services.order.load import Trailers
from services.order.settings import Settings
from services.order.traffic import Traffic
from services.order.watch import Watch
from services.proto import order_pb2, order_pb2_grpc

SERVICE = order_pb2.DESCRIPTOR.services_by_name["OrderService"].full_name

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

_METHOD = f"/{SERVICE}/GetOrder"

Context: TypeAlias = "grpc.aio.ServicerContext[order_pb2.GetOrderRequest, order_pb2.GetOrderResponse]"


class OrderService(order_pb2_grpc.OrderServiceServicer):
    """
    One replica's answers.

    The name is only sent in the reply: in initial metadata it would commit the call and so disable retries (gRFC A6,
    "When Retries are Valid").
    """

    def __init__(  # noqa: PLR0913, PLR0917, the parts of one replica
        self,
        settings: Settings,
        ledger: Ledger,
        watch: Watch,
        health: Health,
        traffic: Traffic,
        ready: threading.Event,
    ) -> None:
        """Take the parts that it reports to; `ready` is what its readiness probe answers with."""
        self._replica = settings.replica
        self._ledger = ledger
        self._watch = watch
        self._health = health
        self._traffic = traffic
        self._ready = ready
        self._force_unavailable = settings.force_unavailable
        self._load_report = settings.load_report

    async def GetOrder(  # noqa: N802, the name in order.proto
        self, request: order_pb2.GetOrderRequest, context: Context
    ) -> order_pb2.GetOrderResponse:
        """Record the attempt, then carry out the plan in its id."""
        previous_attempts = _previous_attempts(context)
        step, details = self._plan(request.id, previous_attempts or 0)
        peer = peer_of(endpoint(context.peer()))
        self._watch.report_carrier(peer)
        self._ledger.attempt(
            order_id=request.id,
            method=_METHOD,
            previous_attempts=previous_attempts,
            peer=peer,
            deadline_left=context.time_remaining(),
            code=step.code.name if step.code else None,
        )
        if step.health:
            self._health.report(step.health)
        if step.ready is not None:
            (self._ready.set if step.ready else self._ready.clear)()
        with self._traffic.call():
            await _carry_out(step, details, context, (*self._load_report, *self._ledger_failure()))
        reply = order_pb2.GetOrderResponse(id=request.id, served_by=self._replica)
        if step.bytes:
            reply.MergeFromString(_unknown_field(step.bytes))
        return reply

    def _ledger_failure(self) -> Trailers:
        """Return what tells those who place fences that the ledger is incomplete; usually nothing."""
        return ((LEDGER_FAILURE, self._ledger.failure),) if self._ledger.failure else ()

    def _plan(self, order_id: str, previous_attempts: int) -> tuple[Step, str]:
        if self._force_unavailable:
            return Step(grpc.StatusCode.UNAVAILABLE), "forced by GRPC_FORCE_UNAVAILABLE"
        try:
            return parse_order_id(order_id).step_for(previous_attempts, self._replica), "planned by the order id"
        except PlanError as error:
            return Step(grpc.StatusCode.INVALID_ARGUMENT), str(error)


def _previous_attempts(context: Context) -> int | None:
    """Return the number of previous attempts, None if the client's library does not send it (gRFC A6)."""
    metadata = dict(context.invocation_metadata() or ())
    sent = metadata.get("grpc-previous-rpc-attempts")
    return None if sent is None else int(sent)


def _unknown_field(size: int) -> bytes:
    """Return so many bytes as a field that order.proto does not have; a client keeps or drops it, and ignores it."""
    return b"\x7a" + _varint(size) + bytes(size)  # field 15, length-delimited


def _varint(number: int) -> bytes:
    """Return a number as protocol buffers write it: seven bits a byte, the lowest first."""
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


async def _carry_out(step: Step, details: str, context: Context, trailers: Trailers) -> None:
    """Return if the attempt is to succeed; otherwise end it, with these trailers, or hold it."""
    context.set_trailing_metadata(trailers)
    await asyncio.sleep(step.delay)
    if step.headers:
        await context.send_initial_metadata(HEADERS)
        await asyncio.sleep(FIRST)
    if step.close:
        close_connection(context.peer())
    if step.code is None:
        await _until_cancelled()
    elif step.code is not grpc.StatusCode.OK:
        pushback = () if step.pushback_ms is None else (("grpc-retry-pushback-ms", str(step.pushback_ms)),)
        await context.abort(step.code, details, (*trailers, *pushback))  # replaces those that were set


async def _until_cancelled() -> NoReturn:
    """Hold the attempt until the client cancels, or the connection or the server ends."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nothing else has this future, so nothing can complete it")
