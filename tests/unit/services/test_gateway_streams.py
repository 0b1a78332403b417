"""How the reference gateway passes streams on."""

import asyncio
import json
from collections.abc import AsyncIterator

import grpc
import grpc.aio

from services.gateway.channel import open_channel, watcher
from services.gateway.settings import Settings
from services.proto import order_pb2
from tests.unit.helpers.gateway import fetch, in_loop, web
from tests.unit.helpers.order_replica import running


async def get_order(_: str) -> order_pb2.GetOrderResponse:
    """Get no order."""
    raise NotImplementedError


def failed(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    """Return how a stream fails."""
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="because")


def test_each_message_becomes_a_line_and_the_end_another() -> None:
    """The last line tells the code, OK included."""

    async def watch(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        yield order_pb2.GetOrderResponse(id=order_id, served_by="a")
        yield order_pb2.GetOrderResponse(id=order_id, served_by="b")
        if order_id == "breaks off":
            raise failed(grpc.StatusCode.UNAVAILABLE)

    async def scenario() -> None:
        async with web(get_order, watch) as port:
            reply = await fetch(port, "/streams/42")
            lines = [json.loads(line) for line in reply.text.splitlines()]
            assert (reply.status_code, reply.headers["Transfer-Encoding"]) == (200, "chunked")
            assert lines == [{"id": "42", "served_by": "a"}, {"id": "42", "served_by": "b"}, {"code": "OK"}]
            broken = await fetch(port, "/streams/breaks%20off")
            assert json.loads(broken.text.splitlines()[-1]) == {"code": "UNAVAILABLE", "message": "because"}

    in_loop(scenario)


def test_a_stream_without_a_message_is_answered_as_an_order_is() -> None:
    """A failure by its status; one that is OK has the last line alone."""

    async def watch(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        if order_id == "fails":
            raise failed(grpc.StatusCode.NOT_FOUND)
        for _ in ():
            yield order_pb2.GetOrderResponse()

    async def scenario() -> None:
        async with web(get_order, watch) as port:
            reply = await fetch(port, "/streams/fails")
            assert (reply.status_code, reply.json()) == (404, {"code": "NOT_FOUND", "message": "because"})
            assert (await fetch(port, "/streams/is-empty")).json() == {"code": "OK"}
            assert (await fetch(port, "/streams/")).status_code == 404

    in_loop(scenario)


def test_without_streams_there_are_none() -> None:
    """A gateway of the suite that only gets orders."""

    async def scenario() -> None:
        async with web(get_order) as port:
            assert (await fetch(port, "/streams/42")).status_code == 404

    in_loop(scenario)


def test_the_stream_of_a_caller_who_leaves_is_cancelled() -> None:
    """Even if no message follows that could not be sent."""

    async def scenario() -> None:
        async with running() as order:
            settings = Settings.from_environment({"ORDER_SERVICE_TARGET": f"ipv4:127.0.0.1:{order.replica.grpc_port}"})
            async with open_channel(settings) as channel, web(get_order, watcher(channel, settings)) as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /streams/x~HANG:messages=1 HTTP/1.1\r\nHost: a\r\n\r\n")
                await reader.readuntil(b"order-1")
                writer.close()
                await order.ledger.until("stream_ended")

    in_loop(scenario)


def test_a_stream_has_the_deadline_that_is_set() -> None:
    """And none by default, whatever that of orders is."""

    async def scenario() -> None:
        async with running() as order:
            target = {"ORDER_SERVICE_TARGET": f"ipv4:127.0.0.1:{order.replica.grpc_port}"}
            for more in ({}, {"STREAM_TIMEOUT_MS": "2000"}):
                settings = Settings.from_environment({**target, **more})
                async with open_channel(settings) as channel:
                    assert [update.served_by async for update in watcher(channel, settings)("x")] == ["order-1"]
            without, with_one = (line["deadline_left"] for line in order.ledger.attempts())
            assert without is None
            assert 1 < with_one <= 2.1

    in_loop(scenario)
