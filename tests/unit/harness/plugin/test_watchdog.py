"""What the watchdog makes of behaviours that never end, seen in runs of a small suite."""

from pathlib import Path

import pytest

from tests.unit.helpers.inner_run import HEAD, run

HANGING = (
    HEAD
    + '''
import socket
import threading
import time

import grpc

from tests.harness.plugin import watchdog
from tests.harness.world import allowance
from tests.harness.world.eventually import eventually

allowance.SPARE = 1.0
watchdog.REPEATED = 0.2


def _sleep():
    time.sleep(600)

def _read():
    ours, theirs = socket.socketpair()
    ours.recv(1)

def _call():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with grpc.insecure_channel("127.0.0.1:%d" % silent.getsockname()[1]) as channel:
            channel.unary_unary("/a/b")(b"", wait_for_ready=True)

def _join():
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    threading.enumerate()[-1].join()

def _wait():
    for look in eventually(within=0.5, what="the clock stands still"):
        with look:
            time.sleep(600)

def _swallow():
    try:
        time.sleep(600)
    except InconclusiveError:
        pass

@pytest.mark.parametrize("hang", [_sleep, _read, _call, _join, _wait, _swallow], ids=lambda hang: hang.__name__)
def test_hangs(orders, hang):
    """It never ends."""
    hang()

@pytest.fixture
def slow(orders):
    yield
    time.sleep(600)

def test_hangs_afterwards(slow):
    """It holds, and its end does not come."""

def test_takes_as_long_as_it_may(orders):
    """It waits for longer than the spare time."""
    began = time.monotonic()
    for look in eventually(within=2.5, what="two seconds have passed"):
        with look:
            assert time.monotonic() > began + 2

def test_is_quick(orders):
    """It ends."""
'''
)

LOST = (
    HEAD
    + '''
import ctypes
import signal

from tests.harness.plugin import watchdog
from tests.harness.world import allowance

allowance.SPARE = 1.0
watchdog.REPEATED, watchdog.LOST = 0.2, 0.5

def test_is_quick(orders):
    """It ends."""

def test_cannot_be_interrupted(orders):
    """It is in code that takes no signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    ctypes.CDLL(None).sleep(600)
'''
)


def test_what_never_ends_is_inconclusive_and_the_run_continues(tmp_path: Path) -> None:
    """In system calls, in gRPC, in threads, in a wait, where the exception is swallowed, and in teardown."""
    outcome = run(tmp_path, HANGING)
    behaviours = {one["behaviour"]: one for one in outcome.report["behaviours"]}
    stopped = {name: one["message"] for name, one in behaviours.items() if one["verdict"] == "inconclusive"}

    assert outcome.status == 6
    assert sorted(behaviours.keys() - stopped.keys()) == ["test_is_quick", "test_takes_as_long_as_it_may"]
    assert len(stopped) == 7
    for name, message in stopped.items():
        words = name.removeprefix("test_").replace("_", " ").partition("[")[0]
        assert message.startswith(f"“{words}"), message
        assert ": its budget was" in message
        assert "; at test_inner.py:" in message
        assert behaviours[name]["timeline"]


def test_the_line_names_budget_wait_and_place(tmp_path: Path) -> None:
    """All of it on one line, so that nobody has to look for it."""
    outcome = run(tmp_path, HANGING, "-k", "_wait")
    (message,) = [one["message"] for one in outcome.report["behaviours"]]

    assert " s: its budget was 2 s, 0 s for its waits and orders and 1 s for everything else; " in message
    assert "; it was waiting for: the clock stands still: " in message
    assert message.endswith(", _wait")
    assert "\n" not in message


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["alone", "worker"])
def test_what_cannot_be_interrupted_ends_its_process(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A worker is replaced; where it was stands in the report folder."""
    outcome = run(tmp_path, LOST, *options)

    assert "“cannot be interrupted” was stopped after " in outcome.output
    assert "It cannot be interrupted, so its process exits; where it was: " in outcome.output
    (stacks,) = outcome.folder.glob("stopped-*.txt")
    assert "test_cannot_be_interrupted" in stacks.read_text(encoding="utf-8")
    assert outcome.status == (6 if options else 70)
