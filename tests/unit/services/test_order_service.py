"""The order service: its answers, its ledger, its drain."""

import asyncio
import time
import urllib.error
import urllib.request
from typing import cast

import grpc
import grpc.aio
from h2.config import H2Configuration
from h2.connection import H2Connection

from services.order.traffic import QUIET, Traffic
from services.proto import order_pb2
from tests.harness.subject.promises import longest_timeout_received
from tests.unit.helpers.order_replica import Running, failure, in_loop, running


def test_the_reply_has_the_id_and_the_name_of_the_replica() -> None:
    """GetOrder answers with the id it was sent and with INSTANCE_ID."""

    async def scenario() -> None:
        async with running(INSTANCE_ID="order-7") as order:
            assert await order.call("42") == order_pb2.GetOrderResponse(id="42", served_by="order-7")

    in_loop(scenario)


def test_the_name_is_not_in_initial_metadata() -> None:
    """No initial metadata holds the name of the replica, as that would commit the call."""

    async def scenario() -> None:
        async with running() as order:
            call = order.call("42")
            assert "order-1" not in str(await call.initial_metadata())
            assert (await call).served_by == "order-1"

    in_loop(scenario)


def test_an_attempt_is_on_the_ledger_before_it_is_answered() -> None:
    """The line of an attempt that hangs is written, has every member, and has no code."""

    async def scenario() -> None:
        async with running() as order:
            call = order.call("x~HANG", timeout=None)
            await order.ledger.until_attempts(1)
            line = order.ledger.attempts()[0]

            assert not call.done()
            assert line.pop("peer").startswith("ipv4:127.0.0.1:")
            assert isinstance(line.pop("time"), float)
            assert isinstance(line.pop("monotonic"), float)
            assert line.pop("user_agent").startswith("grpc-python-asyncio/")
            assert line == {
                "event": "attempt",
                "replica": "order-1",
                "id": "x~HANG",
                "method": "/order.OrderService/GetOrder",
                "previous_attempts": None,
                "deadline_left": None,
                "code": None,
            }
            call.cancel()

    in_loop(scenario)


def test_the_first_attempt_of_a_connection_tells_its_client() -> None:
    """Which is enough for all of them; what the suite places itself is nobody's client."""

    async def scenario() -> None:
        async with running() as order:
            for order_id in ("fence-1", "x", "y"):
                await order.call(order_id)

            assert ["user_agent" in line for line in order.ledger.attempts()] == [False, True, False]

    in_loop(scenario)


def test_the_ledger_has_the_deadline_left() -> None:
    """The line of an attempt with a deadline says how many seconds of it are left."""

    async def scenario() -> None:
        async with running() as order:
            await order.call("x", timeout=5)

            assert 3 < order.ledger.attempts()[0]["deadline_left"] <= longest_timeout_received(5.0)

    in_loop(scenario)


def test_an_old_connection_is_closed() -> None:
    """A connection older than MAX_CONNECTION_AGE_MS is ended by the server, and the client is idle again."""

    async def scenario() -> None:
        async with running(MAX_CONNECTION_AGE_MS="100", MAX_CONNECTION_AGE_GRACE_MS="100") as order:
            await order.call("x")
            state = grpc.ChannelConnectivity.READY
            await order.channel.wait_for_state_change(state)

            assert order.channel.get_state() is grpc.ChannelConnectivity.IDLE

    in_loop(scenario)


def test_a_drain_lets_a_call_in_flight_finish() -> None:
    """A call that was in flight when the drain began succeeds, and a later one does not reach the replica."""

    async def scenario() -> None:
        async with running(DRAIN_GRACE_MS="5000") as order:
            call = order.call("x~OK:delay=200")
            await order.ledger.until_attempts(1)
            await order.replica.drain()

            assert (await call).served_by == "order-1"
            assert (await failure(order.call("y"))).code() is grpc.StatusCode.UNAVAILABLE
            assert len(order.ledger.attempts()) == 1

    in_loop(scenario)


class LeavesClosingToTheServer(asyncio.Protocol):
    """A client that answers pings, has no stream open, and does not close the connection after a GOAWAY."""

    def __init__(self) -> None:
        self._http = H2Connection(H2Configuration(client_side=True))
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, as a client does."""
        self._transport = cast("asyncio.Transport", transport)
        self._http.initiate_connection()
        self._transport.write(self._http.data_to_send())

    def data_received(self, data: bytes) -> None:
        """Acknowledge what wants to be."""
        self._http.receive_data(data)
        self._transport.write(self._http.data_to_send())

    def connection_lost(self, _: Exception | None) -> None:
        """Note that the server has closed it."""
        self.closed.set()


def test_a_drain_closes_a_connection_that_its_client_leaves_open() -> None:
    """Once a client has had time to hear the GOAWAY, a drain does not wait for it to close, as grpc-java never does."""

    async def scenario() -> None:
        async with running(DRAIN_GRACE_MS="20000") as order:
            address = ("127.0.0.1", order.replica.grpc_port)
            _, client = await asyncio.get_running_loop().create_connection(LeavesClosingToTheServer, *address)
            await order.call("x")
            await asyncio.wait_for(order.replica.drain(), timeout=QUIET + 5)
            await asyncio.wait_for(client.closed.wait(), timeout=1)

    in_loop(scenario)


def test_traffic_is_over_once_nothing_is_under_way_and_nothing_has_come_for_a_while() -> None:
    """Neither a call that hangs, nor one that came lately, nor one who cannot have heard yet is left alone."""
    traffic, long_ago = Traffic(), time.monotonic() - 2 * QUIET
    with traffic.call():
        assert not traffic.over(long_ago)
    assert not traffic.over(long_ago)
    assert not Traffic().over(time.monotonic())
    assert Traffic().over(long_ago)


def test_a_drain_ends_with_its_grace() -> None:
    """A call that is still in flight when the grace has passed is cut off."""

    async def scenario() -> None:
        async with running(DRAIN_GRACE_MS="50") as order:
            call = order.call("x~HANG")
            await order.ledger.until_attempts(1)
            await order.replica.drain()

            assert (await failure(call)).code() is not grpc.StatusCode.DEADLINE_EXCEEDED

    in_loop(scenario)


def test_probes_follow_the_replica() -> None:
    """While it drains a replica is alive and not ready; before that it is both."""

    async def scenario() -> None:
        async with running(DRAIN_GRACE_MS="5000") as order:
            before = [await probe(order, "livez"), await probe(order, "readyz")]
            call = order.call("x~HANG")
            await order.ledger.until_attempts(1)
            drain = asyncio.create_task(order.replica.drain())
            await order.ledger.until("not_serving")
            during = [await probe(order, "livez"), await probe(order, "readyz")]
            call.cancel()
            await drain

            assert before == [200, 200]
            assert during == [200, 503]

    in_loop(scenario)


def test_an_order_makes_a_replica_unready_and_ready() -> None:
    """Its readiness probe answers 503 from that order on, until another one; it is alive and serves as before."""

    async def scenario() -> None:
        async with running() as order:
            told = []
            for ready in ("false", "true"):
                reply = await order.call(f"x~OK:ready={ready}")
                told.append((reply.served_by, await probe(order, "livez"), await probe(order, "readyz")))

            assert told == [("order-1", 200, 503), ("order-1", 200, 200)]

    in_loop(scenario)


async def probe(order: Running, path: str) -> int:
    """Return the HTTP status of a probe."""

    def get() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{order.replica.http_port}/{path}") as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    return await asyncio.to_thread(get)
