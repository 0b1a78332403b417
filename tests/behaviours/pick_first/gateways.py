"""Gateways whose pick_first connects wrongly (see tests/behaviours/gateways.py)."""

import asyncio

import grpc.aio

from services.gateway.channel import caller, channel_options, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2

PATIENT = ("grpc.happy_eyeballs_connection_attempt_delay_ms", 1200)


async def dials_unasked(settings: Settings) -> GetOrder:
    """Watch the channel, and reconnect it whenever it is idle, once it has been used."""
    channel = open_channel(settings)
    right = caller(channel, settings)
    watching: list[asyncio.Task[None]] = []

    async def _stay_connected() -> None:
        while True:
            state = channel.get_state(try_to_connect=True)
            await channel.wait_for_state_change(state)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if not watching:
            watching.append(asyncio.create_task(_stay_connected()))
        return await right(order_id)

    return get_order


async def slow_eyeballs(settings: Settings) -> GetOrder:
    """Give each address 1.2 s instead of 250 ms before the next one is tried in parallel."""
    channel = grpc.aio.insecure_channel(settings.order_service_target, [*channel_options(settings), PATIENT])
    return caller(channel, settings)
