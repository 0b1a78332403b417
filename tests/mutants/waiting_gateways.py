"""Gateways that are wrong in how long calls wait; gateways.py runs them with the others."""

import asyncio
import dataclasses

import grpc
import grpc.aio

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2


async def local_deadline(settings: Settings) -> GetOrder:
    """Give calls up by a clock of its own, and tell no replica of a deadline."""
    endless = caller(open_channel(settings), dataclasses.replace(settings, call_timeout_ms=0))

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        try:
            return await asyncio.wait_for(endless(order_id), settings.call_timeout_ms / 1000)
        except TimeoutError:
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.DEADLINE_EXCEEDED, nothing, nothing, "given up by the gateway"
            ) from None

    return get_order


MAKERS = (local_deadline,)
