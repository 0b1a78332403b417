"""Gateways that break the contract (see tests/behaviours/gateways.py)."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio

from services.gateway.channel import caller, channel_options, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import Target, right

IMPATIENT = 0.1
"""Seconds after which an impatient gateway makes a call again."""

ADDED = 0.5
"""Seconds that a slow gateway adds to each call."""

Reply = order_pb2.GetOrderResponse


async def caches_orders(settings: Settings) -> GetOrder:
    """Answer an order that was served before from memory."""
    orders, known = right(settings), dict[str, Reply]()

    async def get_order(order_id: str) -> Reply:
        if order_id not in known:
            known[order_id] = await orders(order_id)
        return known[order_id]

    return get_order


async def coalesces_orders(settings: Settings) -> GetOrder:
    """Let requests for the same order share one call while it is under way."""
    orders, under_way = right(settings), dict[str, asyncio.Task[Reply]]()

    async def get_order(order_id: str) -> Reply:
        if order_id not in under_way:
            under_way[order_id] = asyncio.create_task(_awaited(orders, order_id))
            under_way[order_id].add_done_callback(lambda _: under_way.pop(order_id))
        return await asyncio.shield(under_way[order_id])

    return get_order


def _awaited(orders: GetOrder, order_id: str) -> Coroutine[Any, Any, Reply]:
    async def _await() -> Reply:
        return await orders(order_id)

    return _await()


async def own_calls(settings: Settings) -> GetOrder:
    """Make a call of its own after every fifth order, to see whether the order service is there."""
    orders, placed = right(settings), 0

    async def get_order(order_id: str) -> Reply:
        nonlocal placed
        placed += 1
        reply = await orders(order_id)
        if placed % 5 == 0:
            await orders("warm-up")
        return reply

    return get_order


async def repeats_slow_calls(settings: Settings) -> GetOrder:
    """Make a call again when there is no answer within a tenth of a second, and take the first answer."""
    orders = right(settings)

    async def get_order(order_id: str) -> Reply:
        first = asyncio.create_task(_awaited(orders, order_id))
        done, _ = await asyncio.wait({first}, timeout=IMPATIENT)
        if done:
            return first.result()
        second = asyncio.create_task(_awaited(orders, order_id))
        done, left = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        return done.pop().result()

    return get_order


async def failures_as_success(settings: Settings) -> GetOrder:
    """Answer a failed call with 200 and an empty order."""
    orders = right(settings)

    async def get_order(order_id: str) -> Reply:
        try:
            return await orders(order_id)
        except grpc.aio.AioRpcError:
            return Reply()

    return get_order


async def address_as_authority(settings: Settings) -> GetOrder:
    """Send the first address that its target has as the :authority of every call."""
    target = Target.of(settings)
    address = next(iter(await target.resolve())).address
    options = [*channel_options(settings), ("grpc.default_authority", f"{address}:{target.replica_port}")]
    channel = grpc.aio.insecure_channel(settings.order_service_target, options)
    return caller(channel, replace(settings))


async def adds_half_a_second(settings: Settings) -> GetOrder:
    """Wait before each call."""
    orders = right(settings)

    async def get_order(order_id: str) -> Reply:
        await asyncio.sleep(ADDED)
        return await orders(order_id)

    return get_order


async def ignores_sigterm(settings: Settings) -> GetOrder:
    """Ignore SIGTERM."""
    return _on_sigterm(settings, lambda: None)


async def stops_immediately(settings: Settings) -> GetOrder:
    """Exit on SIGTERM, no matter which requests are under way."""
    return _on_sigterm(settings, lambda: os._exit(0))


def _on_sigterm(settings: Settings, do: Callable[[], None]) -> GetOrder:
    """Do this on SIGTERM, from the first order on: by then the server has installed its own handler."""
    orders = caller(open_channel(settings), settings)

    async def get_order(order_id: str) -> Reply:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, do)
        return await orders(order_id)

    return get_order


async def fails_by_itself(settings: Settings) -> GetOrder:
    """Raise an exception for every seventh order."""
    orders, placed = right(settings), 0

    async def get_order(order_id: str) -> Reply:
        nonlocal placed
        placed += 1
        if placed % 7 == 0:
            raise KeyError(order_id)
        return await orders(order_id)

    return get_order
