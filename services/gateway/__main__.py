"""`python -m services.gateway`: status 0 after SIGTERM, 1 if a port is taken, 2 for an invalid setting."""

import os
import sys

# Before gRPC is imported: C-core's log would bury the one line that says what is wrong.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import asyncio
from contextlib import AsyncExitStack

import grpc.aio

from services.gateway.channel import ServiceConfigError, check_service_config, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder, serve
from services.proto import order_pb2, order_pb2_grpc
from services.variables import SettingsError


def caller(channel: grpc.aio.Channel, settings: Settings) -> GetOrder:
    """Return what makes exactly one call on the channel: what is retried is up to the service config."""
    orders = order_pb2_grpc.OrderServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
    timeout = settings.call_timeout_ms / 1000 or None

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        request = order_pb2.GetOrderRequest(id=order_id)
        reply: order_pb2.GetOrderResponse = await orders.GetOrder(
            request, timeout=timeout, wait_for_ready=settings.wait_for_ready
        )
        return reply

    return get_order


async def run(settings: Settings) -> None:
    """Serve orders until SIGTERM or SIGINT. Raises `ServiceConfigError`, and `OSError` if a port is taken."""
    if settings.grpc_service_config is not None:
        await check_service_config(settings.grpc_service_config)
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(open_channel(settings))
        if settings.channelz_address is not None:
            from services.gateway.channelz import serving_channelz  # noqa: PLC0415, most do without: faster start

            await stack.enter_async_context(serving_channelz(settings.channelz_address))
        await serve(caller(channel, settings), settings.http_address)


def main() -> int:
    """Run the gateway and return its exit status."""
    try:
        asyncio.run(run(Settings.from_environment(os.environ)))
    except ServiceConfigError as error:
        return _complain(f"GRPC_SERVICE_CONFIG is invalid: {error}", 2)
    except SettingsError as error:
        return _complain(str(error), 2)
    except OSError as error:
        return _complain(str(error), 1)
    return 0


def _complain(line: str, status: int) -> int:
    sys.stderr.write(f"{line}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
