"""
Gateways that retry by hand and number their attempts as the retries of gRPC do; each is wrong in one way.

In the ledgers only their fault distinguishes them from gRPC: a library could behave like this.
"""

import asyncio
import dataclasses
import json
import random
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from services.gateway.channel import SERVICE_CONFIG, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2, order_pb2_grpc

Wait = Callable[[int, grpc.aio.AioRpcError], float | None]
"""The seconds to wait after the failure of attempt number n, from 1; None: it was the last one."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """The retry policy of a service config, and its throttling; times in seconds."""

    max_attempts: int
    initial_backoff: float
    multiplier: float
    codes: frozenset[str]
    max_tokens: float
    token_ratio: float

    @classmethod
    def of(cls, settings: Settings, limit: int = 5) -> "Policy":
        """Return the policy of the gateway's service config, else the reference's; `limit` is that of the library."""
        given = settings.grpc_service_config
        config: dict[str, Any] = json.loads(given) if given else SERVICE_CONFIG
        retry, tokens = config["methodConfig"][0]["retryPolicy"], config.get("retryThrottling", {})
        return cls(
            max_attempts=min(retry["maxAttempts"], limit),
            initial_backoff=float(retry["initialBackoff"].removesuffix("s")),
            multiplier=retry["backoffMultiplier"],
            codes=frozenset(retry["retryableStatusCodes"]),
            max_tokens=tokens.get("maxTokens", float("inf")),
            token_ratio=tokens.get("tokenRatio", 1.0),
        )

    def backoff(self, attempt: int) -> float:
        """Return the seconds after attempt number `attempt`, without jitter."""
        return self.initial_backoff * self.multiplier ** (attempt - 1)

    def retries(self, attempt: int, error: grpc.aio.AioRpcError) -> bool:
        """Return whether the policy allows another attempt after this one."""
        return error.code().name in self.codes and attempt < self.max_attempts

    def wait(self, attempt: int, error: grpc.aio.AioRpcError) -> float | None:
        """Return the backoff after this attempt, None if it was the last one."""
        return self.backoff(attempt) if self.retries(attempt, error) else None


def _numbered(settings: Settings, wait: Wait, served: Callable[[], object] = lambda: None) -> GetOrder:
    """Retry after what `wait` returns, under one deadline; each success calls `served`."""
    # the retries of gRPC would remove the numbers of the attempts
    orders = order_pb2_grpc.OrderServiceStub(  # type: ignore[no-untyped-call]  # generated
        open_channel(dataclasses.replace(settings, enable_retries=False))
    )

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        deadline = time.monotonic() + settings.call_timeout_ms / 1000
        attempt = 1
        while True:
            number = (("grpc-previous-rpc-attempts", str(attempt - 1)),) if attempt > 1 else ()
            try:
                request = order_pb2.GetOrderRequest(id=order_id)
                reply: order_pb2.GetOrderResponse = await orders.GetOrder(
                    request, timeout=deadline - time.monotonic(), metadata=number
                )
            except grpc.aio.AioRpcError as error:
                seconds = wait(attempt, error)
                if seconds is None:
                    raise
                await asyncio.sleep(seconds)
                attempt += 1
            else:
                served()
                return reply

    return get_order


async def counts_every_failure(settings: Settings) -> GetOrder:
    """Throttle retries, and spend a token on every failure, regardless of its code."""
    policy = Policy.of(settings)
    tokens = policy.max_tokens

    def _served() -> None:
        nonlocal tokens
        tokens = min(policy.max_tokens, tokens + policy.token_ratio)

    def _wait(attempt: int, error: grpc.aio.AioRpcError) -> float | None:
        nonlocal tokens
        tokens = max(0.0, tokens - 1)
        allowed = tokens > policy.max_tokens / 2 and policy.retries(attempt, error)
        return policy.backoff(attempt) if allowed else None

    return _numbered(settings, _wait, _served)


async def unlimited_attempts(settings: Settings) -> GetOrder:
    """Make as many attempts as the service config sets, however many."""
    return _numbered(settings, Policy.of(settings, limit=100).wait)


async def ignores_pushback(settings: Settings) -> GetOrder:
    """Wait the backoff of the policy, and ignore server pushback."""
    return _numbered(settings, Policy.of(settings).wait)


async def no_retry_jitter(settings: Settings) -> GetOrder:
    """Wait exactly the backoff of the policy."""
    return _numbered(settings, Policy.of(settings).wait)


async def constant_backoff(settings: Settings) -> GetOrder:
    """Wait twice the initial backoff, give or take a fifth, before each retry."""
    policy = Policy.of(settings)

    def _wait(attempt: int, error: grpc.aio.AioRpcError) -> float | None:
        jittered = 2 * policy.initial_backoff * random.uniform(0.8, 1.2)  # noqa: S311, no secret
        return jittered if policy.retries(attempt, error) else None

    return _numbered(settings, _wait)


async def wide_jitter(settings: Settings) -> GetOrder:
    """Wait the backoff of the policy, give or take half of it."""
    policy = Policy.of(settings)

    def _wait(attempt: int, error: grpc.aio.AioRpcError) -> float | None:
        jittered = policy.backoff(attempt) * random.uniform(0.5, 1.5)  # noqa: S311, no secret
        return jittered if policy.retries(attempt, error) else None

    return _numbered(settings, _wait)


async def backoff_keeps_growing(settings: Settings) -> GetOrder:
    """Honour the pushback delay, and let the backoff keep growing after it."""
    policy = Policy.of(settings)

    def _wait(attempt: int, error: grpc.aio.AioRpcError) -> float | None:
        pushback, backoff = _pushback(error), policy.wait(attempt, error)
        return backoff if pushback is None or backoff is None else pushback if pushback >= 0 else None

    return _numbered(settings, _wait)


async def pushback_for_any_code(settings: Settings) -> GetOrder:
    """Retry every failure that carries a pushback, regardless of its code."""
    policy = Policy.of(settings)

    def _wait(attempt: int, error: grpc.aio.AioRpcError) -> float | None:
        pushback = _pushback(error)
        if pushback is None:
            return policy.wait(attempt, error)
        return pushback if pushback >= 0 and attempt < policy.max_attempts else None

    return _numbered(settings, _wait)


def _pushback(error: grpc.aio.AioRpcError) -> float | None:
    """Return the pushback of the server in seconds, None without one."""
    values = [value for key, value in error.trailing_metadata() or () if key == "grpc-retry-pushback-ms"]
    return int(values[0]) / 1000 if values else None
