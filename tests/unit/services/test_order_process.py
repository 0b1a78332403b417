"""The order service as a process: what it reads, how it starts and ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import grpc
import pytest

from services.order.settings import Settings
from services.proto import order_pb2, order_pb2_grpc
from services.variables import SettingsError
from tests.harness.world.fence import place_fence
from tests.harness.world.ledger import Ledger
from tests.harness.world.verdict import InconclusiveError
from tests.unit.helpers.order_replica import LOOPBACK, in_loop, running


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
        ("LOAD_REPORT", "rps_fractional"),
        ("LOAD_REPORT", "rps_fractional=100,cpu=0.5"),
        ("LOAD_REPORT", "eps=-1"),
        ("LOAD_REPORT", "named_metrics=1"),
        ("LOAD_REPORT", "named_metrics.queue=much"),
        ("LOAD_REPORT", "cpu.queue=1"),
        ("LOAD_REPORT", "cpu_utilization=inf"),
    ],
)
def test_an_invalid_setting_is_named(name: str, value: str) -> None:
    """A variable with an invalid value is refused with its name and the value."""
    with pytest.raises(SettingsError, match=f"{name} is '{value}'"):
        Settings.from_environment({name: value})


@contextmanager
def start(**environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the order service as a process, for no longer than the block."""
    with start_with(subprocess.PIPE, environment) as process:
        yield process


@contextmanager
def start_with(output: int | IO[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run it with its standard output, the ledger, somewhere else."""
    with subprocess.Popen(
        [sys.executable, "-m", "services.order"],
        env=os.environ | LOOPBACK | environment,
        stdout=output,
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
@pytest.mark.parametrize(("grace", "over"), [("2000", []), ("0", ["grace_over"])])
def test_a_stopped_process_says_how_it_ended(number: signal.Signals, grace: str, over: list[str]) -> None:
    """On SIGTERM and SIGINT the process drains and exits 0, and its ledger has each stage in order."""
    with start(DRAIN_GRACE_MS=grace) as process:
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
        *over,
        "exit",
    ]


def test_a_replica_whose_ledger_is_full_answers_as_before_and_fences_tell(tmp_path: Path) -> None:
    """A right gateway gets no failure of ours; what nobody can read is inconclusive, with the reason."""
    ledger = Ledger(tmp_path / "ledger.out")
    with Path("/dev/full").open("w", encoding="utf-8") as full, start_with(full, {}) as process:
        assert process.stderr
        assert process.stderr.readline() == "order-1: the ledger cannot be written: No space left on device\n"
        address = f"127.0.0.1:{process.stderr.readline().partition('gRPC on port ')[2].partition(',')[0]}"
        with grpc.insecure_channel(address) as channel:
            call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
            assert call(order_pb2.GetOrderRequest(id="o1"), timeout=10, wait_for_ready=True).served_by == "order-1"
        with pytest.raises(
            InconclusiveError, match=r"^the ledger of order-1 cannot be written: No space left on device$"
        ):
            place_fence(ledger, address, "order-1")
        assert ledger.failure == "No space left on device"
        process.send_signal(signal.SIGTERM)
        process.wait(10)
