"""The reference gateway as a process: what it refuses, and how it starts and stops."""

import asyncio
import signal
import socket

import pytest

from services.gateway.settings import Settings
from services.variables import SettingsError
from tests.unit.helpers.gateway import Orders, closed, get, in_loop, order_service, port_of, start
from tests.unit.helpers.order_replica import running


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


def test_a_stopped_gateway_waits_for_no_stream() -> None:
    """After SIGTERM a stream is broken off that would go on for ever, then the process exits 0."""

    async def scenario() -> None:
        async with running() as order:
            with start(ORDER_SERVICE_TARGET=f"ipv4:127.0.0.1:{order.replica.grpc_port}") as process:
                port = await asyncio.to_thread(port_of, process)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /streams/x~HANG:messages=1 HTTP/1.1\r\nHost: a\r\n\r\n")
                await reader.readuntil(b"order-1")
                process.send_signal(signal.SIGTERM)
                await order.ledger.until("stream_ended")
                assert await asyncio.to_thread(process.wait, 20) == 0
                writer.close()

    in_loop(scenario)
