"""
`python -m tests.suite.replica_speed`: the calls per second of a replica, as any service and as the order service.

Both in turn, several times, so that a busy machine does not favour one. A replica of any service should answer at least
half as many, in the same memory. Calls come from one process with 32 callers.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median

import grpc.aio
import psutil

from services.order.faults import field_of
from tests.harness.paths import ROOT
from tests.harness.subject.service import Answered, Service

CALLERS = 32
OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 200)]
PATIENCE = 30.0
"""*Patience.* Seconds within which a replica listens."""

LEAST = 0.5
"""The part of the order service's calls that any service should reach."""

METHODS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "order service": ("/order.OrderService/GetOrder", {}),
    "any service": ("/a.B/C", Service(Answered("a.B/C")).variables),
}
"""The method that is called, and the variables with which the replica answers it."""


async def rate(address: str, method: str, seconds: float) -> float:
    """Return the calls per second that a replica answers within so many seconds."""
    async with grpc.aio.insecure_channel(address, OPTIONS) as channel:
        await asyncio.wait_for(channel.channel_ready(), PATIENCE)
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        ends, count = time.monotonic() + seconds, 0

        async def caller(name: int) -> None:
            nonlocal count
            while time.monotonic() < ends:
                count += 1
                await call(field_of(1, f"o{time.time_ns():016x}-{name}".encode()))

        began = time.monotonic()
        await asyncio.gather(*(caller(number) for number in range(CALLERS)))
        return count / (time.monotonic() - began)


def measured(what: str, seconds: float, port: int) -> tuple[float, float]:
    """Start a replica, call it for so many seconds, and return its calls per second and its memory in MiB."""
    method, variables = METHODS[what]
    address = f"127.0.0.1:{port}"
    own = {"GRPC_ADDRESS": address, "HTTP_ADDRESS": f"127.0.0.1:{port + 1}", "INSTANCE_ID": "replica", **variables}
    command = [sys.executable, "-m", "services.order"]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.DEVNULL) as replica:  # noqa: S603, our own
        try:
            calls = asyncio.run(rate(address, method, seconds))
            return calls, psutil.Process(replica.pid).memory_info().rss / 2**20
        finally:
            replica.terminate()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both, print the medians, and return 1 if any service answers too few."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite.replica_speed", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of calls, each time")
    parser.add_argument("--port", type=int, default=15900, help="of the replica; the next one is used, too")
    options = parser.parse_args(arguments)
    found: dict[str, list[tuple[float, float]]] = {what: [] for what in METHODS}
    for _ in range(options.times):
        for what, figures in found.items():
            figures.append(measured(what, options.seconds, options.port))
    calls = {what: median(calls for calls, _ in figures) for what, figures in found.items()}
    for what, figures in found.items():
        memory = median(memory for _, memory in figures)
        sys.stdout.write(f"{what}: {calls[what]:.0f} calls/s, {memory:.0f} MiB (medians of {options.times})\n")
    share = calls["any service"] / calls["order service"]
    sys.stdout.write(f"any service answers {share:.2f} of the order service's calls, at least {LEAST} are wanted\n")
    return 0 if share >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
