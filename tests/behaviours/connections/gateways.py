"""Gateways that handle their connections wrongly (see tests/behaviours/gateways.py)."""

import asyncio
import itertools
import json
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import grpc
import grpc.aio

from services.gateway.channel import caller, channel_options, open_channel
from services.gateway.channelz import serving_channelz
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.connections.causes_use import WINDOW
from tests.behaviours.dns.gateways import World
from tests.behaviours.gateway_parts import each_address, failure, right
from tests.harness.subject.service_configs import without_policy


async def no_jitter(settings: Settings) -> GetOrder:
    """Redial each lost address after exactly the maximum backoff, by an argument that C-core has for its tests."""
    fixed = ("grpc.testing.fixed_reconnect_backoff_ms", settings.max_reconnect_backoff_ms)
    channel = grpc.aio.insecure_channel(settings.order_service_target, [*channel_options(settings), fixed])
    return caller(channel, settings)


async def channelz_of_another(settings: Settings) -> GetOrder:
    """Serve channelz of an unused channel, and hide the one that carries the orders."""
    serving = AsyncExitStack()
    await serving.enter_async_context(serving_channelz(settings.channelz_address or "127.0.0.1:0"))
    shown = open_channel(settings)
    shown.get_state(try_to_connect=True)
    hidden = [*channel_options(settings), ("grpc.enable_channelz", 0)]
    get_order = caller(grpc.aio.insecure_channel(settings.order_service_target, hidden), settings)

    async def _get_order(order_id: str, _kept: object = (serving, shown)) -> order_pb2.GetOrderResponse:
        return await get_order(order_id)

    return _get_order


async def waits_for_calls(settings: Settings) -> GetOrder:
    """Rotate over the addresses by hand, each with a pick_first channel, which reconnects for a call only."""
    alone = replace(settings, grpc_service_config=json.dumps(without_policy()))
    addresses = await each_address(alone)
    replicas = itertools.cycle([right(address) for address in addresses])

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await next(replicas)(order_id)

    return get_order


async def dials_each_record(settings: Settings) -> GetOrder:
    """Open a channel for each record of the DNS answer, duplicates included, and use them in turn."""
    world = World.of(settings)
    targets = [f"ipv4:{address}:{world.replica_port}" for address in await world.addresses() or ()]
    replicas = itertools.cycle([right(replace(settings, order_service_target=target)) for target in targets])

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await next(replicas)(order_id)

    return get_order


async def channel_race(settings: Settings) -> GetOrder:
    """Open the channel with the first call, and one more for each call that comes before that is done."""
    opened: list[GetOrder] = []

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if not opened:
            await asyncio.sleep(0.2)
            opened.append(right(settings))
            return await opened[-1](order_id)
        return await opened[0](order_id)

    return get_order


async def no_window_updates(settings: Settings) -> GetOrder:
    """Leave a call without an answer once its replica has sent more than a window."""
    orders, sent = right(settings), Counter[str]()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        reply = await orders(order_id)
        sent[reply.served_by] += reply.ByteSize()
        if sent[reply.served_by] > WINDOW:
            await asyncio.sleep(settings.call_timeout_ms / 1000)
            raise failure(grpc.StatusCode.DEADLINE_EXCEEDED, "no window")
        return reply

    return get_order
