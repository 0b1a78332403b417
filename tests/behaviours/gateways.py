"""
`python -m tests.behaviours.gateways NAME`: gateways wrong in one way that no configuration can make.

Each replaces one function of the reference gateway, how an order is got, and keeps all the rest.
"""

import asyncio
import contextvars
import dataclasses
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable

import grpc
import grpc.aio

from services.gateway.channel import SERVICE_CONFIG, caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import Application, GetOrder, Receive, Scope, Send, application, serve
from services.proto import order_pb2
from tests.behaviours.affinity import gateways as hashing_gateways
from tests.behaviours.connections import gateways as connection_gateways
from tests.behaviours.deadlines import gateways as waiting_gateways
from tests.behaviours.dns import gateways as resolvers
from tests.behaviours.dns import gateways_text_records as text_gateways
from tests.behaviours.gateway_parts import each_address, renewed, right
from tests.behaviours.health import gateways as health_gateways
from tests.behaviours.outliers import gateways as outlier_gateways
from tests.behaviours.pick_first import gateways as pick_first_gateways
from tests.behaviours.retry import gateways as retrying_gateways
from tests.behaviours.retry import gateways_policy as policy_gateways
from tests.behaviours.wire import gateways as wire_gateways

Maker = Callable[[Settings], Awaitable[GetOrder]]

PICK_FIRST_CONFIG = json.dumps({"methodConfig": SERVICE_CONFIG["methodConfig"]})
NO_RETRY_CONFIG = json.dumps({"loadBalancingConfig": SERVICE_CONFIG["loadBalancingConfig"]})


async def random_picker(settings: Settings) -> GetOrder:
    """Send each call to a random replica."""
    replicas = [right(one) for one in await each_address(settings)]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await random.choice(replicas)(order_id)  # noqa: S311, no secret

    return get_order


async def naive_rotation(settings: Settings) -> GetOrder:
    """Go round the addresses by hand, whether or not they answer."""
    replicas = itertools.cycle([right(one) for one in await each_address(settings)])

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await next(replicas)(order_id)

    return get_order


async def waits_for_all(settings: Settings) -> GetOrder:
    """Serve nothing before every address is connected."""
    orders = right(settings)
    channels = [open_channel(one) for one in await each_address(settings)]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        return await orders(order_id)

    return get_order


async def channel_per_request(settings: Settings) -> GetOrder:
    """Open a channel for each request and close it behind it."""

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
    """Make served_by up."""
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


async def polling(settings: Settings) -> GetOrder:
    """Ask the name server again and again: a new channel every half second."""
    return renewed(settings, lambda: asyncio.sleep(0.5))


async def sticky_caller(settings: Settings) -> GetOrder:
    """Tie each caller's connection to one replica, the next one to the next."""
    replicas = itertools.cycle([right(one) for one in await each_address(settings)])
    tied: dict[str, GetOrder] = {}

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if _caller.get() not in tied:
            tied[_caller.get()] = next(replicas)
        return await tied[_caller.get()](order_id)

    return get_order


async def channel_per_caller(settings: Settings) -> GetOrder:
    """Open a channel for each connection of a caller, and keep it."""
    channels: dict[str, GetOrder] = {}

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if _caller.get() not in channels:
            channels[_caller.get()] = right(settings)
        return await channels[_caller.get()](order_id)

    return get_order


def _retrying(settings: Settings, seconds_left: Callable[[float], float]) -> GetOrder:
    """Make three attempts at UNAVAILABLE by hand; `seconds_left(since)` is the deadline of an attempt."""
    channel = open_channel(dataclasses.replace(settings, grpc_service_config=NO_RETRY_CONFIG))

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        since = time.monotonic()
        for backoff in (0.1, 0.2, None):
            timeout_ms = int(seconds_left(since) * 1000)
            try:
                return await caller(channel, dataclasses.replace(settings, call_timeout_ms=timeout_ms))(order_id)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or backoff is None:
                    raise
            await asyncio.sleep(backoff)
        raise RuntimeError("the last attempt either answers or raises")

    return get_order


async def application_retry(settings: Settings) -> GetOrder:
    """Retry UNAVAILABLE in the gateway's own code, whatever the service config says, under one deadline."""
    whole = settings.call_timeout_ms / 1000
    return _retrying(settings, lambda since: since + whole - time.monotonic())


async def per_attempt_deadline(settings: Settings) -> GetOrder:
    """Retry by hand and give each attempt the whole deadline."""
    return _retrying(settings, lambda _: settings.call_timeout_ms / 1000)


async def relabels_codes(settings: Settings) -> GetOrder:
    """Report every failure as UNAVAILABLE."""
    orders = right(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        try:
            return await orders(order_id)
        except grpc.aio.AioRpcError as error:
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.UNAVAILABLE, error.initial_metadata(), error.trailing_metadata(), error.details()
            ) from error

    return get_order


async def hanging_worker(settings: Settings) -> GetOrder:
    """Leave the orders of every second connection of a caller unanswered."""
    orders = right(settings)
    workers: dict[str, int] = {}

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if workers.setdefault(_caller.get(), len(workers)) % 2:
            await asyncio.Event().wait()
        return await orders(order_id)

    return get_order


_caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="")

MAKERS: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        application_retry,
        calls_twice,
        channel_per_caller,
        channel_per_request,
        hanging_worker,
        lying,
        naive_rotation,
        per_attempt_deadline,
        polling,
        pool_of_pick_first,
        random_picker,
        relabels_codes,
        sticky_caller,
        waits_for_all,
        *pick_first_gateways.MAKERS,
        *hashing_gateways.MAKERS,
        *outlier_gateways.MAKERS,
        *health_gateways.MAKERS,
        *resolvers.MAKERS,
        *text_gateways.MAKERS,
        *policy_gateways.MAKERS,
        *retrying_gateways.MAKERS,
        *waiting_gateways.MAKERS,
        *connection_gateways.MAKERS,
        *wire_gateways.MAKERS,
    )
}


def _remembering_callers(app: Application) -> Application:
    async def _remember(scope: Scope, receive: Receive, send: Send) -> None:
        _caller.set(str(scope["client"]))
        await app(scope, receive, send)

    return _remember


async def run(name: str, settings: Settings) -> None:
    """Serve orders in the way of that name until SIGTERM."""
    get_order = await MAKERS[name](settings)
    await serve(_remembering_callers(application(get_order)), settings.http_address)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Settings.from_environment(os.environ)))
