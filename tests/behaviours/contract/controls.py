"""A gateway that takes its time with every call, and declares that."""

import asyncio

from services.gateway.settings import Settings
from services.gateway.web import Application, application
from services.proto import order_pb2
from tests.behaviours.gateway_parts import right
from tests.harness.subject.control import Control

CHECKED_IN = 0.25
"""Seconds that it takes to check who calls."""

SLOW = Control(
    "slow_as_promised",
    "spends a quarter of a second on each call, as to check who calls, and promises that overhead",
    gateway="slow_as_promised",
    promises={"overhead": 0.3},
)


async def slow_as_promised(settings: Settings) -> Application:
    """Wait before each call."""
    orders = right(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        await asyncio.sleep(CHECKED_IN)
        return await orders(order_id)

    return application(get_order)
