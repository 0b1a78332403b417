"""Gateways that pass streams on in another way than message by message, or open them again themselves."""

import asyncio
from collections.abc import AsyncIterator

from services.gateway.settings import Settings
from services.gateway.web import Application, WatchOrder, application
from services.proto import order_pb2
from tests.behaviours.elsewhere import CHECKOUT, INVENTORY, STOCK
from tests.behaviours.elsewhere import COMMAND as ANOTHER
from tests.behaviours.gateway_parts import right, watching
from tests.behaviours.streams.shared import reopening
from tests.harness.subject.control import Control
from tests.harness.subject.streams import StreamPromises

HELD = 0.3

HOLDS_BACK = Control(
    "holds_messages_back",
    "passes on the messages of a stream that arrived in the last 0.3 s together, and declares that",
    gateway="holds_messages_back",
    promises={"streams": StreamPromises(delay=HELD)},
    supported=("streams",),
)
ENDS_STREAMS = Control(
    "ends_streams",
    "has a deadline of 1 s for each stream, and declares that",
    variables={"STREAM_TIMEOUT_MS": "1000"},
    promises={"streams": StreamPromises(timeout=1.0)},
)
REOPENS = Control(
    "reopens_streams",
    "opens a stream again itself that broke off, and declares that",
    gateway="reopens_streams",
    promises={"streams": StreamPromises(reopens=True)},
    supported=("streams",),
)
ANOTHER_FEED = Control(
    "another_feed",
    "is in front of another service that streams, with its own requests",
    command=(*ANOTHER, "right"),
    supported=("streams",),
    call=CHECKOUT,
    stream=STOCK,
    service=INVENTORY,
)


async def reopens_streams(settings: Settings) -> Application:
    """Open another stream where one broke off."""
    return application(right(settings), reopening(watching(settings)))


async def holds_messages_back(settings: Settings) -> Application:
    """Pass on what has arrived every 0.3 s."""
    return application(right(settings), _held(watching(settings)))


def _held(watch_order: WatchOrder) -> WatchOrder:
    async def watch(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        arrived: asyncio.Queue[order_pb2.GetOrderResponse] = asyncio.Queue()

        async def read() -> None:
            async for update in watch_order(order_id):
                arrived.put_nowait(update)

        reading = asyncio.create_task(read())
        try:
            while not reading.done() or arrived.qsize():
                await asyncio.wait((reading,), timeout=HELD)
                for _ in range(arrived.qsize()):
                    yield arrived.get_nowait()
            reading.result()
        finally:
            reading.cancel()

    return watch
