"""Gateways that ask for health by themselves, Check after Check, and leave nothing to gRPC; each wrong in one way."""

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
    """One address: whether it is well by its last Check, and the channel that it has while it is."""

    def __init__(self, settings: Settings, well: Callable[[str], bool], patience: float) -> None:
        self._settings = dataclasses.replace(settings, grpc_service_config=json.dumps(SERVICE_CONFIG))
        self._well, self._patience = well, patience
        self.get_order: GetOrder | None = None
        self.checked = asyncio.Event()
        self.checking = asyncio.create_task(self._check_on())

    async def _check_on(self) -> None:
        health: Any = health_pb2_grpc.HealthStub(open_channel(self._settings))  # its types know nothing of aio
        async with contextlib.AsyncExitStack() as stack:
            while True:
                try:
                    reply = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=self._patience)
                    word = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
                except grpc.aio.AioRpcError as error:
                    word = error.code().name
                if not self._well(word):
                    self.get_order = None
                    await stack.aclose()
                elif self.get_order is None:
                    channel = await stack.enter_async_context(open_channel(self._settings))
                    self.get_order = caller(channel, self._settings)
                self.checked.set()
                await asyncio.sleep(EVERY)


async def _checking(settings: Settings, well: Callable[[str], bool], patience: float = 0.5) -> GetOrder:
    """Go round the replicas that are well, by what Check was answered: a status, or a code where it failed."""
    replicas = [_Replica(one, well, patience) for one in await each_address(settings)]
    turns = itertools.count()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        for replica in replicas:
            await replica.checked.wait()
            if replica.checking.done():
                replica.checking.result()
        ways = [replica.get_order for replica in replicas if replica.get_order]
        if not ways:
            raise failure(grpc.StatusCode.UNAVAILABLE, "no replica is well")
        return await ways[next(turns) % len(ways)](order_id)

    return get_order


async def own_health_checks(settings: Settings) -> GetOrder:
    """Take each replica that is well again over a new connection."""
    return await _checking(settings, lambda word: word in {"SERVING", "UNIMPLEMENTED"})


async def health_required(settings: Settings) -> GetOrder:
    """Take a replica without a health service for one that is not well."""
    return await _checking(settings, lambda word: word == "SERVING")


async def honours_not_serving_only(settings: Settings) -> GetOrder:
    """Take every status but NOT_SERVING for SERVING."""
    return await _checking(settings, lambda word: word in {"SERVING", "UNKNOWN", "SERVICE_UNKNOWN", "UNIMPLEMENTED"})


async def unanswered_is_healthy(settings: Settings) -> GetOrder:
    """Take a replica that does not answer a Check within a fifth of a second for one that is well."""
    return await _checking(settings, lambda word: word in {"SERVING", "UNIMPLEMENTED", "DEADLINE_EXCEEDED"}, 0.2)
