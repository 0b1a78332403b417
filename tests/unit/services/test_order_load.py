"""A replica's load report: what is on the wire, and with which answers. C-core shows it to no application."""

import asyncio
import base64
import socket
import struct

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, StreamEnded, TrailersReceived

from services.proto import order_pb2
from tests.unit.helpers.order_replica import in_loop, running

TRAILER = "endpoint-load-metrics-bin"
REPORT = "rps_fractional=100,cpu_utilization=0.5,eps=10,application_utilization=0.25,named_metrics.queue=0.75"

ORCA = b"".join(
    bytes([number << 3 | 1]) + struct.pack("<d", value) for number, value in ((1, 0.5), (6, 100.0), (7, 10.0))
)
ORCA += bytes([8 << 3 | 2, 16, 1 << 3 | 2, 5]) + b"queue" + bytes([2 << 3 | 1]) + struct.pack("<d", 0.75)
ORCA += bytes([9 << 3 | 1]) + struct.pack("<d", 0.25)
"""The same report as xds.data.orca.v3.OrcaLoadReport numbers its fields: each a fixed64, and a map of such."""


def trailers(port: int, order_id: str) -> dict[str, str]:
    """Return all headers and trailers of the answer to an order, read from its frames."""
    message = order_pb2.GetOrderRequest(id=order_id).SerializeToString()
    request = {":method": "POST", ":scheme": "http", ":authority": "x", ":path": "/order.OrderService/GetOrder"}
    request |= {"content-type": "application/grpc", "te": "trailers"}
    frames = H2Connection(H2Configuration(header_encoding="utf-8"))
    frames.initiate_connection()
    frames.send_headers(1, list(request.items()))
    frames.send_data(1, struct.pack(">BI", 0, len(message)) + message, end_stream=True)
    found: dict[str, str] = {}
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        while True:
            connection.sendall(frames.data_to_send())
            for event in frames.receive_data(connection.recv(65536)):
                if isinstance(event, ResponseReceived | TrailersReceived):
                    found |= {str(name): str(value) for name, value in event.headers}
                if isinstance(event, StreamEnded):
                    return found


@pytest.mark.parametrize(
    ("order_id", "status", "pushback"),
    [("x", "0", None), ("x~INTERNAL", "13", None), ("x~RESOURCE_EXHAUSTED:pushback=7", "8", "7")],
)
def test_each_answer_carries_the_report(order_id: str, status: str, pushback: str | None) -> None:
    """The trailers of a success and of a failure have the report, as the bytes of an OrcaLoadReport."""

    async def scenario() -> None:
        async with running(LOAD_REPORT=REPORT) as order:
            found = await asyncio.to_thread(trailers, order.replica.grpc_port, order_id)

            assert base64.b64decode(found[TRAILER] + "==") == ORCA
            assert found["grpc-status"] == status
            assert found.get("grpc-retry-pushback-ms") == pushback

    in_loop(scenario)


def test_without_the_variable_nothing_is_reported() -> None:
    """No answer has such a trailer."""

    async def scenario() -> None:
        async with running() as order:
            assert TRAILER not in await asyncio.to_thread(trailers, order.replica.grpc_port, "x")

    in_loop(scenario)
