"""Gateways that retry in application code, so that attempts carry no number, change a code, or open a breaker."""

import asyncio
import dataclasses
import json
import time
from collections.abc import Callable, Sequence

import grpc
import grpc.aio

from services.gateway.channel import SERVICE_CONFIG, caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2, order_pb2_grpc
from tests.behaviours.gateway_parts import failure, right

TOKEN = (("authorization", "Bearer of-the-suite"),)

NO_RETRY_CONFIG = json.dumps({"loadBalancingConfig": SERVICE_CONFIG["loadBalancingConfig"]})


def _retrying(settings: Settings, seconds_left: Callable[[float], float]) -> GetOrder:
    """Make three attempts at UNAVAILABLE by hand; `seconds_left(since)` is the deadline of an attempt."""
    channel = open_channel(dataclasses.replace(settings, grpc_service_config=NO_RETRY_CONFIG))

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        since = time.monotonic()
        for backoff in (0.1, 0.2, None):
            timeout_ms = int(seconds_left(since) * 1000)
            try:
                return await caller(channel, dataclasses.replace(settings, call_timeout_ms=timeout_ms))(order_id)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or backoff is None:
                    raise
            await asyncio.sleep(backoff)
        raise RuntimeError("the last attempt either answers or raises")

    return get_order


async def application_retry(settings: Settings) -> GetOrder:
    """Retry UNAVAILABLE in application code, with or without a retry policy, under one deadline."""
    whole = settings.call_timeout_ms / 1000
    return _retrying(settings, lambda since: since + whole - time.monotonic())


async def per_attempt_deadline(settings: Settings) -> GetOrder:
    """Retry by hand and give each attempt the whole deadline."""
    return _retrying(settings, lambda _: settings.call_timeout_ms / 1000)


async def authorizes_once(settings: Settings) -> GetOrder:
    """Retry UNAVAILABLE by hand, with a token in the metadata of the first attempt only."""
    return authorized(settings, (TOKEN, (), ()))


def authorized(settings: Settings, metadata: Sequence[Sequence[tuple[str, str]]]) -> GetOrder:
    """Make up to three attempts at UNAVAILABLE, with this metadata."""
    channel = open_channel(dataclasses.replace(settings, grpc_service_config=NO_RETRY_CONFIG))
    place = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
    until = settings.call_timeout_ms / 1000

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        request, since = order_pb2.GetOrderRequest(id=order_id), time.monotonic()
        for carried, backoff in zip(metadata, (0.1, 0.2, None), strict=True):
            try:
                reply: order_pb2.GetOrderResponse = await place(
                    request, timeout=since + until - time.monotonic(), metadata=tuple(carried)
                )
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or backoff is None:
                    raise
                await asyncio.sleep(backoff)
            else:
                return reply
        raise RuntimeError("the last attempt either answers or raises")

    return get_order


async def relabels_codes(settings: Settings) -> GetOrder:
    """Report every failure as UNAVAILABLE."""
    orders = right(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        try:
            return await orders(order_id)
        except grpc.aio.AioRpcError as error:
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.UNAVAILABLE, error.initial_metadata(), error.trailing_metadata(), error.details()
            ) from error

    return get_order


async def opens_a_breaker(settings: Settings) -> GetOrder:
    """Fail all calls for five seconds once three have failed in a row."""
    return breaking(settings, 3, 5.0, grpc.StatusCode.UNAVAILABLE)


def breaking(settings: Settings, opens_after: int, stays_open: float, code: grpc.StatusCode) -> GetOrder:
    """Fail calls with this code for so many seconds once so many have failed in a row; then let the next decide."""
    orders, failed, closed_at = right(settings), 0, 0.0

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        nonlocal failed, closed_at
        if time.monotonic() < closed_at:
            raise failure(code, "the circuit breaker is open")
        try:
            reply = await orders(order_id)
        except grpc.aio.AioRpcError:
            failed += 1
            if failed >= opens_after:
                failed, closed_at = 0, time.monotonic() + stays_open
            raise
        failed = 0
        return reply

    return get_order
