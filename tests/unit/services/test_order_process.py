"""The order service as a process: what it reads, how it starts and ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.order.settings import Settings
from services.variables import SettingsError
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
