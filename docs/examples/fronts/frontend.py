"""Frontend: shop.v1.Frontend/Checkout and Track reserve the goods of a cart, each by one call of the inventory."""

import argparse
import asyncio
import json
import signal
from pathlib import Path

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

DEADLINE = 1.5

CHANNEL = json.loads(Path("channel.json").read_text()).items()

messages, services = grpc.protos_and_services("shop.proto")


class Frontend(services.FrontendServicer):
    """Reserves over one channel."""

    def __init__(self, channel):
        self._stock = services.InventoryStub(channel)

    async def Checkout(self, request, context):
        """Reserve the goods of a cart."""
        try:
            return await self._stock.Reserve(request, timeout=DEADLINE)
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details())

    async def Track(self, request, context):
        """Reserve the goods of a cart, and tell twice how that goes."""
        yield messages.CheckoutReply(reservation="pending")
        yield await self.Checkout(request, context)


async def main():
    """Serve until SIGTERM, then finish the calls in flight."""
    flags = argparse.ArgumentParser()
    flags.add_argument("--listen", default="0.0.0.0:8080")
    flags.add_argument("--inventory", default="dns:///inventory:9000")
    flags.add_argument("--policy", type=Path, default=Path("policy.json"))
    given = flags.parse_args()
    options = [*CHANNEL, ("grpc.service_config", given.policy.read_text())]
    server, stopped = grpc.aio.server(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    healthy = health.aio.HealthServicer()
    async with grpc.aio.insecure_channel(given.inventory, options=options) as channel:
        services.add_FrontendServicer_to_server(Frontend(channel), server)
        health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
        server.add_insecure_port(given.listen)
        await server.start()
        await healthy.set("", health_pb2.HealthCheckResponse.SERVING)
        await stopped.wait()
        await server.stop(DEADLINE)


asyncio.run(main())
