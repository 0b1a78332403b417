"""The HTTP side: one order per request, one call per order. It does not know how the call is made."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import unquote

import grpc
import grpc.aio
import uvicorn

from services.proto import order_pb2
from services.variables import host_and_port

# An application as ASGI 3 has it, https://asgi.readthedocs.io/en/latest/specs/www.html
Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

GetOrder: TypeAlias = Callable[[str], Awaitable[order_pb2.GetOrderResponse]]

CLIENT_CLOSED_REQUEST = 499  # not in the registry, which has no status for CANCELLED

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


def application(get_order: GetOrder) -> Application:
    """
    Return the gateway's web application: `/orders/{id}`, `/livez`, `/readyz`.

    Each request for an order awaits `get_order` once, with the id URL-decoded and otherwise unchanged. A failed call
    is answered with the HTTP status for its code, and the code's name in the body.
    """

    async def order(order_id: str) -> tuple[int, dict[str, object]]:
        try:
            reply = await get_order(order_id)
        except grpc.aio.AioRpcError as error:
            return HTTP_STATUS[error.code()], {"code": error.code().name, "message": error.details()}
        return HTTPStatus.OK, {"id": reply.id, "served_by": reply.served_by}

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        path = scope["raw_path"].decode()  # not yet decoded: an id may contain a slash
        folder, _, order_id = path.rpartition("/")
        if scope["method"] != "GET":
            await _answer(send, HTTPStatus.METHOD_NOT_ALLOWED)
        elif path in {"/livez", "/readyz"}:
            await _answer(send, HTTPStatus.OK)  # if it answers it is ready: the channel connects on demand
        elif folder == "/orders" and order_id:
            await _answer(send, *await order(unquote(order_id)))
        else:
            await _answer(send, HTTPStatus.NOT_FOUND)

    return app


async def _answer(send: Send, status: int, document: object = None) -> None:
    body = b"" if document is None else json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve(app: Application, http_address: str) -> None:
    """
    Serve until SIGTERM or SIGINT, then finish the requests in flight.

    Raises `OSError` if nothing can listen on `http_address`.
    """
    serving = server(app)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn's own handlers exist only while it serves, and it raises the signal that stopped it again
        asyncio.get_running_loop().add_signal_handler(number, serving.handle_exit, number, None)
    with _listen(http_address) as listener:
        await serving.serve(sockets=[listener])


def server(app: Application) -> uvicorn.Server:
    """Return a server that logs only errors."""
    return uvicorn.Server(uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False))


def _listen(address: str) -> socket.socket:
    host, port = host_and_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(f"cannot listen on HTTP_ADDRESS {address}: {os.strerror(error.errno or 0)}") from error
    # asyncio does so only for its own sockets; otherwise replies arrive 40 ms late
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sys.stderr.write(f"orders on port {listener.getsockname()[1]}\n")
    return listener
