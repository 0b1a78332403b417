"""Load: reserves goods 50 times a second until it is stopped, as a load generator or a worker does."""

import argparse
import asyncio
import itertools
import json
from pathlib import Path

import grpc
import grpc.aio

DEADLINE = 1.5
EVERY = 0.02

CHANNEL = json.loads(Path("channel.json").read_text()).items()

messages, services = grpc.protos_and_services("shop.proto")


async def reserve(stock, number):
    """Reserve a cart; a load generator would count the failures."""
    try:
        await stock.Reserve(messages.CheckoutRequest(cart=f"c-{number}"), timeout=DEADLINE)
    except grpc.aio.AioRpcError as error:
        print(error.code().name, flush=True)


async def main():
    """Call without end."""
    flags = argparse.ArgumentParser()
    flags.add_argument("target")
    flags.add_argument("--policy", type=Path, default=Path("policy.json"))
    given = flags.parse_args()
    options = [*CHANNEL, ("grpc.service_config", given.policy.read_text())]
    async with grpc.aio.insecure_channel(given.target, options=options) as channel, asyncio.TaskGroup() as calls:
        stock = services.InventoryStub(channel)
        for number in itertools.count():
            calls.create_task(reserve(stock, number))
            await asyncio.sleep(EVERY)


asyncio.run(main())
