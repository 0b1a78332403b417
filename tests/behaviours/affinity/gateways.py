"""Gateways that hash wrongly (see tests/behaviours/gateways.py)."""

import json
import zlib

import grpc
import grpc.aio

from services.gateway.channel import open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2, order_pb2_grpc
from tests.behaviours.gateway_parts import each_address, right


async def modulo_hash(settings: Settings) -> GetOrder:
    """Pick a customer's replica by a hash modulo the number of replicas that have not failed."""
    left = [right(address) for address in await each_address(settings)]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        number = zlib.crc32(order_id.partition(".")[0].encode())
        while True:
            replica = left[number % len(left)]
            try:
                return await replica(order_id)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or len(left) == 1:
                    raise
            if replica in left:
                left.remove(replica)

    return get_order


async def one_key(settings: Settings) -> GetOrder:
    """Hash the same key for every call."""
    (policy,) = json.loads(settings.grpc_service_config or "")["loadBalancingConfig"]
    key = ((policy["ring_hash_experimental"]["requestHashHeader"], "all"),)
    orders = order_pb2_grpc.OrderServiceStub(open_channel(settings))  # type: ignore[no-untyped-call]  # generated
    timeout = settings.call_timeout_ms / 1000

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        request = order_pb2.GetOrderRequest(id=order_id)
        reply: order_pb2.GetOrderResponse = await orders.GetOrder(request, timeout=timeout, metadata=key)
        return reply

    return get_order
