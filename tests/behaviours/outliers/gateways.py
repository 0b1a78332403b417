"""Gateways that detect outliers wrongly (see tests/behaviours/gateways.py)."""

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
"""After so many failures a replica is ejected, for so many seconds."""


async def drops_outliers(settings: Settings) -> GetOrder:
    """Rotate over the replicas, and close the connection of a failing one for the time of its ejection."""
    addresses = await each_address(settings)
    channels = {number: open_channel(address) for number, address in enumerate(addresses)}
    failures: Counter[int] = Counter()
    away: dict[int, float] = {}
    turn = itertools.count()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        for number in [number for number, until in away.items() if time.monotonic() > until]:
            channels[number] = open_channel(addresses[number])
            del away[number]
        number = sorted(channels)[next(turn) % len(channels)]
        channel = channels[number]
        try:
            return await caller(channel, addresses[number])(order_id)
        except grpc.aio.AioRpcError:
            failures[number] += 1
            if failures[number] % FAILURES == 0 and channels.get(number) is channel:
                del channels[number]
                away[number] = time.monotonic() + AWAY
                await channel.close()
            raise

    return get_order
