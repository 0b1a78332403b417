"""The order service does to each attempt what the order id plans."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from services.order.connections import close_connection, endpoint
from services.proto import order_pb2
from tests.unit.helpers.order_replica import FAST_RETRIES, failure, in_loop, running


def test_each_code_is_answered_as_planned() -> None:
    """Each of the 17 codes can be planned, is on the ledger, and is what the client sees."""

    async def scenario() -> None:
        async with running() as order:
            seen = {}
            for planned in grpc.StatusCode:
                call = order.call(f"x~{planned.name}")
                seen[planned] = await call.code()

            assert seen == {code: code for code in grpc.StatusCode}
            assert [line["code"] for line in order.ledger.attempts()] == [code.name for code in grpc.StatusCode]

    in_loop(scenario)


def test_a_plan_goes_on_with_each_attempt_of_the_call() -> None:
    """The step is chosen by the client library's count of attempts before, which is on the ledger."""

    async def scenario() -> None:
        async with running(FAST_RETRIES) as order:
            await order.call("x~UNAVAILABLE,UNAVAILABLE,OK")

            assert [line["code"] for line in order.ledger.attempts()] == ["UNAVAILABLE", "UNAVAILABLE", "OK"]
            assert [line["previous_attempts"] for line in order.ledger.attempts()] == [None, 1, 2]

    in_loop(scenario)


def test_a_plan_for_another_replica_does_nothing_here() -> None:
    """A step that names other replicas lets the attempt succeed."""

    async def scenario() -> None:
        async with running() as order:
            assert (await order.call("x~UNAVAILABLE@order-2")).served_by == "order-1"
            assert (await failure(order.call("x~UNAVAILABLE@order-1"))).code() is grpc.StatusCode.UNAVAILABLE

    in_loop(scenario)


def test_a_plan_that_does_not_parse_is_an_invalid_argument() -> None:
    """An id outside the grammar is answered INVALID_ARGUMENT with the position, and is on the ledger so."""

    async def scenario() -> None:
        async with running() as order:
            failed = await failure(order.call("x~OK,NOPE"))

            assert failed.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "position 5" in (failed.details() or "")
            assert order.ledger.attempts()[0]["code"] == "INVALID_ARGUMENT"

    in_loop(scenario)


def test_a_hanging_attempt_ends_with_the_deadline() -> None:
    """HANG answers nothing: the call fails with DEADLINE_EXCEEDED when the client's deadline has passed."""

    async def scenario() -> None:
        async with running() as order:
            failed = await failure(order.call("x~HANG", timeout=0.1))

            assert failed.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    in_loop(scenario)


def test_a_delayed_attempt_takes_at_least_as_long() -> None:
    """An answer with a delay comes after it."""

    async def scenario() -> None:
        async with running() as order:
            before = asyncio.get_running_loop().time()
            await order.call("x~OK:delay=100")

            assert asyncio.get_running_loop().time() - before >= 0.1

    in_loop(scenario)


def test_close_ends_the_connection_of_the_call() -> None:
    """CLOSE fails the attempt with UNAVAILABLE, and the next call comes over another connection."""

    async def scenario() -> None:
        async with running() as order:
            await order.call("a")
            failed = await failure(order.call("b~CLOSE"))
            while order.channel.get_state() is grpc.ChannelConnectivity.READY:  # the loss may not be noticed yet
                await order.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
            await order.channel.channel_ready()
            await order.call("c")
            peers = [line["peer"] for line in order.ledger.attempts()]

            assert failed.code() is grpc.StatusCode.UNAVAILABLE
            assert peers[0] == peers[1] != peers[2]

    in_loop(scenario)


def test_headers_first_commits_the_call() -> None:
    """An attempt that sent headers before it failed is not retried, though its code is retryable."""

    async def scenario() -> None:
        async with running(FAST_RETRIES) as order:
            failed = await failure(order.call("x~UNAVAILABLE:headers"))

            assert failed.code() is grpc.StatusCode.UNAVAILABLE
            assert dict(failed.initial_metadata())["headers-first"] == "true"
            assert len(order.ledger.attempts()) == 1

    in_loop(scenario)


def test_headers_come_before_the_rest_of_the_answer() -> None:
    """The client has the headers of an attempt that goes on hanging."""

    async def scenario() -> None:
        async with running() as order:
            # As a stream: grpcio shows a unary call's headers only when the call is over.
            method: Any = order.channel.unary_stream("/order.OrderService/GetOrder")
            call = method(order_pb2.GetOrderRequest(id="x~HANG:headers").SerializeToString())

            await call.initial_metadata()
            assert not call.done()
            call.cancel()

    in_loop(scenario)


def test_a_negative_pushback_forbids_the_retry() -> None:
    """The pushback is in the trailers, where a client with a retry policy obeys it."""

    async def scenario() -> None:
        async with running(FAST_RETRIES) as order:
            failed = await failure(order.call("x~UNAVAILABLE:pushback=-1"))

            assert dict(failed.trailing_metadata())["grpc-retry-pushback-ms"] == "-1"
            assert len(order.ledger.attempts()) == 1

    in_loop(scenario)


def test_force_unavailable_overrides_every_plan() -> None:
    """With GRPC_FORCE_UNAVAILABLE each call fails UNAVAILABLE, whatever its id plans."""

    async def scenario() -> None:
        async with running(GRPC_FORCE_UNAVAILABLE="true") as order:
            codes = [await order.call(order_id).code() for order_id in ("x", "x~NOT_FOUND", "x~HANG", "x~?")]

            assert codes == [grpc.StatusCode.UNAVAILABLE] * 4
            assert {line["code"] for line in order.ledger.attempts()} == {"UNAVAILABLE"}

    in_loop(scenario)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:127.0.0.1:1234", ("127.0.0.1", 1234)),
        ("ipv6:%5B::ffff:127.0.0.1%5D:1234", ("127.0.0.1", 1234)),
        ("ipv6:[::ffff:127.0.0.1]:1234", ("127.0.0.1", 1234)),
        ("ipv6:%5B::1%5D:80", ("::1", 80)),
    ],
)
def test_a_peer_is_read_in_each_spelling(peer: str, expected: tuple[str, int]) -> None:
    """The names that gRPC has for an IP peer give its host and port, an IPv4 host the one way."""
    assert endpoint(peer) == expected


def test_a_connection_that_is_not_there_cannot_be_closed() -> None:
    """Closing an unknown peer's connection raises LookupError, one without IP address ValueError."""
    with pytest.raises(LookupError, match="no connection"):
        close_connection("ipv4:127.0.0.1:1")
    with pytest.raises(ValueError, match="unix"):
        close_connection("unix:/socket")
