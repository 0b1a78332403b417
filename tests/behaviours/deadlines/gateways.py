"""Gateways whose calls wait for the wrong time, and some that keepalive judges (see tests/behaviours/gateways.py)."""

import asyncio
import dataclasses
import itertools

import grpc
import grpc.aio

from services.gateway.channel import caller, channel_options, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import each_address, failure, right


async def local_deadline(settings: Settings) -> GetOrder:
    """Cancel calls with a local timer, and send no deadline."""
    endless = caller(open_channel(settings), dataclasses.replace(settings, call_timeout_ms=0))

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        try:
            return await asyncio.wait_for(endless(order_id), settings.call_timeout_ms / 1000)
        except TimeoutError:
            raise failure(grpc.StatusCode.DEADLINE_EXCEEDED, "cancelled by the gateway") from None

    return get_order


async def forgets_failures(settings: Settings) -> GetOrder:
    """Let calls wait as soon as a lost replica accepts connections, whether or not it responds."""
    channel = open_channel(settings)
    waits = caller(channel, dataclasses.replace(settings, wait_for_ready=True))
    fails = caller(channel, dataclasses.replace(settings, wait_for_ready=False))
    known = await each_address(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        dialled = any([await _accepts(address.order_service_target) for address in known])
        return await (waits if dialled else fails)(order_id)

    return get_order


async def least_loaded(settings: Settings) -> GetOrder:
    """Send each call to the replica with the fewest calls in flight."""
    replicas = [right(address) for address in await each_address(settings)]
    under_way = [0] * len(replicas)
    turns = itertools.count()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        turn = next(turns)
        order = sorted(range(len(replicas)), key=lambda number: (number - turn) % len(replicas))
        least = min(order, key=lambda number: under_way[number])
        under_way[least] += 1
        try:
            return await replicas[least](order_id)
        finally:
            under_way[least] -= 1

    return get_order


async def never_learns(settings: Settings) -> GetOrder:
    """Open a new channel whenever the connection is lost."""
    channel = open_channel(settings)

    async def _renew() -> None:
        nonlocal channel
        while True:
            state = channel.get_state(try_to_connect=True)
            await channel.wait_for_state_change(state)
            if state is grpc.ChannelConnectivity.READY:
                lost, channel = channel, open_channel(settings)
                await lost.close()

    renewing = asyncio.create_task(_renew())

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if renewing.done():
            renewing.result()
        return await caller(channel, settings)(order_id)

    return get_order


async def _accepts(address: str) -> bool:
    host, _, port = address.removeprefix("ipv4:").partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True


async def keepalive_misspelt(settings: Settings) -> GetOrder:
    """Set the keepalive time in a misspelt channel argument."""
    misspelt = ("grpc.keepalive_time", settings.keepalive_time_ms)  # the argument ends in _ms
    options = [*channel_options(dataclasses.replace(settings, keepalive_time_ms=0)), misspelt]
    return caller(grpc.aio.insecure_channel(settings.order_service_target, options), settings)
