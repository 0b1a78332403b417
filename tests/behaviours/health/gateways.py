"""Gateways that check health by hand instead of leaving it to gRPC; each is wrong in one way."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.gateway.channel import SERVICE_CONFIG, caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.gateway_parts import each_address, failure
from tests.harness.subject.service_configs import SERVICE

EVERY = 0.05
"""Seconds between two Checks."""


class _Replica:
    """One address: whether its last Check was healthy, and the channel that it has while it is."""

    def __init__(self, settings: Settings, healthy: Callable[[str], bool], patience: float) -> None:
        self._settings = dataclasses.replace(settings, grpc_service_config=json.dumps(SERVICE_CONFIG))
        self._healthy, self._patience = healthy, patience
        self.get_order: GetOrder | None = None
        self.checked = asyncio.Event()
        self.checking = asyncio.create_task(self._check_on())

    async def _check_on(self) -> None:
        health: Any = health_pb2_grpc.HealthStub(open_channel(self._settings))  # its types do not cover aio
        async with contextlib.AsyncExitStack() as stack:
            while True:
                try:
                    reply = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=self._patience)
                    word = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
                except grpc.aio.AioRpcError as error:
                    word = error.code().name
                if not self._healthy(word):
                    self.get_order = None
                    await stack.aclose()
                elif self.get_order is None:
                    channel = await stack.enter_async_context(open_channel(self._settings))
                    self.get_order = caller(channel, self._settings)
                self.checked.set()
                await asyncio.sleep(EVERY)


async def _checking(settings: Settings, healthy: Callable[[str], bool], patience: float = 0.5) -> GetOrder:
    """Rotate over the healthy replicas; `healthy` judges the answer of a Check: a status, or the code of a failure."""
    replicas = [_Replica(address, healthy, patience) for address in await each_address(settings)]
    turns = itertools.count()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        for replica in replicas:
            await replica.checked.wait()
            if replica.checking.done():
                replica.checking.result()
        ways = [replica.get_order for replica in replicas if replica.get_order]
        if not ways:
            raise failure(grpc.StatusCode.UNAVAILABLE, "no healthy replica")
        return await ways[next(turns) % len(ways)](order_id)

    return get_order


async def own_health_checks(settings: Settings) -> GetOrder:
    """Use each recovered replica over a new connection."""
    return await _checking(settings, lambda word: word in {"SERVING", "UNIMPLEMENTED"})


async def health_required(settings: Settings) -> GetOrder:
    """Treat a replica without a health service as unhealthy."""
    return await _checking(settings, lambda word: word == "SERVING")


async def honours_not_serving_only(settings: Settings) -> GetOrder:
    """Treat every status except NOT_SERVING as SERVING."""
    return await _checking(settings, lambda word: word in {"SERVING", "UNKNOWN", "SERVICE_UNKNOWN", "UNIMPLEMENTED"})


async def unanswered_is_healthy(settings: Settings) -> GetOrder:
    """Treat a replica that does not answer a Check within 0.2 s as healthy."""
    return await _checking(settings, lambda word: word in {"SERVING", "UNIMPLEMENTED", "DEADLINE_EXCEEDED"}, 0.2)


class _Watched:
    """One address: what its only Watch reported last, and the channel that it has all the time."""

    def __init__(self, settings: Settings) -> None:
        plain = dataclasses.replace(settings, grpc_service_config=json.dumps(SERVICE_CONFIG))
        channel = open_channel(plain)
        self.get_order = caller(channel, plain)
        self.healthy = False
        self.known = asyncio.Event()
        self.watching = asyncio.create_task(self._watch(health_pb2_grpc.HealthStub(channel)))

    async def _watch(self, health: Any) -> None:  # noqa: ANN401, its types do not cover aio
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for reply in health.Watch(health_pb2.HealthCheckRequest(service=SERVICE)):
                self.healthy = reply.status == health_pb2.HealthCheckResponse.SERVING
                self.known.set()


async def watches_once(settings: Settings) -> GetOrder:
    """Rotate over the replicas that are healthy by one Watch each, which is never opened again."""
    replicas = [_Watched(address) for address in await each_address(settings)]
    turns = itertools.count()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        for replica in replicas:
            await replica.known.wait()
        ways = [replica.get_order for replica in replicas if replica.healthy]
        if not ways:
            raise failure(grpc.StatusCode.UNAVAILABLE, "no healthy replica")
        return await ways[next(turns) % len(ways)](order_id)

    return get_order
