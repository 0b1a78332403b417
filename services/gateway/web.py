"""The HTTP side: one order or stream per request, one call for each. It does not know how the call is made."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
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

WatchOrder: TypeAlias = Callable[[str], AsyncIterator[order_pb2.GetOrderResponse]]

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


def application(
    get_order: GetOrder, watch_order: WatchOrder | None = None, ending: asyncio.Event | None = None
) -> Application:
    """
    Return the gateway's web application: `/orders/{id}`, `/livez`, `/readyz`, and `/streams/{id}` with `watch_order`.

    Each request for an order awaits `get_order` once, with the id URL-decoded and otherwise unchanged. A failed call
    is answered with the HTTP status for its code, and the code's name in the body. A stream is answered with a line for
    each message as it arrives, and a last one with its code; those that are open when `ending` is set are broken off.
    """
    over = ending or asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode()  # not yet decoded: an id may contain a slash
        folder, _, order_id = path.rpartition("/")
        if scope["method"] != "GET":
            await _answer(send, HTTPStatus.METHOD_NOT_ALLOWED)
        elif path in {"/livez", "/readyz"}:
            await _answer(send, HTTPStatus.OK)  # if it answers it is ready: the channel connects on demand
        elif folder == "/orders" and order_id:
            await _answer(send, *await _order(get_order, unquote(order_id)))
        elif folder == "/streams" and order_id and watch_order is not None:
            await _while_wanted(_pass_on(watch_order(unquote(order_id)), send), receive, over)
        else:
            await _answer(send, HTTPStatus.NOT_FOUND)

    return app


async def _order(get_order: GetOrder, order_id: str) -> tuple[int, dict[str, object]]:
    try:
        reply = await get_order(order_id)
    except grpc.aio.AioRpcError as error:
        return _failure(error)
    return HTTPStatus.OK, _line(reply)


async def _pass_on(updates: AsyncIterator[order_pb2.GetOrderResponse], send: Send) -> None:
    """Send each message of a stream in a line, then its code; or a status, if it fails before its first message."""
    begun = False
    end: dict[str, object] = {"code": grpc.StatusCode.OK.name}
    try:
        async for update in updates:
            if not begun:
                await _start(send, HTTPStatus.OK)
                begun = True
            await _send_line(send, _line(update))
    except grpc.aio.AioRpcError as error:
        status, end = _failure(error)
        if not begun:
            await _answer(send, status, end)
            return
    if not begun:
        await _start(send, HTTPStatus.OK)
    await _send_line(send, end, more=False)


async def _while_wanted(sending: Coroutine[Any, Any, None], receive: Receive, over: asyncio.Event) -> None:
    """Send until all is sent, or until the client has left or all is over: the call is cancelled then."""
    tasks = [asyncio.ensure_future(waiting) for waiting in (sending, _left(receive), over.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the request's body


def _line(reply: order_pb2.GetOrderResponse) -> dict[str, object]:
    return {"id": reply.id, "served_by": reply.served_by}


def _failure(error: grpc.aio.AioRpcError) -> tuple[int, dict[str, object]]:
    return HTTP_STATUS[error.code()], {"code": error.code().name, "message": error.details()}


async def _answer(send: Send, status: int, document: object = None) -> None:
    body = b"" if document is None else json.dumps(document).encode()
    await _start(send, status, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    kind = (b"content-type", b"application/json")
    await send({"type": "http.response.start", "status": status, "headers": [kind, *headers]})


async def _send_line(send: Send, line: dict[str, object], *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": json.dumps(line).encode() + b"\n", "more_body": more})


async def serve(app: Application, http_address: str, ending: asyncio.Event | None = None) -> None:
    """
    Serve until SIGTERM or SIGINT, then set `ending`, and finish the requests in flight.

    Raises `OSError` if nothing can listen on `http_address`.
    """
    serving = server(app)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn's own handlers exist only while it serves, and it raises the signal that stopped it again
        asyncio.get_running_loop().add_signal_handler(number, _end, serving, number, ending)
    with _listen(http_address) as listener:
        await serving.serve(sockets=[listener])


def _end(serving: uvicorn.Server, number: int, ending: asyncio.Event | None) -> None:
    serving.handle_exit(number, None)
    if ending is not None:
        ending.set()


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
