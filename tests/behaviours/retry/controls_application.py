"""Gateways that retry, hedge, limit or cut off calls in application code."""

import asyncio
import dataclasses
import random
import time
from collections.abc import Callable
from typing import Protocol

import grpc
import grpc.aio

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import Application, GetOrder, Receive, Scope, Send, application
from services.proto import order_pb2
from tests.behaviours.gateway_parts import failure, right
from tests.behaviours.retry.gateways_application import NO_RETRY_CONFIG, TOKEN, authorized, breaking
from tests.harness.subject.control import Control

UNNUMBERED = ("previous-attempts",)
BACKOFFS = (0.1, 0.2)
PER_TRY = 0.6
AT_A_TIME = 16

LOOP = Control(
    "retries_in_a_loop",
    "retries in application code, under one deadline",
    gateway="retries_in_a_loop",
    promises={"retries": "application"},
    unsupported=UNNUMBERED,
)
AUTHORIZED = Control(
    "authorizes_each_attempt",
    "retries in application code, with its token in the metadata of each attempt",
    gateway="authorizes_each_attempt",
    promises={"retries": "application"},
    unsupported=UNNUMBERED,
)
FULL_JITTER = Control(
    "full_jitter",
    "retries in application code, after any time up to its backoff",
    gateway="full_jitter",
    promises={"retries": "application", "jitter": "full"},
    unsupported=UNNUMBERED,
)
PER_TRY_TIMEOUT = Control(
    "per_try_timeout",
    "gives each attempt 0.6 s of a deadline of 1.5 s",
    gateway="per_try_timeout",
    promises={"retries": "application", "per_try_timeout": PER_TRY},
    unsupported=UNNUMBERED,
)
HEDGER = Control(
    "hedges",
    "sends a call once more if it is not answered soon, and takes the first answer",
    gateway="hedges",
    promises={"hedging": True},
    unsupported=UNNUMBERED,
)
BULKHEAD = Control(
    "bulkhead",
    "refuses calls beyond sixteen at a time",
    gateway="bulkhead",
    promises={"concurrent_calls": AT_A_TIME},
)
BREAKER = Control(
    "circuit_breaker",
    "refuses calls for half a second once five have failed in a row",
    gateway="circuit_breaker",
    promises={"ejection": True, "reconnects_within": 1.5},
)
ONE_STATUS = Control(
    "one_status",
    "answers every failure alike, with 502 and a sentence",
    gateway="one_status",
    promises={"codes": "untold"},
)
ONE_STATUS_UNSAID = Control(
    "one_status_unsaid",
    "answers every failure with 503 and a sentence, and its subject does not declare that",
    gateway="one_status_unsaid",
)


class Attempt(Protocol):
    """Makes one attempt of a call, within so many seconds."""

    async def __call__(self, order_id: str, seconds: float) -> order_pb2.GetOrderResponse:
        """Return the order. Raises AioRpcError."""


def _attempt(settings: Settings) -> Attempt:
    channel = open_channel(dataclasses.replace(settings, grpc_service_config=NO_RETRY_CONFIG))

    async def attempt(order_id: str, seconds: float) -> order_pb2.GetOrderResponse:
        limited = dataclasses.replace(settings, call_timeout_ms=max(1, int(seconds * 1000)))
        return await caller(channel, limited)(order_id)

    return attempt


def _retrying(settings: Settings, wait: Callable[[float], float], per_try: float = 60.0) -> Application:
    """Retry UNAVAILABLE, and an attempt that took too long, within one deadline."""
    attempt, whole = _attempt(settings), settings.call_timeout_ms / 1000

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        deadline = time.monotonic() + whole
        for backoff in (*BACKOFFS, None):
            seconds = min(per_try, deadline - time.monotonic())
            try:
                return await attempt(order_id, seconds)
            except grpc.aio.AioRpcError as error:
                again = {grpc.StatusCode.UNAVAILABLE} | (
                    {grpc.StatusCode.DEADLINE_EXCEEDED} if per_try < whole else set()
                )
                if error.code() not in again or backoff is None or time.monotonic() + backoff > deadline:
                    raise
            await asyncio.sleep(wait(backoff))
        raise RuntimeError("the last attempt either answers or raises")

    return application(get_order)


async def retries_in_a_loop(settings: Settings) -> Application:
    """Wait for the backoff, give or take a fifth."""
    return _retrying(settings, lambda backoff: backoff * random.uniform(0.8, 1.2))  # noqa: S311, no secret


async def authorizes_each_attempt(settings: Settings) -> Application:
    """Send a token with each attempt."""
    return application(authorized(settings, (TOKEN, TOKEN, TOKEN)))


async def full_jitter(settings: Settings) -> Application:
    """Wait for any time up to the backoff."""
    return _retrying(settings, lambda backoff: random.uniform(0, backoff))  # noqa: S311, no secret


async def per_try_timeout(settings: Settings) -> Application:
    """Give each attempt less than the whole deadline."""
    return _retrying(settings, lambda backoff: backoff * random.uniform(0.8, 1.2), PER_TRY)  # noqa: S311, no secret


async def hedges(settings: Settings) -> Application:
    """Start the next attempt after 0.2 s, or when one has failed UNAVAILABLE; three at most."""
    attempt, whole = _attempt(settings), settings.call_timeout_ms / 1000

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        deadline = time.monotonic() + whole
        running: set[asyncio.Task[order_pb2.GetOrderResponse]] = set()
        try:
            for number in (1, 2, 3):
                running.add(asyncio.create_task(attempt(order_id, deadline - time.monotonic())))
                patience = 0.2 if number < 3 else None
                while running:
                    done, running = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                    failed = [task.exception() for task in done]
                    if done and None in failed:
                        return next(task for task in done if task.exception() is None).result()
                    fatal = [error for error in failed if not _unavailable(error)]
                    if fatal or (failed and number == 3 and not running):
                        raise [*fatal, *failed][0]  # type: ignore[misc]  # None was returned above
                    if patience is not None:
                        break
        finally:
            for task in running:
                task.cancel()
        raise RuntimeError("the last attempt either answers or raises")

    return application(get_order)


def _unavailable(error: BaseException | None) -> bool:
    return isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.UNAVAILABLE


async def bulkhead(settings: Settings) -> Application:
    """Refuse a call while as many as there may be are under way."""
    orders = right(settings)
    under_way = 0

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        nonlocal under_way
        if under_way >= AT_A_TIME:
            raise failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls at a time")
        under_way += 1
        try:
            return await orders(order_id)
        finally:
            under_way -= 1

    return application(get_order)


async def circuit_breaker(settings: Settings) -> Application:
    """Refuse calls for a while after a row of failures; then let the next ones decide."""
    return application(breaking(settings, 5, 0.5, grpc.StatusCode.RESOURCE_EXHAUSTED))


def _alike(get_order: GetOrder, status: int) -> Application:
    """Answer every failure with one status, and without its code."""
    app = application(get_order)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        failed = False

        async def tell(message: dict[str, object]) -> None:
            nonlocal failed
            if message["type"] == "http.response.start" and int(str(message["status"])) >= 400:
                failed = True
                headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(SORRY))]
                message = {**message, "status": status, "headers": headers}
            elif failed:
                message = {**message, "body": SORRY}
            await send(message)

        await app(scope, receive, tell)

    return answer


SORRY = b"the order could not be fetched\n"


async def one_status(settings: Settings) -> Application:
    """Answer every failure with 502."""
    return _alike(right(settings), 502)


async def one_status_unsaid(settings: Settings) -> Application:
    """Answer every failure with 503, which stands for UNAVAILABLE elsewhere."""
    return _alike(right(settings), 503)
