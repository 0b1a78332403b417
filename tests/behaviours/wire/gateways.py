"""Gateways that handle failures of the connection wrongly (see tests/behaviours/gateways.py)."""

import asyncio

import grpc
import grpc.aio

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import failure, right


async def retries_all_by_hand(settings: Settings) -> GetOrder:
    """Make up to three attempts in application code after any failure, under one deadline."""
    channel = open_channel(settings)
    deadline = settings.call_timeout_ms / 1000

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        async with asyncio.timeout(deadline):
            for backoff in (0.1, 0.2):
                try:
                    return await caller(channel, settings)(order_id)
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(backoff)
            return await caller(channel, settings)(order_id)

    return get_order


async def sheds_load(settings: Settings) -> GetOrder:
    """Fail a call immediately while four others are in flight, instead of letting it wait."""
    orders = right(settings)
    under_way = 0

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        nonlocal under_way
        if under_way == 4:
            raise failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls in flight")
        under_way += 1
        try:
            return await orders(order_id)
        finally:
            under_way -= 1

    return get_order
