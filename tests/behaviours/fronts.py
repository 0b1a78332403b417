"""
`python -m tests.behaviours.fronts FRONT right`: the reference gateway with another front, in front of another service.

With "grpc" it is called with gRPC, with "stdio" by lines on its standard input, and with "self" it calls by itself. A
mutant is wrong by its variables. So mutants and right gateways can be seen through each front.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import grpc
import grpc.aio

from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from tests.behaviours.another_service import elsewhere
from tests.behaviours.elsewhere import FRONTEND
from tests.behaviours.gateway_parts import right
from tests.harness.world.driver import READY

EVERY = 0.02
"""Seconds between two calls of a gateway that calls by itself."""

Run: TypeAlias = Callable[[GetOrder, Settings], Awaitable[None]]


class _Frontend(grpc.GenericRpcHandler):
    """Answers one method by an order whose id is in its metadata."""

    def __init__(self, get_order: GetOrder) -> None:
        self._get_order = get_order

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return what answers a method."""
        return grpc.unary_unary_rpc_method_handler(self._answer) if details.method == f"/{FRONTEND.method}" else None

    async def _answer(self, _request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        metadata = dict(context.invocation_metadata() or ())
        try:
            await self._get_order(str(metadata["x-order"]))
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")
        return b""


async def by_grpc(get_order: GetOrder, settings: Settings) -> None:
    """Serve until SIGTERM, then finish the calls in flight."""
    server, stopped = grpc.aio.server(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server.add_generic_rpc_handlers([_Frontend(get_order)])
    server.add_insecure_port(settings.http_address)
    await server.start()
    await stopped.wait()
    await server.stop(settings.call_timeout_ms / 1000 if settings.call_timeout_ms else None)


async def by_stdio(get_order: GetOrder, _settings: Settings) -> None:
    """Make a call for each line of the input, until its end."""
    reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _print(READY)
    async with asyncio.TaskGroup() as calls:
        while line := await reader.readline():
            calls.create_task(_tell(get_order, json.loads(line)))


async def _tell(get_order: GetOrder, call: Mapping[str, Any]) -> None:
    code, message = "OK", ""
    try:
        await get_order(call["id"])
    except grpc.aio.AioRpcError as error:
        code, message = error.code().name, error.details() or ""
    _print(json.dumps({"call": call["call"], "code": code, "message": message}))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def by_itself(get_order: GetOrder, _settings: Settings) -> None:
    """Call without end, and ignore what becomes of it."""
    async with asyncio.TaskGroup() as calls:
        for number in itertools.count():
            calls.create_task(_ignoring(get_order(f"cart-{number}")))
            await asyncio.sleep(EVERY)


async def _ignoring(call: Awaitable[object]) -> None:
    with contextlib.suppress(grpc.aio.AioRpcError):
        await call


FRONTS: Mapping[str, Run] = {"grpc": by_grpc, "stdio": by_stdio, "self": by_itself}


async def main(front: str, settings: Settings) -> None:
    """Run with a front. Raises KeyError for one that is none of FRONTS."""
    settings = elsewhere(settings)
    await FRONTS[front](right(settings), settings)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Settings.from_environment(os.environ)))
