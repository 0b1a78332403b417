"""The reference gateway: its HTTP side, its one call, its refusals, and how it starts and stops."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import quote

import grpc
import grpc.aio
import pytest
import requests

from services.gateway.channel import (
    SERVICE_CONFIG,
    ServiceConfigError,
    caller,
    check_service_config,
    open_channel,
)
from services.gateway.settings import Settings
from services.gateway.web import HTTP_STATUS, GetOrder, application, server
from services.proto import order_pb2, order_pb2_grpc
from services.variables import SettingsError


def in_loop(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a test's scenario, for at most 30 seconds: the machine may be busy."""
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def fetch(port: int, path: str, method: str = "GET") -> requests.Response:
    """Return the gateway's answer."""
    return await asyncio.to_thread(requests.request, method, f"http://127.0.0.1:{port}{path}", timeout=10)


async def get(port: int, order_id: str) -> tuple[int, Any]:
    """Return the HTTP status and the body for an order, its id escaped wherever a URL allows it."""
    reply = await fetch(port, f"/orders/{quote(order_id, safe='')}")
    return reply.status_code, reply.json()


@asynccontextmanager
async def web(get_order: GetOrder) -> AsyncIterator[int]:
    """Serve the application in this process; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = server(application(get_order))
        task = asyncio.create_task(serving.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        serving.should_exit = True
        await task


class Orders(order_pb2_grpc.OrderServiceServicer):
    """An order service that holds its answers until it is told to give them."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.deadlines: list[float | None] = []
        self.arrived = asyncio.Event()
        self.answer = asyncio.Event()

    async def GetOrder(  # noqa: N802, the name in order.proto
        self,
        request: order_pb2.GetOrderRequest,
        context: "grpc.aio.ServicerContext[order_pb2.GetOrderRequest, order_pb2.GetOrderResponse]",
    ) -> order_pb2.GetOrderResponse:
        """Take note, wait, answer."""
        self.ids.append(request.id)
        self.deadlines.append(context.time_remaining())
        self.arrived.set()
        await self.answer.wait()
        return order_pb2.GetOrderResponse(id=request.id, served_by="stub")


@asynccontextmanager
async def order_service(orders: Orders) -> AsyncIterator[str]:
    """Serve it; yields the target."""
    server = grpc.aio.server()
    order_pb2_grpc.add_OrderServiceServicer_to_server(orders, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"ipv4:127.0.0.1:{port}"
    finally:
        await server.stop(None)


@contextmanager
def start(**environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the gateway as a process, on a port that the system chooses, for no longer than the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "services.gateway"],
        env=os.environ | {"HTTP_ADDRESS": "127.0.0.1:0"} | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: subprocess.Popen[str]) -> int:
    """Return the port that the gateway says it serves orders on, once it does."""
    assert process.stderr is not None
    return int(process.stderr.readline().split()[-1])


async def closed(port: int) -> None:
    """Return once nobody listens on the port."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:  # refused, or reset while it was still in the queue
            return
        writer.close()


def test_a_reply_becomes_json() -> None:
    """A successful call becomes 200 with the id and the replica as the order service sent them."""

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return order_pb2.GetOrderResponse(id=order_id, served_by="order-1")

    async def scenario() -> None:
        async with web(get_order) as port:
            assert await get(port, "42") == (200, {"id": "42", "served_by": "order-1"})

    in_loop(scenario)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("CANCELLED", 499),
        ("UNKNOWN", 500),
        ("INVALID_ARGUMENT", 400),
        ("DEADLINE_EXCEEDED", 504),
        ("NOT_FOUND", 404),
        ("ALREADY_EXISTS", 409),
        ("PERMISSION_DENIED", 403),
        ("RESOURCE_EXHAUSTED", 429),
        ("FAILED_PRECONDITION", 400),
        ("ABORTED", 409),
        ("OUT_OF_RANGE", 400),
        ("UNIMPLEMENTED", 501),
        ("INTERNAL", 500),
        ("UNAVAILABLE", 503),
        ("DATA_LOSS", 500),
        ("UNAUTHENTICATED", 401),
    ],
)
def test_a_code_becomes_its_http_status(name: str, status: int) -> None:
    """A failed call becomes the HTTP status of its code, with the code and the message in the body."""

    async def get_order(_: str) -> order_pb2.GetOrderResponse:
        empty = grpc.aio.Metadata()
        raise grpc.aio.AioRpcError(grpc.StatusCode[name], empty, empty, details="because")

    async def scenario() -> None:
        async with web(get_order) as port:
            assert await get(port, "42") == (status, {"code": name, "message": "because"})

    in_loop(scenario)


def test_every_code_has_an_http_status() -> None:
    """The mapping leaves no code out."""
    assert set(HTTP_STATUS) == set(grpc.StatusCode)


@pytest.mark.parametrize(
    "order_id",
    ["42", "a b", "a%2Fb", "100%", "%25", "a+b", "a;b?c#d", "a/b", "ä", "{x}", "x~OK:delay=5@a!b,ABORTED:pushback=-1"],
)
def test_the_id_is_passed_through_unchanged(order_id: str) -> None:
    """The id is decoded from the URL once and otherwise left as it is, in one call for one request."""
    ids = []

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        ids.append(order_id)
        return order_pb2.GetOrderResponse(id=order_id)

    async def scenario() -> None:
        async with web(get_order) as port:
            assert (await get(port, order_id))[1]["id"] == order_id
            assert ids == [order_id]

    in_loop(scenario)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/", 404),
        ("GET", "/orders/", 404),
        ("GET", "/orders/a/b", 404),
        ("POST", "/orders/42", 405),
    ],
)
def test_what_is_no_order_makes_no_call(method: str, path: str, status: int) -> None:
    """The gateway answers its probes itself, and refuses what is neither a probe nor one order."""

    async def get_order(_: str) -> order_pb2.GetOrderResponse:
        raise NotImplementedError

    async def scenario() -> None:
        async with web(get_order) as port:
            assert (await fetch(port, path, method)).status_code == status

    in_loop(scenario)


def test_a_request_makes_one_call() -> None:
    """One request makes one GetOrder call, with the id of the request and the default deadline of 5 seconds."""

    async def scenario() -> None:
        orders = Orders()
        orders.answer.set()
        async with order_service(orders) as target:
            settings = Settings.from_environment({"ORDER_SERVICE_TARGET": target})
            async with open_channel(settings) as channel, web(caller(channel, settings)) as port:
                assert (await get(port, "42"))[0] == 200

            assert orders.ids == ["42"]
            assert orders.deadlines[0] == pytest.approx(5, abs=0.5)

    in_loop(scenario)


def test_a_call_ends_with_its_deadline() -> None:
    """A call that is not answered within CALL_TIMEOUT_MS becomes 504 DEADLINE_EXCEEDED."""

    async def scenario() -> None:
        async with order_service(Orders()) as target:
            settings = Settings.from_environment({"ORDER_SERVICE_TARGET": target, "CALL_TIMEOUT_MS": "100"})
            async with open_channel(settings) as channel, web(caller(channel, settings)) as port:
                status, body = await get(port, "42")

            assert (status, body["code"]) == (504, "DEADLINE_EXCEEDED")

    in_loop(scenario)


def test_a_timeout_of_0_means_no_deadline() -> None:
    """With CALL_TIMEOUT_MS=0 the order service sees a call without deadline."""

    async def scenario() -> None:
        orders = Orders()
        orders.answer.set()
        async with order_service(orders) as target:
            settings = Settings.from_environment({"ORDER_SERVICE_TARGET": target, "CALL_TIMEOUT_MS": "0"})
            async with open_channel(settings) as channel:
                await caller(channel, settings)("42")

            assert orders.deadlines == [None]

    in_loop(scenario)


WAITS = '{"methodConfig": [{"name": [{"service": "order.OrderService"}], "waitForReady": true}]}'


@pytest.mark.parametrize(
    ("wait_for_ready", "service_config", "expected"),
    [
        ("true", "{}", grpc.StatusCode.DEADLINE_EXCEEDED),
        ("false", "{}", grpc.StatusCode.UNAVAILABLE),
        ("", "{}", grpc.StatusCode.UNAVAILABLE),
        ("", WAITS, grpc.StatusCode.DEADLINE_EXCEEDED),
        ("false", WAITS, grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_waiting_for_a_connection_is_a_setting(
    wait_for_ready: str, service_config: str, expected: grpc.StatusCode
) -> None:
    """Where nobody listens, a call fails at once or waits until its deadline: WAIT_FOR_READY says, else the config."""
    settings = Settings.from_environment(
        {
            "ORDER_SERVICE_TARGET": "unix:/nonexistent",
            "GRPC_SERVICE_CONFIG": service_config,
            "CALL_TIMEOUT_MS": "300",
            "WAIT_FOR_READY": wait_for_ready,
        }
    )

    async def scenario() -> None:
        async with open_channel(settings) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await caller(channel, settings)("42")

            assert failed.value.code() is expected

    in_loop(scenario)


def test_its_own_service_config_is_valid() -> None:
    """The library accepts the service config that the gateway ships with."""

    async def scenario() -> None:
        assert await check_service_config(json.dumps(SERVICE_CONFIG)) is None  # type: ignore[func-returns-value]

    in_loop(scenario)


@pytest.mark.parametrize(
    ("service_config", "complaint"),
    [
        ('{"loadBalancingConfig": [{"nonesuch": {}}]}', "field:loadBalancingConfig error:No known policies"),
        ('{"loadBalancingConfig": "round_robin"}', "field:loadBalancingConfig error:type should be array"),
        ('{"methodConfig": [{"retryPolicy": {"maxAttempts": 1}}]}', "methodConfig\\[0\\].retryPolicy.maxAttempts"),
        ("[]", "is not an object"),
        ("{", "JSON parse error"),
    ],
)
def test_an_invalid_service_config_is_refused_by_field(service_config: str, complaint: str) -> None:
    """A service config that the library refuses is reported with the field that is wrong."""

    async def scenario() -> None:
        with pytest.raises(ServiceConfigError, match=complaint):
            await check_service_config(service_config)

    in_loop(scenario)


def test_an_invalid_service_config_ends_the_process_with_status_2() -> None:
    """The process exits 2 with one line on standard error that names the variable and the field."""
    with start(GRPC_SERVICE_CONFIG='{"methodConfig": [{"timeout": "soon"}]}') as process:
        _, err = process.communicate(timeout=30)

    assert process.returncode == 2
    assert len(err.splitlines()) == 1
    assert err.startswith("GRPC_SERVICE_CONFIG is invalid: ")
    assert "methodConfig[0].timeout" in err


@pytest.mark.parametrize(
    "name",
    [
        "CALL_TIMEOUT_MS",
        "CLIENT_IDLE_TIMEOUT_MS",
        "CONNECT_TIMEOUT_MS",
        "KEEPALIVE_TIME_MS",
        "WAIT_FOR_READY",
        "ENABLE_RETRIES",
        "RETRY_BUFFER_BYTES",
        "HTTP_ADDRESS",
    ],
)
def test_an_invalid_setting_is_named(name: str) -> None:
    """A variable with an invalid value is refused with its name and the value."""
    with pytest.raises(SettingsError, match=f"{name} is 'often'"):
        Settings.from_environment({name: "often"})


@pytest.mark.parametrize(("given", "size"), [("", None), ("0", 0), ("1024", 1024)])
def test_the_retry_buffer_is_the_librarys_own_unless_it_is_set(given: str, size: int | None) -> None:
    """RETRY_BUFFER_BYTES is a number of bytes, or left to the library."""
    assert Settings.from_environment({"RETRY_BUFFER_BYTES": given}).retry_buffer_bytes == size


def test_an_invalid_setting_ends_the_process_with_status_2() -> None:
    """The process exits 2 with one line on standard error that names the variable."""
    with start(CALL_TIMEOUT_MS="5s") as process:
        _, err = process.communicate(timeout=30)

    assert process.returncode == 2
    assert err.splitlines() == ["CALL_TIMEOUT_MS is '5s': expected whole milliseconds from 0 to 2147483647"]


@pytest.mark.parametrize("name", ["HTTP_ADDRESS", "CHANNELZ_ADDRESS"])
def test_a_busy_port_ends_the_process_with_status_1(name: str) -> None:
    """The process exits 1 with one line on standard error that names the address which somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        with start(**{name: address}) as process:
            _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert len(err.splitlines()) == 1
    assert f"{name} {address}" in err


def test_a_stopped_gateway_finishes_its_requests() -> None:
    """After SIGTERM a request in flight is still answered, then the process exits 0."""

    async def scenario() -> None:
        orders = Orders()
        async with order_service(orders) as target:
            with start(ORDER_SERVICE_TARGET=target) as process:
                port = await asyncio.to_thread(port_of, process)
                reply = asyncio.create_task(get(port, "42"))
                await orders.arrived.wait()
                process.send_signal(signal.SIGTERM)
                await closed(port)
                orders.answer.set()

                assert await reply == (200, {"id": "42", "served_by": "stub"})
                assert await asyncio.to_thread(process.wait, 30) == 0

    in_loop(scenario)


def test_a_gateway_can_be_stopped_once_it_says_that_it_serves() -> None:
    """SIGTERM right after the line with the port ends the process with status 0."""
    with start() as process:
        port_of(process)
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0
