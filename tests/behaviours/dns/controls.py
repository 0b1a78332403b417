"""Gateways that query DNS at their own pace, or that take a while to start."""

import asyncio
import time

import grpc

from services.gateway.settings import Settings
from services.gateway.web import Application, Receive, Scope, Send, application
from services.proto import order_pb2
from tests.behaviours.dns.gateways import Addresses, World, _behind
from tests.behaviours.gateway_parts import Target, failure, right
from tests.harness.subject.control import Control

EVERY = 0.4
FAILURES_KEPT = 3.0

PATIENCE = 5.0
"""Seconds that a right cache waits for an answer: a late one on a busy machine must not be kept as a failure."""

WARM_AFTER = 0.8

POLLER = Control(
    "polls_as_promised",
    "queries DNS every 0.4 s, in addition to what its channel does, and declares that",
    gateway="polls_as_promised",
    promises={"refresh_interval": EVERY},
)
NEGATIVE_CACHE = Control(
    "caches_failures",
    "resolves through a cache that keeps a failure for 3 s, as RFC 2308 allows",
    gateway="caches_failures",
    # the channel's third repetition is the first after 3 s: 1, 1.6 and 2.56 s, each a fifth longer
    promises={"dns_retry_within": 6.4},
)
GATED = Control(
    "ready_later",
    "refuses calls until it is warm, and answers /readyz with 503 until then",
    gateway="ready_later",
    ready="/readyz",
)
COLD = Control(
    "cold_start",
    "is slow for its first calls, and promises a time within which it has started",
    gateway="cold_start",
    promises={"start_within": 1.5},
)


async def polls_as_promised(settings: Settings) -> Application:
    """Query DNS on a timer."""
    orders, target = right(settings), Target.of(settings)

    async def poll() -> None:
        while True:
            await asyncio.gather(target.resolve(), return_exceptions=True)
            await asyncio.sleep(EVERY)

    polling = asyncio.create_task(poll())

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if polling.done():
            polling.result()
        return await orders(order_id)

    return application(get_order)


async def caches_failures(settings: Settings) -> Application:
    """Keep failures for a while, and answers not at all."""
    world, failed = World.of(settings), -FAILURES_KEPT

    async def answers(_: str) -> Addresses:
        nonlocal failed
        if time.monotonic() < failed + FAILURES_KEPT:
            return None
        addresses = await world.addresses(patience=PATIENCE)
        failed = time.monotonic() if addresses is None else failed
        return addresses

    return application(right(await _behind(settings, answers)))


async def ready_later(settings: Settings) -> Application:
    """Answer 503 until a while has passed."""
    app, began = application(right(settings)), time.monotonic()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if time.monotonic() < began + WARM_AFTER:
            await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    return answer


async def cold_start(settings: Settings) -> Application:
    """Refuse calls at first, and let the first one that is served wait, as for a compiler."""
    orders, began, cold = right(settings), time.monotonic(), True

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        nonlocal cold
        if time.monotonic() < began + WARM_AFTER / 2:
            raise failure(grpc.StatusCode.UNAVAILABLE, "still starting")
        if cold:
            cold = False
            await asyncio.sleep(WARM_AFTER)
        return await orders(order_id)

    return application(get_order)
