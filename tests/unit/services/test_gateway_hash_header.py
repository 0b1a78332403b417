"""HASH_HEADER: the reference gateway says in metadata whose order a call is about."""

import asyncio

import grpc.aio
import pytest

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.proto import order_pb2, order_pb2_grpc
from services.variables import SettingsError


class Orders(order_pb2_grpc.OrderServiceServicer):
    """An order service that remembers the metadata of its calls."""

    def __init__(self) -> None:
        self.came: list[dict[str, str | bytes]] = []

    async def GetOrder(  # noqa: N802, the name in order.proto
        self,
        request: order_pb2.GetOrderRequest,
        context: "grpc.aio.ServicerContext[order_pb2.GetOrderRequest, order_pb2.GetOrderResponse]",
    ) -> order_pb2.GetOrderResponse:
        """Take note and answer."""
        self.came.append({key: value for key, value in context.invocation_metadata() or () if key.startswith("x-")})
        return order_pb2.GetOrderResponse(id=request.id, served_by="stub")


async def metadata(order_id: str, **variables: str) -> dict[str, str | bytes]:
    """Return what a call for this order carries."""
    orders, server = Orders(), grpc.aio.server()
    order_pb2_grpc.add_OrderServiceServicer_to_server(orders, server)  # type: ignore[no-untyped-call]  # generated
    target = f"ipv4:127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    settings = Settings.from_environment({"ORDER_SERVICE_TARGET": target, **variables})
    async with open_channel(settings) as channel:
        await caller(channel, settings)(order_id)
    await server.stop(None)
    return orders.came[0]


@pytest.mark.parametrize(
    ("order_id", "customer"),
    [("ann.7f3a-1", "ann"), ("ann.7f3a-1~OK@a.b", "ann"), ("7f3a-1", "7f3a-1"), ("7f3a-1~OK@a.b", "7f3a-1")],
)
def test_the_header_says_whose_order_it_is(order_id: str, customer: str) -> None:
    """It is what stands before the first "." of an order id, and without one all before the plan."""
    assert asyncio.run(metadata(order_id, HASH_HEADER="x-customer")) == {"x-customer": customer}


def test_without_the_variable_a_call_has_no_such_metadata() -> None:
    """Nothing is sent."""
    assert asyncio.run(metadata("ann.7f3a-1")) == {}


@pytest.mark.parametrize("key", ["X-Customer", "x-customer-bin", "grpc-customer", "x customer"])
def test_a_key_that_cannot_carry_text_is_refused(key: str) -> None:
    """The variable is named, with its value."""
    with pytest.raises(SettingsError, match=f"HASH_HEADER is '{key}'"):
        Settings.from_environment({"HASH_HEADER": key})
