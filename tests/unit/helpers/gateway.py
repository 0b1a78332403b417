"""The reference gateway in this process, or as a process, in front of an order service that waits."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import quote

import grpc
import grpc.aio
import requests

from services.gateway.web import GetOrder, WatchOrder, application, server
from services.proto import order_pb2, order_pb2_grpc


def in_loop(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a test's scenario, for at most 30 seconds: the machine may be busy."""
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def fetch(port: int, path: str, method: str = "GET") -> requests.Response:
    """Return the gateway's answer."""
    return await asyncio.to_thread(requests.request, method, f"http://127.0.0.1:{port}{path}", timeout=10)


async def get(port: int, order_id: str) -> tuple[int, Any]:
    """Return the HTTP status and the body for an order, its id escaped wherever a URL allows it."""
    reply = await fetch(port, f"/orders/{quote(order_id, safe='')}")
    return reply.status_code, reply.json()


@asynccontextmanager
async def web(get_order: GetOrder, watch_order: WatchOrder | None = None) -> AsyncIterator[int]:
    """Serve the application in this process; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = server(application(get_order, watch_order))
        task = asyncio.create_task(serving.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        serving.should_exit = True
        await task


class Orders(order_pb2_grpc.OrderServiceServicer):
    """An order service that holds its answers until it is told to give them."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.deadlines: list[float | None] = []
        self.arrived = asyncio.Event()
        self.answer = asyncio.Event()

    async def GetOrder(  # noqa: N802, the name in order.proto
        self,
        request: order_pb2.GetOrderRequest,
        context: "grpc.aio.ServicerContext[order_pb2.GetOrderRequest, order_pb2.GetOrderResponse]",
    ) -> order_pb2.GetOrderResponse:
        """Take note, wait, answer."""
        self.ids.append(request.id)
        self.deadlines.append(context.time_remaining())
        self.arrived.set()
        await self.answer.wait()
        return order_pb2.GetOrderResponse(id=request.id, served_by="stub")


@asynccontextmanager
async def order_service(orders: Orders) -> AsyncIterator[str]:
    """Serve it; yields the target."""
    server = grpc.aio.server()
    order_pb2_grpc.add_OrderServiceServicer_to_server(orders, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"ipv4:127.0.0.1:{port}"
    finally:
        await server.stop(None)


@contextmanager
def start(**environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the gateway as a process, on a port that the system chooses, for no longer than the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "services.gateway"],
        env=os.environ | {"HTTP_ADDRESS": "127.0.0.1:0"} | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: subprocess.Popen[str]) -> int:
    """Return the port that the gateway says it serves orders on, once it does."""
    assert process.stderr is not None
    return int(process.stderr.readline().split()[-1])


async def closed(port: int) -> None:
    """Return once nobody listens on the port."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:  # refused, or reset while it was still in the queue
            return
        writer.close()
