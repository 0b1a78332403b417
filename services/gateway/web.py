"""The HTTP side: one order in the path, one call behind it. It knows nothing of how the call is made."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeAlias

import grpc
import grpc.aio
from aiohttp import web

from services.proto import order_pb2
from services.variables import host_and_port

GetOrder: TypeAlias = Callable[[str], Awaitable[order_pb2.GetOrderResponse]]

CLIENT_CLOSED_REQUEST = 499  # not in the registry, which has no word for CANCELLED

# The mapping of google/rpc/code.proto.
HTTP_STATUS: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.OK: HTTPStatus.OK,
    grpc.StatusCode.CANCELLED: CLIENT_CLOSED_REQUEST,
    grpc.StatusCode.UNKNOWN: HTTPStatus.INTERNAL_SERVER_ERROR,
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.ABORTED: HTTPStatus.CONFLICT,
    grpc.StatusCode.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    grpc.StatusCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def application(get_order: GetOrder) -> web.Application:
    """
    Return the gateway's web application: `/orders/{id}`, `/livez`, `/readyz`.

    Each request for an order awaits `get_order` once, with the id decoded from the URL and otherwise
    unchanged. A failed call becomes the HTTP status of its code, with the code's name in the body.
    """

    async def order(request: web.Request) -> web.Response:
        try:
            reply = await get_order(request.match_info["id"])
        except grpc.aio.AioRpcError as error:
            body = {"code": error.code().name, "message": error.details()}
            return web.json_response(body, status=HTTP_STATUS[error.code()])
        return web.json_response({"id": reply.id, "served_by": reply.served_by})

    app = web.Application()
    any_id = "{id:[^/]+}"  # {id} alone would not match an id with braces in it
    app.add_routes([web.get(f"/orders/{any_id}", order), web.get("/livez", _fine), web.get("/readyz", _fine)])
    return app


async def serve(get_order: GetOrder, http_address: str) -> None:
    """
    Serve until SIGTERM or SIGINT, then finish the requests in flight.

    Raises `OSError` if nothing can listen on `http_address`.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(application(get_order), access_log=None)
    await runner.setup()
    try:
        await _listen(runner, http_address)
        await stop.wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, address: str) -> None:
    try:
        await web.TCPSite(runner, *host_and_port(address)).start()
    except OSError as error:
        raise OSError(f"HTTP_ADDRESS {address} cannot be listened on: {os.strerror(error.errno or 0)}") from error
    sys.stderr.write(f"orders on port {runner.addresses[0][1]}\n")


async def _fine(_request: web.Request) -> web.Response:
    """Answer a probe: a gateway that answers is ready, as its channel connects when it is needed."""
    return web.Response()
