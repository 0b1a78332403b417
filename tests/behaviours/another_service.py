"""
`python -m tests.behaviours.another_service NAME`: a gateway of the suite in front of another service.

It answers POST /checkout and calls inventory.v2.Inventory/Reserve, and GET /stock/{id} with the stream of
inventory.v2.Inventory/Watch; all else is the gateway of that name (gateways.py), or the reference gateway's with
"right". So every mutant can be seen with its own request and service.
"""

import asyncio
import json
import os
import sys
from dataclasses import replace
from urllib.parse import quote

import grpc.aio

from services.gateway.channel import SERVICE_CONFIG
from services.gateway.settings import Settings
from services.gateway.web import Application, Receive, Scope, Send, application, serve
from services.order.faults import field_of
from services.proto import order_pb2, order_pb2_grpc
from tests.behaviours.elsewhere import INVENTORY, WATCHED
from tests.behaviours.gateway_parts import Calls, right, watching
from tests.behaviours.gateways import makers
from tests.harness.subject.service_configs import about_method


class _Inventory:
    """What gateways use as a stub of the order service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.GetOrder = channel.unary_unary(
            f"/{INVENTORY.judged.method}",
            request_serializer=_reserve,
            response_deserializer=lambda _reply: order_pb2.GetOrderResponse(),
        )
        self.WatchOrder = channel.unary_stream(
            f"/{WATCHED}",
            request_serializer=_reserve,
            response_deserializer=lambda _reply: order_pb2.GetOrderResponse(),
        )


def _reserve(order: order_pb2.GetOrderRequest) -> bytes:
    """Return {cart: {id: …}, quantity: 1}: a nested message with the id, and another field after it."""
    return field_of(1, order.SerializeToString()) + b"\x10\x01"


def _checkout(app: Application) -> Application:
    """Answer POST /checkout as the gateway answers an order of that cart, and /stock/ID as its streams."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and scope["path"] == "/checkout":
            body, more = b"", True
            while more:
                part = await receive()
                body, more = body + part.get("body", b""), part.get("more_body", False)
            cart = quote(json.loads(body)["cart"], safe="")
            scope = {**scope, "method": "GET", "raw_path": f"/orders/{cart}".encode()}
        if scope["path"].startswith("/stock/"):
            scope = {**scope, "raw_path": scope["raw_path"].replace(b"/stock/", b"/streams/", 1)}
        await app(scope, receive, send)

    return answer


def elsewhere(settings: Settings) -> Settings:
    """Have this process call the other service, and return the settings that apply there."""
    order_pb2_grpc.OrderServiceStub = _Inventory  # type: ignore[assignment, misc]  # this process is all about it
    policy = settings.grpc_service_config or json.dumps(SERVICE_CONFIG)
    return replace(settings, grpc_service_config=about_method(policy, INVENTORY.judged.method))


async def run(name: str, settings: Settings) -> None:
    """Serve as the gateway of that name does, until SIGTERM."""
    settings = elsewhere(settings)
    made = Calls(right(settings), watching(settings)) if name == "right" else await makers()[name](settings)
    app = application(*made) if isinstance(made, Calls) else application(made)
    await serve(_checkout(app), settings.http_address)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Settings.from_environment(os.environ)))
