"""Gateways that use too much, or never let go (see tests/behaviours/gateways.py)."""

import asyncio
import contextlib
from dataclasses import replace

import dns.exception
import grpc
import grpc.aio

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import Target, each_address, right

LEAK = 64 * 1024
"""Bytes that a leaking gateway keeps of each order."""

_kept: set[object] = set()
"""What is never let go."""


def _kept_task(task: "asyncio.Task[None]") -> None:
    _kept.add(task)


async def leaks_channels(settings: Settings) -> GetOrder:
    """Open a new channel after each failure, and never close the old one."""
    channel = open_channel(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        nonlocal channel
        try:
            return await caller(channel, settings)(order_id)
        except grpc.aio.AioRpcError:
            _kept.add(channel)
            channel = open_channel(settings)
            raise

    return get_order


async def leaks_memory(settings: Settings) -> GetOrder:
    """Keep a buffer of each order."""
    orders = right(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        reply = await orders(order_id)
        _kept.add((order_id, b"\1" * (LEAK + len(_kept))))
        return reply

    return get_order


async def spins(settings: Settings) -> GetOrder:
    """Look whether the channel is still ready in a loop that never sleeps."""
    channel = open_channel(settings)

    async def _spin() -> None:
        while channel.get_state() is not grpc.ChannelConnectivity.SHUTDOWN:  # noqa: ASYNC110, that is what is wrong
            await asyncio.sleep(0)

    _kept_task(asyncio.create_task(_spin()))
    return caller(channel, settings)


async def dials_in_a_loop(settings: Settings) -> GetOrder:
    """Dial each address of the name in a loop, to know which ones are there."""
    target = Target.of(settings)
    for record in await target.resolve():
        _kept_task(asyncio.create_task(_dial(record.address, target.replica_port, every=0.005)))
    return right(settings)


async def _dial(address: str, port: int, *, every: float) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(address, port)
            writer.close()
        await asyncio.sleep(every)


async def queries_in_a_loop(settings: Settings) -> GetOrder:
    """Query the name again immediately for as long as it does not exist, next to the channel's own resolver."""
    target = Target.of(settings)

    async def _query() -> None:
        while True:
            try:
                await target.resolve()
            except dns.exception.DNSException:
                await asyncio.sleep(0.01)
            else:
                await asyncio.sleep(1.0)

    _kept_task(asyncio.create_task(_query()))
    return right(settings)


async def keeps_removed_addresses(settings: Settings) -> GetOrder:
    """Keep a connection to each address that the name had at its start, no matter what DNS answers later."""
    for address in await each_address(settings):
        channel = open_channel(replace(address, grpc_service_config='{"loadBalancingConfig":[{"pick_first":{}}]}'))
        channel.get_state(try_to_connect=True)
        _kept.add(channel)
    return right(settings)


async def dials_removed_addresses(settings: Settings) -> GetOrder:
    """Probe each address that the name had at its start once a second, no matter what DNS answers later."""
    target = Target.of(settings)
    for record in await target.resolve():
        _kept_task(asyncio.create_task(_dial(record.address, target.replica_port, every=1.0)))
    return right(settings)
