"""The order service: the health that it reports."""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.order.connections import Clients
from services.order.health import Health
from services.order.ledger import Ledger
from tests.unit.helpers.order_replica import failure, in_loop, running


@pytest.mark.parametrize("service", ["", "order.OrderService"])
def test_health_follows_the_replica(service: str) -> None:
    """The health service says SERVING from the start and NOT_SERVING from the drain."""

    async def scenario() -> None:
        async with running(DRAIN_GRACE_MS="100") as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)  # its types know only Check
            watch = health.Watch(health_pb2.HealthCheckRequest(service=service))
            first = await watch.read()
            drain = asyncio.create_task(order.replica.drain())
            second = await watch.read()
            await drain

            assert first.status == health_pb2.HealthCheckResponse.SERVING
            assert second.status == health_pb2.HealthCheckResponse.NOT_SERVING

    in_loop(scenario)


class SlowWatcher:
    """The context of a Watch whose writes take until they are released, as on a machine that is busy."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.writing = asyncio.Event()
        self.released = asyncio.Event()

    def peer(self) -> str:
        """Return an address as grpcio writes it."""
        return "ipv4:127.0.0.1:1"

    async def write(self, reply: health_pb2.HealthCheckResponse) -> None:
        """Note the status, and take until released."""
        self.written.append(reply.status)
        self.writing.set()
        await self.released.wait()


def test_a_watch_that_is_slow_to_write_learns_of_the_drain(tmp_path: Path) -> None:
    """The drain begins and ends the watches during one write: NOT_SERVING follows it all the same."""

    async def scenario() -> None:
        with (tmp_path / "ledger").open("w") as file:
            health = Health("order.OrderService", Ledger("order-1", file), Clients())
            watcher = SlowWatcher()
            watch = asyncio.create_task(health.Watch(health_pb2.HealthCheckRequest(), watcher))
            await watcher.writing.wait()
            health.end()
            health.end_watches()
            watcher.released.set()
            await watch

        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        assert watcher.written == [serving, not_serving]

    in_loop(scenario)


def test_a_replica_says_what_an_order_told_it_and_goes_on_serving() -> None:
    """An order with health= changes the health of the service, not that of the server, and no answer."""

    async def scenario() -> None:
        async with running() as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(service="order.OrderService"))
            said = [(await watch.read()).status]
            for status in ("NOT_SERVING", "SERVING", "SERVICE_UNKNOWN"):
                assert (await order.call(f"x~OK:health={status}")).served_by == "order-1"
                said.append((await watch.read()).status)
            whole = await health.Check(health_pb2.HealthCheckRequest())
            told = [(line["status"], line["watched"]) for line in order.ledger.read_all() if line["event"] == "health"]

            names = health_pb2.HealthCheckResponse
            assert said == [names.SERVING, names.NOT_SERVING, names.SERVING, names.SERVICE_UNKNOWN]
            assert whole.status == names.SERVING
            assert told == [(name, ["order.OrderService"]) for name in ("NOT_SERVING", "SERVING", "SERVICE_UNKNOWN")]

    in_loop(scenario)


def test_open_watches_fail_on_request_and_new_ones_do_not() -> None:
    """The status stays what it was, and later changes reach those who watch again."""

    async def scenario() -> None:
        async with running() as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)
            request = health_pb2.HealthCheckRequest(service="order.OrderService")
            watch = health.Watch(request)
            await watch.read()
            await order.call("x~OK:health=WATCHES_END")
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await watch.read()
            assert failed.value.code() is grpc.StatusCode.UNAVAILABLE

            again = health.Watch(request)
            assert (await again.read()).status == health_pb2.HealthCheckResponse.SERVING
            await order.call("x~OK:health=NOT_SERVING")
            assert (await again.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING

    in_loop(scenario)


def test_a_watch_goes_on_when_another_one_ends() -> None:
    """One client that stops watching does not keep the next change from the others."""

    async def scenario() -> None:
        async with running() as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)
            request = health_pb2.HealthCheckRequest(service="order.OrderService")
            first, second = health.Watch(request), health.Watch(request)
            await first.read()
            await second.read()
            first.cancel()
            await order.call("x~OK:health=NOT_SERVING")

            assert (await second.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING

    in_loop(scenario)


def test_a_service_that_nobody_knows() -> None:
    """To Watch it is SERVICE_UNKNOWN, to Check NOT_FOUND."""

    async def scenario() -> None:
        async with running() as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)
            request = health_pb2.HealthCheckRequest(service="nobody")

            assert (await health.Watch(request).read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            assert (await failure(health.Check(request))).code() is grpc.StatusCode.NOT_FOUND

    in_loop(scenario)


def test_who_asks_for_health_is_on_the_ledger() -> None:
    """Each Watch, and of the Checks of a connection the first."""

    async def scenario() -> None:
        async with running() as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)
            request = health_pb2.HealthCheckRequest(service="order.OrderService")
            for _ in range(2):
                await health.Watch(request).read()
                await health.Check(request)
            asked = [
                (line["by"], line["service"]) for line in order.ledger.read_all() if line["event"] == "health_asked"
            ]

            assert asked == [(by, "order.OrderService") for by in ("Watch", "Check", "Watch")]

    in_loop(scenario)


def test_a_replica_may_have_no_health_service() -> None:
    """With HEALTH_SERVICE=false it answers UNIMPLEMENTED to whoever asks for its health."""

    async def scenario() -> None:
        async with running(HEALTH_SERVICE="false") as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)
            asked = await failure(health.Check(health_pb2.HealthCheckRequest()))

            assert asked.code() is grpc.StatusCode.UNIMPLEMENTED

    in_loop(scenario)


def test_a_replica_may_say_late_how_it_is() -> None:
    """With HEALTH_DELAY_MS each question is on the ledger at once, and its answer comes so much later."""

    async def scenario() -> None:
        async with running(HEALTH_DELAY_MS="100") as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)
            watch, check = health.Watch(health_pb2.HealthCheckRequest()), health.Check(health_pb2.HealthCheckRequest())
            await order.ledger.until("health_asked")
            asked = time.monotonic()

            assert not check.done()
            assert (await watch.read()).status == (await check).status == health_pb2.HealthCheckResponse.SERVING
            assert time.monotonic() - asked > 0.05

    in_loop(scenario)


def test_a_watch_does_not_hold_up_a_drain() -> None:
    """A client that watches is told, its Watch ends, and its connection goes."""

    async def scenario() -> None:
        async with running(DRAIN_GRACE_MS="5000") as order:
            health: Any = health_pb2_grpc.HealthStub(order.channel)
            watch = health.Watch(health_pb2.HealthCheckRequest())
            await watch.read()
            drain = asyncio.create_task(order.replica.drain())
            said = await watch.read()
            ended = await watch.read()
            del watch  # a call that is held keeps its connection, in this client, whatever became of it
            await asyncio.wait_for(drain, timeout=2.5)

            assert said.status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert ended is grpc.aio.EOF

    in_loop(scenario)
