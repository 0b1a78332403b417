"""Gateways that spread calls differently, or report that another replica served them."""

import asyncio
import dataclasses
import itertools
import json
import random

from services.gateway.channel import SERVICE_CONFIG, caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import calling, each_address, right

PICK_FIRST_CONFIG = json.dumps({"methodConfig": SERVICE_CONFIG["methodConfig"]})


async def random_picker(settings: Settings) -> GetOrder:
    """Send each call to a random replica."""
    replicas = [right(address) for address in await each_address(settings)]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await random.choice(replicas)(order_id)  # noqa: S311, no secret

    return get_order


async def naive_rotation(settings: Settings) -> GetOrder:
    """Rotate over the addresses by hand, whether or not they answer."""
    replicas = itertools.cycle([right(address) for address in await each_address(settings)])

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await next(replicas)(order_id)

    return get_order


async def waits_for_all(settings: Settings) -> GetOrder:
    """Serve no calls until every address is connected."""
    orders = right(settings)
    channels = [open_channel(address) for address in await each_address(settings)]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        return await orders(order_id)

    return get_order


async def channel_per_request(settings: Settings) -> GetOrder:
    """Open a channel for each request and close it afterwards."""

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        async with open_channel(settings) as channel:
            return await caller(channel, settings)(order_id)

    return get_order


async def pool_of_pick_first(settings: Settings) -> GetOrder:
    """Use four pick_first channels in turn."""
    pick_first = dataclasses.replace(settings, grpc_service_config=PICK_FIRST_CONFIG)
    channels = itertools.cycle([right(pick_first) for _ in range(4)])

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await next(channels)(order_id)

    return get_order


async def lying(settings: Settings) -> GetOrder:
    """Fabricate served_by."""
    orders = right(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        reply = await orders(order_id)
        reply.served_by = f"{reply.served_by.rpartition('-')[0]}-1"
        return reply

    return get_order


async def calls_twice(settings: Settings) -> GetOrder:
    """Make each call twice and answer with the second."""
    orders = right(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        await orders(order_id)
        return await orders(order_id)

    return get_order


async def sticky_caller(settings: Settings) -> GetOrder:
    """Tie each caller connection to one replica, in turn."""
    replicas = itertools.cycle([right(address) for address in await each_address(settings)])
    tied: dict[str, GetOrder] = {}

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if calling.get() not in tied:
            tied[calling.get()] = next(replicas)
        return await tied[calling.get()](order_id)

    return get_order


async def channel_per_caller(settings: Settings) -> GetOrder:
    """Open a channel for each caller connection, and keep it."""
    channels: dict[str, GetOrder] = {}

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if calling.get() not in channels:
            channels[calling.get()] = right(settings)
        return await channels[calling.get()](order_id)

    return get_order


async def hanging_worker(settings: Settings) -> GetOrder:
    """Leave the orders of every second caller connection unanswered."""
    orders = right(settings)
    workers: dict[str, int] = {}

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if workers.setdefault(calling.get(), len(workers)) % 2:
            await asyncio.Event().wait()
        return await orders(order_id)

    return get_order


async def rotation_per_thread(settings: Settings) -> GetOrder:
    """Keep two rotations over the same connections, one for each of two threads, which take calls as they come."""
    replicas = [right(address) for address in await each_address(settings)]
    rotations = [itertools.cycle(replicas), itertools.cycle(replicas)]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await next(random.choice(rotations))(order_id)  # noqa: S311, no secret

    return get_order


async def retries_on_the_same_replica(settings: Settings) -> GetOrder:
    """Rotate over a channel to each address, which retries its calls by itself."""
    return await naive_rotation(settings)
