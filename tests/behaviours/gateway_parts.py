"""Parts of the mutants' gateways: the addresses of a target, a channel to each of them, a renewed channel."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import dns.asyncresolver
import dns.resolver
import grpc
import grpc.aio

from services.gateway.channel import caller, open_channel, watcher
from services.gateway.settings import Settings
from services.gateway.web import GetOrder, WatchOrder
from services.proto import order_pb2
from services.variables import host_and_port

calling: contextvars.ContextVar[str] = contextvars.ContextVar("calling", default="")
"""The caller connection whose order is being served."""


@dataclass(frozen=True)
class Target:
    """A DNS server, the name to query, and the port of the replicas."""

    host: str
    port: int
    name: str
    replica_port: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the target `dns://server:port/name:port`."""
        server, _, target = settings.order_service_target.removeprefix("dns://").partition("/")
        name, _, replica_port = target.partition(":")
        return cls(*host_and_port(server), name, int(replica_port))

    async def resolve(self) -> dns.resolver.Answer:
        """Resolve the name once, by hand."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = [self.host], self.port
        return await resolver.resolve(f"{self.name}.", "A")


async def each_address(settings: Settings) -> list[Settings]:
    """Return settings for each address of the target, which is resolved once."""
    target = Target.of(settings)
    answer = await target.resolve()
    return [replace(settings, order_service_target=f"ipv4:{record.address}:{target.replica_port}") for record in answer]


def right(settings: Settings) -> GetOrder:
    """Return what the reference gateway does."""
    return caller(open_channel(settings), settings)


class Calls(NamedTuple):
    """How a gateway gets an order, and how it opens a stream."""

    get_order: GetOrder
    watch_order: WatchOrder


def watching(settings: Settings) -> WatchOrder:
    """Return how the reference gateway opens a stream."""
    return watcher(open_channel(settings), settings)


def renewed(settings: Settings, due: Callable[[], Awaitable[object]]) -> GetOrder:
    """Open a new channel whenever `due` returns; the next order raises what it raised."""
    current = right(settings)

    async def _renew() -> None:
        nonlocal current
        while True:
            await due()
            current = right(settings)

    renewing = asyncio.create_task(_renew())

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if renewing.done():
            renewing.result()
        return await current(order_id)

    return get_order


def failure(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    """Return the error of a call that the gateway itself fails."""
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)
