"""The order service: it answers with its name, unless the order id plans a fault."""

from typing import TypeAlias

import grpc.aio  # noqa: TC002, types are evaluated in tests

from services.order.attempts import FENCE, Attempts
from services.order.faults import Step, unknown_field
from services.order.plans import Plans
from services.proto import order_pb2, order_pb2_grpc

SERVICE = order_pb2.DESCRIPTOR.services_by_name["OrderService"].full_name

METHOD = f"/{SERVICE}/GetOrder"
STREAMED = f"/{SERVICE}/WatchOrder"

_FIELD = 15
"""A field that order.proto does not have."""

Context: TypeAlias = "grpc.aio.ServicerContext[order_pb2.GetOrderRequest, order_pb2.GetOrderResponse]"


class OrderService(order_pb2_grpc.OrderServiceServicer):
    """
    One replica's answers.

    With `any_form` an order may be known by what is made of its id, as for any other method. The name is only sent in
    the reply: in initial metadata it would commit the call and so disable retries (gRFC A6, "When Retries are Valid").
    """

    def __init__(self, replica: str, attempts: Attempts, plans: Plans, *, any_form: bool = False) -> None:
        self._replica, self._attempts, self._plans, self._any_form = replica, attempts, plans, any_form

    async def GetOrder(  # noqa: N802, the name in order.proto
        self, request: order_pb2.GetOrderRequest, context: Context
    ) -> order_pb2.GetOrderResponse:
        """Record the attempt, then carry out the plan in its id."""
        order_id, carried = await self._call(request, context)
        step = await self._attempts.take(order_id, METHOD, context, **carried)
        return self._reply(request.id, step)

    async def WatchOrder(  # noqa: N802, likewise
        self, request: order_pb2.GetOrderRequest, context: Context
    ) -> None:
        """Record the attempt, then send the messages of the plan in its id."""
        order_id, carried = await self._call(request, context)
        await self._attempts.stream(order_id, STREAMED, context, lambda step: self._reply(request.id, step), **carried)

    async def _call(self, request: order_pb2.GetOrderRequest, context: Context) -> tuple[str, dict[str, str]]:
        """Return the id of the order that an attempt belongs to, and facts for its line in the ledger."""
        self._plans.learn(request.id)
        if not self._any_form or request.id.startswith(FENCE):
            return request.id, {}
        metadata = context.invocation_metadata() or ()
        order_id, carried = await self._plans.call(request.SerializeToString(), metadata)
        return (order_id, {"carried": carried}) if order_id else (request.id, {})

    def _reply(self, order_id: str, step: Step) -> order_pb2.GetOrderResponse:
        reply = order_pb2.GetOrderResponse(id=order_id, served_by=self._replica)
        if step.bytes:
            reply.MergeFromString(unknown_field(_FIELD, step.bytes))
        return reply
