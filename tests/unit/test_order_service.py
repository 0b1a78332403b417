"""The order service: its answers, its faults, its ledger, and how it starts and stops."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.order.connections import close_connection, endpoint
from services.order.ledger import Ledger
from services.order.server import Replica
from services.order.settings import Settings
from services.proto import order_pb2, order_pb2_grpc
from services.variables import SettingsError

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

    async def until(self, event: str) -> None:
        """Return once there is a line of that event."""
        while event not in [line["event"] for line in self.read_all()]:
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


def test_the_ledger_has_the_deadline_left() -> None:
    """The line of an attempt with a deadline says how many seconds of it are left."""

    async def scenario() -> None:
        async with running() as order:
            await order.call("x", timeout=5)

            assert 3 < order.ledger.attempts()[0]["deadline_left"] < 5.1

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


def test_a_drain_ends_with_its_grace() -> None:
    """A call that is still in flight when the grace has passed is cut off."""

    async def scenario() -> None:
        async with running(DRAIN_GRACE_MS="50") as order:
            call = order.call("x~HANG")
            await order.ledger.until_attempts(1)
            await order.replica.drain()

            assert (await failure(call)).code() is not grpc.StatusCode.DEADLINE_EXCEEDED

    in_loop(scenario)


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRPC_ADDRESS", "5000"),
        ("GRPC_ADDRESS", "0.0.0.0:65536"),
        ("HTTP_ADDRESS", ":http"),
        ("GRPC_FORCE_UNAVAILABLE", "yes"),
        ("MAX_CONNECTION_AGE_MS", "1s"),
        ("MAX_CONNECTION_AGE_GRACE_MS", "-1"),
        ("DRAIN_GRACE_MS", "2147483648"),
    ],
)
def test_an_invalid_setting_is_named(name: str, value: str) -> None:
    """A variable with an invalid value is refused with its name and the value."""
    with pytest.raises(SettingsError, match=f"{name} is '{value}'"):
        Settings.from_environment({name: value})


@contextmanager
def start(**environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the order service as a process, for no longer than the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "services.order"],
        env=os.environ | LOOPBACK | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_an_invalid_setting_ends_the_process_with_status_2() -> None:
    """The process exits 2 with one line on standard error that names the variable, and writes no ledger."""
    with start(DRAIN_GRACE_MS="soon") as process:
        out, err = process.communicate(timeout=5)

    assert process.returncode == 2
    assert out == ""
    assert err.splitlines() == ["DRAIN_GRACE_MS is 'soon': expected whole milliseconds from 0 to 2147483647"]


@pytest.mark.parametrize("name", ["GRPC_ADDRESS", "HTTP_ADDRESS"])
def test_a_busy_port_ends_the_process_with_status_1(name: str) -> None:
    """The process exits 1 with one line on standard error that names the address which somebody else has."""

    async def scenario() -> None:
        async with running() as order:
            port = order.replica.grpc_port if name == "GRPC_ADDRESS" else order.replica.http_port
            with start(**{name: f"127.0.0.1:{port}"}) as process:
                _, err = await asyncio.to_thread(process.communicate, timeout=5)

            assert process.returncode == 1
            assert len(err.splitlines()) == 1
            assert f"{name} 127.0.0.1:{port}" in err

    in_loop(scenario)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_process_says_how_it_ended(number: signal.Signals) -> None:
    """On SIGTERM and SIGINT the process drains and exits 0, and its ledger has each stage in order."""
    with start() as process:
        assert process.stderr is not None
        process.stderr.readline()  # said once it serves
        process.send_signal(number)
        out, _ = process.communicate(timeout=5)

    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in out.splitlines()] == [
        "start",
        "serving",
        "drain",
        "not_serving",
        "exit",
    ]
