"""Doors: who opens a connection to one is noted, and meets its end at once."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from types import SimpleNamespace

import pytest

from tests.loopback import listing
from tests.loopback.listing import Doors
from tests.loopback.replica import GRPC_PORT

ADDRESSES = ["127.255.7.11", "127.255.7.12", "127.255.7.13"]


@pytest.fixture
def doors() -> Iterator[Doors]:
    """Open three doors."""
    made = Doors()
    made.open(ADDRESSES)
    yield made
    made.close()


def noted(doors: Doors) -> list[str]:
    """Return the addresses noted."""
    return [each["address"] for each in doors.events()]


def test_connections_are_noted_in_the_order_in_which_they_came(doors: Doors) -> None:
    """Each is closed before its client can try the next one."""
    order = [ADDRESSES[2], ADDRESSES[0], ADDRESSES[1], ADDRESSES[0]]
    for address in order:
        with socket.create_connection((address, GRPC_PORT), timeout=5) as client:
            assert client.recv(1) == b""

    assert noted(doors) == order


def test_what_has_arrived_is_noted_when_it_is_asked_for(doors: Doors) -> None:
    """Whether or not the doors' own thread has come to it."""
    with socket.create_connection((ADDRESSES[1], GRPC_PORT), timeout=5):
        assert noted(doors) == [ADDRESSES[1]]


def test_what_the_doors_thread_has_just_accepted_is_noted_too(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks waits for a connection that is accepted and not yet noted."""
    accepted, noting = threading.Event(), threading.Event()

    def _slowly() -> float:
        accepted.set()
        noting.wait(5)
        return 1.0

    monkeypatch.setattr(listing, "time", SimpleNamespace(monotonic=_slowly, time=_slowly))
    with socket.create_connection((ADDRESSES[1], GRPC_PORT), timeout=5), ThreadPoolExecutor(1) as pool:
        assert accepted.wait(5)
        asked = pool.submit(noted, doors)
        assert not wait([asked], timeout=0.1).done
        noting.set()

        assert asked.result(5) == [ADDRESSES[1]]


def test_closed_doors_refuse_and_keep_what_they_noted(doors: Doors) -> None:
    """A second close does nothing, and no thread is left."""
    with socket.create_connection((ADDRESSES[0], GRPC_PORT), timeout=5):
        doors.close()
    doors.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ADDRESSES[0], GRPC_PORT), timeout=5)
    assert noted(doors) == ADDRESSES[:1]
    assert "doors" not in {thread.name for thread in threading.enumerate()}
