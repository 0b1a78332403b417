"""A replica that is told to stop loses no call, however many are on their way to it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import grpc.aio

from services.proto import order_pb2, order_pb2_grpc

CALLERS = 16
STAYING, LEAVING = "staying", "leaving"
ROUND_ROBIN = '{"loadBalancingConfig":[{"round_robin":{}}]}'


@contextmanager
def order_service(name: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run an order service on free ports; yield its process and its address."""
    with socket.socket() as grpc_port, socket.socket() as http_port:
        for port in (grpc_port, http_port):
            port.bind(("127.0.0.1", 0))
        grpc_address, http_address = (f"127.0.0.1:{port.getsockname()[1]}" for port in (grpc_port, http_port))
    own = {"INSTANCE_ID": name, "GRPC_ADDRESS": grpc_address, "HTTP_ADDRESS": http_address}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.order"], env={**os.environ, **own}, stdout=subprocess.DEVNULL
    )
    try:
        yield process, grpc_address
    finally:
        process.kill()
        process.wait()


async def outcomes_around(leaving: subprocess.Popen[bytes], addresses: list[str]) -> Counter[str]:
    """Call both replicas without pause, stop one of them meanwhile, and count how the calls ended; no retries."""
    options = [("grpc.service_config", ROUND_ROBIN), ("grpc.use_local_subchannel_pool", 1)]
    outcomes: Counter[str] = Counter()
    busy, gone = asyncio.Event(), asyncio.Event()
    async with grpc.aio.insecure_channel(f"ipv4:{','.join(addresses)}", options) as channel:
        stub = order_pb2_grpc.OrderServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        request = order_pb2.GetOrderRequest(id="o")
        seen: set[str] = set()
        while seen != {STAYING, LEAVING}:
            seen.add((await stub.GetOrder(request, timeout=10, wait_for_ready=True)).served_by)

        async def call() -> None:
            while not gone.is_set():
                try:
                    await stub.GetOrder(request, timeout=5)
                    outcomes["OK"] += 1
                    if outcomes["OK"] > 10 * CALLERS:
                        busy.set()
                except grpc.aio.AioRpcError as error:
                    outcomes[f"{error.code().name}: {error.details()}"] += 1

        callers = [asyncio.create_task(call()) for _ in range(CALLERS)]
        await busy.wait()
        leaving.send_signal(signal.SIGTERM)
        await asyncio.to_thread(leaving.wait, 10)
        gone.set()
        await asyncio.gather(*callers)
    return outcomes


def test_a_replica_that_stops_loses_no_call_of_many_callers() -> None:
    """In three stops under sixteen callers that never pause, every call is answered, without any retry."""
    outcomes: Counter[str] = Counter()
    for _ in range(3):
        with order_service(STAYING) as (_, staying_address), order_service(LEAVING) as (leaving, leaving_address):
            outcomes += asyncio.run(outcomes_around(leaving, [staying_address, leaving_address]))
            assert leaving.returncode == 0

    assert list(outcomes) == ["OK"]
