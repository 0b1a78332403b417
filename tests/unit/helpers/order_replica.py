"""A replica of the order service in the test's own process, with a client and a ledger that can be waited for."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
import grpc.aio
import pytest

from services.order.ledger import Ledger
from services.order.server import Replica
from services.order.settings import Settings
from services.proto import order_pb2, order_pb2_grpc

Call: TypeAlias = "grpc.aio.UnaryUnaryCall[order_pb2.GetOrderRequest, order_pb2.GetOrderResponse]"


LOOPBACK = {"INSTANCE_ID": "order-1", "GRPC_ADDRESS": "127.0.0.1:0", "HTTP_ADDRESS": "127.0.0.1:0"}


FAST_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": "order.OrderService"}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.01s",
                "maxBackoff": "0.01s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


class Lines(io.StringIO):
    """A ledger's output that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._written = asyncio.Event()

    def flush(self) -> None:
        """Wake who waits: the ledger flushes once a line."""
        self._written.set()

    def read_all(self) -> list[dict[str, Any]]:
        """Return the lines so far."""
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def attempts(self) -> list[dict[str, Any]]:
        """Return the lines of attempts so far."""
        return [line for line in self.read_all() if line["event"] == "attempt"]

    async def until(self, event: str, count: int = 1) -> None:
        """Return once there are that many lines of that event."""
        while [line["event"] for line in self.read_all()].count(event) < count:
            self._written.clear()
            await self._written.wait()

    async def until_attempts(self, count: int) -> None:
        """Return once there are that many lines of attempts."""
        while len(self.attempts()) < count:
            self._written.clear()
            await self._written.wait()


@dataclass
class Running:
    """A replica in this process, with a client."""

    replica: Replica
    channel: grpc.aio.Channel
    ledger: Lines = field(repr=False)

    def call(self, order_id: str, *, timeout: float | None = 5) -> Call:
        """Call GetOrder; await the result for the reply."""
        orders = order_pb2_grpc.OrderServiceStub(self.channel)  # type: ignore[no-untyped-call]  # generated
        call: Call = orders.GetOrder(order_pb2.GetOrderRequest(id=order_id), timeout=timeout)
        return call


@asynccontextmanager
async def running(service_config: dict[str, Any] | None = None, **environment: str) -> AsyncIterator[Running]:
    """Run a replica in this process, and drain it in the end if the test has not."""
    ledger = Lines()
    settings = Settings.from_environment(LOOPBACK | {"DRAIN_GRACE_MS": "0"} | environment)
    replica = Replica(settings, Ledger(settings.replica, ledger))
    options = [
        ("grpc.service_config", json.dumps(service_config or {})),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    await replica.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{replica.grpc_port}", options) as channel:
            yield Running(replica, channel, ledger)
    finally:
        if "drain" not in [line["event"] for line in ledger.read_all()]:
            await replica.drain()


def in_loop(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a test's scenario, for at most 10 seconds."""
    asyncio.run(asyncio.wait_for(scenario(), 10))


async def failure(call: Call) -> grpc.aio.AioRpcError:
    """Return how the call failed."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value
