"""Gateways that spread calls over a pool of channels, or that something else starts."""

import itertools

from services.gateway.settings import Settings
from services.gateway.web import Application, application
from services.proto import order_pb2
from tests.behaviours.elsewhere import CHECKOUT, FRONTS, INVENTORY, NUMBERED, OTHER_FRONT, UNTOLD
from tests.behaviours.elsewhere import COMMAND as ANOTHER
from tests.behaviours.gateway_parts import right
from tests.harness.subject.control import Control

CHANNELS = 3

CHANNEL_POOL = Control(
    "pool_of_channels",
    "spreads calls over a pool of round_robin channels, as gRPC's performance guide advises",
    gateway="pool_of_channels",
    promises={"connections_per_replica": CHANNELS},
)
ANOTHER_SERVICE = Control(
    "another_service",
    "is in front of another service than the order service, with its own request",
    command=(*ANOTHER, "right"),
    call=CHECKOUT,
    service=INVENTORY,
)
CARRIES_NOTHING = Control(
    "carries_nothing",
    "is in front of another service, with calls that carry nothing of its requests",
    command=(*ANOTHER, "right"),
    call=UNTOLD,
    service=INVENTORY,
)
BY_NUMBER = Control(
    "carries_a_number",
    "is in front of another service, with calls that carry a number",
    command=(*ANOTHER, "right"),
    call=NUMBERED,
    service=INVENTORY,
)
BY_GRPC = Control(
    "by_grpc",
    "is called with gRPC, in front of another service",
    command=(*OTHER_FRONT, "grpc", "right"),
    call=FRONTS["grpc"],
    service=INVENTORY,
)
BY_STDIO = Control(
    "by_stdio",
    "is a driver that makes a call for each line of its input",
    command=(*OTHER_FRONT, "stdio", "right"),
    call=FRONTS["stdio"],
    service=INVENTORY,
)
BY_ITSELF = Control(
    "by_itself",
    "calls by itself",
    command=(*OTHER_FRONT, "self", "right"),
    call=FRONTS["self"],
    service=INVENTORY,
)
WRAPPED = Control(
    "wrapped",
    "is started by a shell that waits for it",
    command=("sh", "-c", "python -m services.gateway; exit $?"),
)


async def pool_of_channels(settings: Settings) -> Application:
    """Use round_robin channels in turn."""
    channels = itertools.cycle([right(settings) for _ in range(CHANNELS)])

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await next(channels)(order_id)

    return application(get_order)
