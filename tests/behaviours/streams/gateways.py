"""Gateways that handle streams wrongly, and orders rightly (see tests/behaviours/gateways.py)."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import grpc.aio

from services.gateway.settings import Settings
from services.gateway.web import WatchOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import Calls, each_address, failure, right, watching
from tests.behaviours.streams.shared import reopening
from tests.harness.subject.service_configs import without_policy

BROKEN = failure(grpc.StatusCode.UNAVAILABLE, "the connection of all streams was lost")


async def streams_at_one(settings: Settings) -> Calls:
    """Open streams on a channel that has no load-balancing policy."""
    return Calls(right(settings), watching(replace(settings, grpc_service_config=json.dumps(without_policy()))))


async def streams_to_old_addresses(settings: Settings) -> Calls:
    """Open streams on a channel to the addresses that the name had when the gateway started."""
    targets = [address.order_service_target.removeprefix("ipv4:") for address in await each_address(settings)]
    snapshot = replace(settings, order_service_target="ipv4:" + ",".join(targets))
    return Calls(right(settings), watching(snapshot))


async def streams_stay(settings: Settings) -> Calls:
    """Open each stream at one of the present addresses, and there again for as long as its caller waits."""
    channels: dict[str, WatchOrder] = {}
    numbers = itertools.count()

    async def watch(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        present = sorted(await each_address(settings), key=lambda address: address.order_service_target)
        chosen = present[next(numbers) % len(present)]
        if chosen.order_service_target not in channels:
            channels[chosen.order_service_target] = reopening(watching(chosen))
        async for update in channels[chosen.order_service_target](order_id):
            yield update

    return Calls(right(settings), watch)


async def swallows_the_end(settings: Settings) -> Calls:
    """Leave the caller waiting where a stream broke off after its first message."""
    watch_order = watching(settings)

    async def watch(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        begun = False
        try:
            async for update in watch_order(order_id):
                begun = True
                yield update
        except grpc.aio.AioRpcError:
            if not begun:
                raise
            await asyncio.get_running_loop().create_future()

    return Calls(right(settings), watch)


async def restarts_streams(settings: Settings) -> Calls:
    """Open a stream again that broke off, from its beginning."""
    return Calls(right(settings), reopening(watching(settings)))


async def keeps_left_streams(settings: Settings) -> Calls:
    """Read each stream to its end in a task that does not notice that the caller has left."""
    watch_order, reading = watching(settings), set[asyncio.Task[None]]()

    async def watch(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        arrived: asyncio.Queue[order_pb2.GetOrderResponse | None] = asyncio.Queue()

        async def read() -> None:
            try:
                async for update in watch_order(order_id):
                    arrived.put_nowait(update)
            finally:
                arrived.put_nowait(None)

        task = asyncio.create_task(read())
        reading.add(task)
        while (update := await arrived.get()) is not None:
            yield update
        await task  # raises what ended the stream

    return Calls(right(settings), watch)


async def streams_share_fate(settings: Settings) -> Calls:
    """Break off all open streams where one breaks."""
    return Calls(right(settings), _sharing_fate(watching(settings)))


def _sharing_fate(watch_order: WatchOrder) -> WatchOrder:
    broken: asyncio.Event = asyncio.Event()

    async def watch(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        nonlocal broken
        mine, updates = broken, aiter(watch_order(order_id))
        ending = asyncio.ensure_future(mine.wait())
        try:
            while True:
                arriving = asyncio.ensure_future(anext(updates, None))
                await asyncio.wait((arriving, ending), return_when=asyncio.FIRST_COMPLETED)
                if not arriving.done():
                    arriving.cancel()
                    raise BROKEN
                update = arriving.result()
                if update is None:
                    return
                yield update
        except grpc.aio.AioRpcError:
            mine.set()
            broken = asyncio.Event() if broken is mine else broken
            raise
        finally:
            ending.cancel()

    return watch
