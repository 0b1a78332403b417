"""The channel to the order service: how calls are balanced, retried and kept alive. The part that is judged."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from services.gateway.settings import Settings
from services.proto import order_pb2, order_pb2_grpc

SERVICE_CONFIG: dict[str, Any] = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "order.OrderService"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}


class ServiceConfigError(ValueError):
    """A service config that gRPC rejects; the message is gRPC's and names the field."""


def open_channel(settings: Settings) -> grpc.aio.Channel:
    """Return a channel to the order service. It resolves and connects on the first call."""
    target, options = settings.order_service_target, channel_options(settings)
    if settings.tls is None:
        return grpc.aio.insecure_channel(target, options)
    return grpc.aio.secure_channel(target, settings.tls.credentials, options)


def channel_options(settings: Settings) -> list[tuple[str, str | int]]:
    """Return the channel's arguments."""
    arguments: dict[str, str | int | None] = {
        "grpc.service_config": settings.grpc_service_config or json.dumps(SERVICE_CONFIG),
        "grpc.service_config_disable_resolution": int(not settings.txt_service_config),
        "grpc.dns_min_time_between_resolutions_ms": settings.dns_min_resolution_interval_ms,
        "grpc.initial_reconnect_backoff_ms": settings.initial_reconnect_backoff_ms,
        "grpc.max_reconnect_backoff_ms": settings.max_reconnect_backoff_ms,
        "grpc.min_reconnect_backoff_ms": settings.connect_timeout_ms,  # the connect timeout, despite its name
        "grpc.client_idle_timeout_ms": settings.client_idle_timeout_ms,
        "grpc.enable_retries": None if settings.enable_retries else 0,
        "grpc.per_rpc_retry_buffer_size": settings.retry_buffer_bytes,
        # Channels with equal arguments share connections by default, which would hide what one channel does.
        "grpc.use_local_subchannel_pool": 1,
        **(_keepalive(settings) if settings.keepalive_time_ms else {}),
    }
    return [(name, value) for name, value in arguments.items() if value is not None]


def caller(channel: grpc.aio.Channel, settings: Settings) -> Callable[[str], Awaitable[order_pb2.GetOrderResponse]]:
    """Return a function that makes exactly one call on the channel; retries are up to the service config."""
    orders = order_pb2_grpc.OrderServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
    timeout = settings.call_timeout_ms / 1000 or None

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        request = order_pb2.GetOrderRequest(id=order_id)
        reply: order_pb2.GetOrderResponse = await orders.GetOrder(
            request, timeout=timeout, wait_for_ready=settings.wait_for_ready, metadata=_metadata(settings, order_id)
        )
        return reply

    return get_order


def watcher(
    channel: grpc.aio.Channel, settings: Settings
) -> Callable[[str], AsyncIterator[order_pb2.GetOrderResponse]]:
    """Return a function that opens exactly one stream on the channel, and cancels it where its reader stops reading."""
    orders = order_pb2_grpc.OrderServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
    timeout = settings.stream_timeout_ms / 1000 or None

    async def watch_order(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        request = order_pb2.GetOrderRequest(id=order_id)
        call = orders.WatchOrder(
            request, timeout=timeout, wait_for_ready=settings.wait_for_ready, metadata=_metadata(settings, order_id)
        )
        try:
            async for update in call:
                yield update
        finally:
            call.cancel()

    return watch_order


def _metadata(settings: Settings, order_id: str) -> tuple[tuple[str, str], ...]:
    """Return what ring_hash hashes (gRFC A76): the customer of the order, the part of its id before the "."."""
    customer = order_id.partition("~")[0].partition(".")[0]
    return ((settings.hash_header, customer),) if settings.hash_header else ()


async def check_service_config(json_text: str) -> None:
    """
    Raise `ServiceConfigError` if gRPC rejects the service config.

    A channel with such a config can be created, but it fails every call with INVALID_ARGUMENT, which blames the caller.
    Its state gives it away: a good channel is IDLE until the first call. The call below never reaches the network; it
    fetches the reason. Measured with grpcio 1.85.1.
    """
    async with grpc.aio.insecure_channel("unix:/nonexistent", [("grpc.service_config", json_text)]) as channel:
        if channel.get_state() is grpc.ChannelConnectivity.IDLE:
            return
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/check/Check")
        try:
            await call(b"", timeout=1)
        except grpc.aio.AioRpcError as error:
            reason = (error.details() or "").partition("'unix:/nonexistent':")[2]
            raise ServiceConfigError(reason or error.details()) from None


def _keepalive(settings: Settings) -> dict[str, int]:
    """
    Return the arguments that detect a dead connection, where nothing answers and nothing closes it.

    C-core never arms `grpc.keepalive_timeout_ms` (grpc/grpc#39239; measured with 1.85.1): the wait for the
    acknowledgement is bounded by `grpc.http2.ping_timeout_ms`, 60 s by default. And it stops after two pings without
    data, unless `grpc.http2.max_pings_without_data` is 0: an idle connection would not be monitored.
    """
    return {
        "grpc.keepalive_time_ms": settings.keepalive_time_ms,
        "grpc.keepalive_timeout_ms": settings.keepalive_timeout_ms,
        "grpc.http2.ping_timeout_ms": settings.keepalive_timeout_ms,
        "grpc.keepalive_permit_without_calls": int(settings.keepalive_permit_without_calls),
        "grpc.http2.max_pings_without_data": 0,
    }
