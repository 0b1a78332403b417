"""The order service under its supervisor: ended and started while the process around it lives on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.harness.world.eventually import reached
from tests.harness.world.ledger import Ledger
from tests.unit.helpers.order_replica import LOOPBACK

KILLED = 128 + signal.SIGKILL


@contextmanager
def supervised(folder: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], Ledger]]:
    """Run it, with its ledger in a file, for no longer than the block."""
    file = folder / "ledger"
    with (
        file.open("ab") as output,
        subprocess.Popen(
            [sys.executable, "-m", "services.order.supervisor"],
            env=os.environ | LOOPBACK | variables,
            stdout=output,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            yield process, Ledger(file)
        finally:
            for child in psutil.Process(process.pid).children() if process.poll() is None else ():
                child.kill()
            process.kill()


def wait_for(ledger: Ledger, event: str, count: int = 1) -> None:
    """Wait until the ledger has so many of an event."""
    reached(lambda: events(ledger).count(event) == count, within=10.0, what=f"the ledger has {count} of {event}")


def events(ledger: Ledger) -> list[str]:
    """Return what the ledger recorded."""
    return [event["event"] for event in ledger.events()]


@pytest.mark.parametrize(("sent", "drained"), [(signal.SIGUSR1, False), (signal.SIGUSR2, True)])
def test_a_service_is_ended_and_started_again(tmp_path: Path, sent: signal.Signals, *, drained: bool) -> None:
    """On request it is killed, or drains; its end is the last line, the process lives on, and it starts again."""
    with supervised(tmp_path) as (process, ledger):
        wait_for(ledger, "serving")
        process.send_signal(sent)
        wait_for(ledger, "ended")

        assert process.poll() is None
        assert ("exit" in events(ledger)) == drained
        assert ledger.events()[-1]["event"] == "ended"

        process.send_signal(signal.SIGHUP)
        wait_for(ledger, "serving", 2)
        process.terminate()
        assert process.wait(10) == 0

    assert events(ledger)[-1] == "exit"


def test_a_service_that_dies_by_itself_ends_its_supervisor(tmp_path: Path) -> None:
    """A kill from elsewhere ends the supervisor too, with the status that tells so."""
    with supervised(tmp_path) as (process, ledger):
        wait_for(ledger, "serving")
        (service,) = psutil.Process(process.pid).children()
        service.kill()
        assert process.wait(10) == KILLED

    assert "ended" not in events(ledger)


def test_a_service_that_cannot_start_ends_its_supervisor(tmp_path: Path) -> None:
    """What the service exits with is what its supervisor exits with."""
    with supervised(tmp_path, DRAIN_GRACE_MS="soon") as (process, _):
        assert process.wait(10) == 2


def test_a_supervisor_without_a_service_ends_when_told(tmp_path: Path) -> None:
    """With the service down, SIGTERM ends it immediately."""
    with supervised(tmp_path) as (process, ledger):
        wait_for(ledger, "serving")
        process.send_signal(signal.SIGUSR1)
        wait_for(ledger, "ended")
        process.terminate()
        assert process.wait(10) == 0
