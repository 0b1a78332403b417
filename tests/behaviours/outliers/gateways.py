"""Gateways that watch for outliers wrongly; gateways.py lists and runs them."""

import itertools
import time
from collections import Counter

import grpc.aio

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import each_address

FAILURES, AWAY = 2, 0.6
"""After so many failures a replica is left alone, for so many seconds."""


async def drops_outliers(settings: Settings) -> GetOrder:
    """Go round the replicas, and close the connection of one that fails for the time that it is left alone."""
    each = await each_address(settings)
    channels = {number: open_channel(one) for number, one in enumerate(each)}
    failures: Counter[int] = Counter()
    away: dict[int, float] = {}
    turn = itertools.count()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        for number in [number for number, until in away.items() if time.monotonic() > until]:
            channels[number] = open_channel(each[number])
            del away[number]
        number = sorted(channels)[next(turn) % len(channels)]
        channel = channels[number]
        try:
            return await caller(channel, each[number])(order_id)
        except grpc.aio.AioRpcError:
            failures[number] += 1
            if failures[number] % FAILURES == 0 and channels.get(number) is channel:
                del channels[number]
                away[number] = time.monotonic() + AWAY
                await channel.close()
            raise

    return get_order
