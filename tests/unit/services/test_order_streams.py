"""Streams of a replica: what a plan says of them, what the client gets, and what the ledger holds."""

import time
from typing import Any

import grpc
import grpc.aio
import pytest

from services.order.faults import EVERY, Step, parse_order_id
from services.proto import order_pb2, order_pb2_grpc
from tests.unit.helpers.order_replica import FAST_RETRIES, Running, in_loop, running

RUN = f"o{time.time_ns():x}"


def watch(order: Running, order_id: str, **given: Any) -> Any:  # noqa: ANN401, a call of grpc.aio
    """Open a stream."""
    orders = order_pb2_grpc.OrderServiceStub(order.channel)  # type: ignore[no-untyped-call]  # generated
    return orders.WatchOrder(order_pb2.GetOrderRequest(id=order_id), **given)


def ends(order: Running) -> list[tuple[str, int]]:
    """Return how streams ended on the ledger, and after how many messages."""
    return [(line["how"], line["messages"]) for line in order.ledger.read_all() if line["event"] == "stream_ended"]


@pytest.mark.parametrize(
    ("text", "messages", "every", "sent"),
    [
        ("OK", None, EVERY, 1),
        ("UNAVAILABLE", None, EVERY, 0),
        ("HANG", None, EVERY, 0),
        ("OK:messages=0", 0, EVERY, 0),
        ("UNAVAILABLE:messages=2", 2, EVERY, 2),
        ("HANG:messages=10:every=100", 10, 0.1, 10),
        ("CLOSE:messages=1:every=0@order-1", 1, 0.0, 1),
    ],
)
def test_a_plan_says_how_many_messages_a_stream_sends(text: str, messages: int, every: float, sent: int) -> None:
    """And at what interval; written again it is the same."""
    (step,) = parse_order_id(f"x~{text}").steps

    assert (step.messages, step.every, step.sent) == (messages, every, sent)
    assert str(step) == text
    assert Step().sent == 1


def test_a_stream_sends_what_is_planned_and_ends_as_planned() -> None:
    """Each message is on the ledger before it is sent, and so is the end, by its code."""

    async def scenario() -> None:
        async with running() as order:
            got = [(update.id, update.served_by) async for update in watch(order, "x~OK:messages=3:every=1")]
            assert got == [("x~OK:messages=3:every=1", "order-1")] * 3
            failing = watch(order, "y~ABORTED:messages=2:every=1")
            assert [(await failing.read()).served_by for _ in range(2)] == ["order-1"] * 2
            with pytest.raises(grpc.aio.AioRpcError):
                await failing.read()
            assert await failing.code() is grpc.StatusCode.ABORTED
            numbers = [line["number"] for line in order.ledger.read_all() if line["event"] == "stream_message"]
            assert numbers == [1, 2, 3, 1, 2]
            assert ends(order) == [("OK", 3), ("ABORTED", 2)]
            assert {line["method"] for line in order.ledger.attempts()} == {"/order.OrderService/WatchOrder"}

    in_loop(scenario)


def test_a_stream_that_fails_before_its_first_message_can_be_retried() -> None:
    """The failure is Trailers-Only; after a message it commits the call."""

    async def scenario() -> None:
        async with running(FAST_RETRIES) as order:
            assert len([_ async for _ in watch(order, "x~UNAVAILABLE,OK:messages=2:every=1")]) == 2
            with pytest.raises(grpc.aio.AioRpcError):
                [_ async for _ in watch(order, "y~UNAVAILABLE:messages=1,OK")]
            assert [line["id"][0] for line in order.ledger.attempts()] == ["x", "x", "y"]

    in_loop(scenario)


def test_the_ledger_tells_that_a_stream_was_cancelled() -> None:
    """By its client, or at its deadline."""

    async def scenario() -> None:
        async with running() as order:
            left = watch(order, "x~HANG:messages=1")
            await left.read()
            left.cancel()
            await order.ledger.until("stream_ended")
            late = watch(order, "y~OK:messages=9:every=100", timeout=0.15)
            with pytest.raises(grpc.aio.AioRpcError):
                [_ async for _ in late]
            assert await late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await order.ledger.until("stream_ended", 2)
            assert ends(order) == [("cancelled", 1), ("cancelled", 2)]

    in_loop(scenario)


def test_any_method_answers_every_kind_of_client() -> None:
    """Unary or streaming on either side; only a plan with messages makes a stream of it on the ledger."""

    async def scenario() -> None:
        async with running(ANSWERS="{}") as order:
            channel: Any = order.channel
            request = f"{RUN}-1~OK:messages=2:every=1".encode()
            assert [reply async for reply in channel.unary_stream("/a.B/C")(request)] == [b"", b""]
            assert [reply async for reply in channel.stream_stream("/a.B/C")(iter([request, b"x"]))] == [b"", b""]
            assert await channel.unary_unary("/a.B/C")(f"{RUN}-2".encode()) == b""
            assert await channel.stream_unary("/a.B/C")(iter([])) == b""
            assert ends(order) == [("OK", 2), ("OK", 2)]

    in_loop(scenario)


def test_the_method_that_streams_is_judged_next_to_the_other() -> None:
    """Any third one is refused."""

    async def scenario() -> None:
        async with running(ANSWERS='{"judged": "/a.B/C", "streamed": "/a.B/Watch"}') as order:
            channel: Any = order.channel
            assert await channel.unary_unary("/a.B/C")(b"") == b""
            assert [reply async for reply in channel.unary_stream("/a.B/Watch")(b"")] == [b""]
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary("/a.B/D")(b"")
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED

    in_loop(scenario)
