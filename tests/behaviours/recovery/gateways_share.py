"""Gateways that give a replica which has returned another share (see tests/behaviours/gateways.py)."""

import asyncio
import dataclasses
import itertools

import grpc
import grpc.aio

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import each_address, failure


async def half_a_share(settings: Settings) -> GetOrder:
    """Rotate over connected replicas, and pass one that was lost before over every second time."""
    own = [dataclasses.replace(address, enable_retries=False) for address in await each_address(settings)]
    channels = [(open_channel(address), address) for address in own]
    await asyncio.gather(*(channel.channel_ready() for channel, _ in channels))
    lost: set[str] = set()
    ready = grpc.ChannelConnectivity.READY
    numbers = itertools.count()

    def _picked(number: int) -> list[GetOrder]:
        found = []
        for channel, address in channels:
            if channel.get_state(try_to_connect=True) is not ready:
                lost.add(address.order_service_target)
            elif address.order_service_target not in lost or number // len(channels) % 2:
                found.append(caller(channel, address))
        start = number % max(len(found), 1)
        return [*found[start:], *found[:start]]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        error = failure(grpc.StatusCode.UNAVAILABLE, "no replica is connected")
        for replica in _picked(next(numbers)):
            try:
                return await replica(order_id)
            except grpc.aio.AioRpcError as failed:
                error = failed
        raise error

    return get_order
