"""
Any method of any service, next to the order service's: answered with bytes, and recorded as an order's attempts are.

It takes no serialiser: an empty reply is valid for every proto3 message, and any other comes ready-made. What answers a
judged method streams in both directions, which on the wire is what unary calls do with one message each way.
"""

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc
import grpc.aio

from services.order.answers import Answers
from services.order.attempts import Attempts
from services.order.faults import Step, unknown_field
from services.order.ledger import Ledger
from services.order.plans import Plans

FIELD = 2**29 - 1
"""The highest number of a field: no message that anybody has uses it."""

STANDARD = ("/grpc.health.", "/grpc.reflection.")
"""The beginnings of methods that servers have in addition to their own: never a judged call."""

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class AnyService(grpc.GenericRpcHandler):
    """One replica's answers to all methods that no other service of it has."""

    def __init__(self, answers: Answers, attempts: Attempts, plans: Plans, ledger: Ledger) -> None:
        self._answers, self._attempts, self._plans, self._ledger = answers, attempts, plans, ledger

    def service(self, details: grpc.HandlerCallDetails) -> "Handler | None":
        """Return what answers a method."""
        method, answers = details.method, self._answers
        if method.startswith(STANDARD):
            return None
        if method in answers.stubs:
            return grpc.unary_unary_rpc_method_handler(self._stub(method))
        if answers.judged and method not in (answers.judged, answers.streamed):
            return grpc.unary_unary_rpc_method_handler(self._other(method))
        return grpc.stream_stream_rpc_method_handler(self._judged(method))

    def _judged(self, method: str) -> Any:  # noqa: ANN401, a handler of grpc.aio
        async def answer(requests: AsyncIterator[bytes], context: Context) -> None:
            first = await anext(aiter(requests), b"")  # what a client streams after it does not matter
            order_id, carried = await self._call(first, context)

            def message(step: Step) -> bytes:
                reply = self._answers.reply(method, order_id)
                return reply + unknown_field(FIELD, step.bytes) if step.bytes else reply

            await self._attempts.stream(order_id, method, context, message, carried=carried)

        return answer

    def _stub(self, method: str) -> Any:  # noqa: ANN401, a handler of grpc.aio
        async def answer(request: bytes, context: Context) -> bytes:
            self._ledger.event("stub_called", method=method)
            order_id, carried = await self._call(request, context)
            return self._answers.reply(method, order_id if carried else "")

        return answer

    async def _call(self, request: bytes, context: Context) -> tuple[str, str]:
        """Return the id of the call that an attempt belongs to, and what tells where that was."""
        return await self._plans.call(request, context.invocation_metadata() or ())

    def _other(self, method: str) -> Any:  # noqa: ANN401, a handler of grpc.aio
        async def refuse(_request: bytes, context: Context) -> bytes:
            self._ledger.event("other_called", method=method)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method} is neither judged nor a stub")

        return refuse
