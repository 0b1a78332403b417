"""Closing listeners: each connection to one is noted, and closed immediately."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from types import SimpleNamespace

import pytest

from tests.loopback import listeners as module
from tests.loopback.listeners import ClosingListeners
from tests.loopback.replica import GRPC_PORT

ADDRESSES = ["127.255.7.11", "127.255.7.12", "127.255.7.13"]


@pytest.fixture
def listeners() -> Iterator[ClosingListeners]:
    """Listen on three addresses."""
    made = ClosingListeners()
    made.open(ADDRESSES)
    yield made
    made.close()


def noted(listeners: ClosingListeners) -> list[str]:
    """Return the addresses noted."""
    return [each["address"] for each in listeners.events()]


def test_connections_are_noted_in_the_order_in_which_they_came(listeners: ClosingListeners) -> None:
    """Each is closed before its client can try the next one."""
    order = [ADDRESSES[2], ADDRESSES[0], ADDRESSES[1], ADDRESSES[0]]
    for address in order:
        with socket.create_connection((address, GRPC_PORT), timeout=5) as client:
            assert client.recv(1) == b""

    assert noted(listeners) == order


def test_what_has_arrived_is_noted_when_it_is_asked_for(listeners: ClosingListeners) -> None:
    """Whether or not their own thread has come to it."""
    with socket.create_connection((ADDRESSES[1], GRPC_PORT), timeout=5):
        assert noted(listeners) == [ADDRESSES[1]]


def test_what_was_just_accepted_is_noted_too(listeners: ClosingListeners, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks waits for a connection that is accepted and not yet noted."""
    accepted, noting = threading.Event(), threading.Event()

    def _slowly() -> float:
        accepted.set()
        noting.wait(5)
        return 1.0

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=_slowly, time=_slowly))
    with socket.create_connection((ADDRESSES[1], GRPC_PORT), timeout=5), ThreadPoolExecutor(1) as pool:
        assert accepted.wait(5)
        asked = pool.submit(noted, listeners)
        assert not wait([asked], timeout=0.1).done
        noting.set()

        assert asked.result(5) == [ADDRESSES[1]]


def test_closed_ones_refuse_and_keep_what_they_noted(listeners: ClosingListeners) -> None:
    """A second close does nothing, and no thread is left."""
    with socket.create_connection((ADDRESSES[0], GRPC_PORT), timeout=5):
        listeners.close()
    listeners.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ADDRESSES[0], GRPC_PORT), timeout=5)
    assert noted(listeners) == ADDRESSES[:1]
    assert "closing listeners" not in {thread.name for thread in threading.enumerate()}


def test_a_client_that_never_stops_keeps_nobody(listeners: ClosingListeners, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks what was noted gets an answer even if the next connection is always there already."""
    monkeypatch.setattr(module, "MOST_AT_A_TIME", 50)
    monkeypatch.setattr(module, "MOST_DIALS", 120)
    always = SimpleNamespace(
        accept=lambda: (SimpleNamespace(close=lambda: None), None), getsockname=lambda: (ADDRESSES[0], GRPC_PORT)
    )
    monkeypatch.setattr(listeners, "_listeners", [always])

    assert [len(listeners.events()) for _ in range(4)] == [50, 100, 120, 120]
    monkeypatch.undo()
