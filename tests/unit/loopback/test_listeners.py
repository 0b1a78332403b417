"""Listeners: what they do with a connection, and that they tell of it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.harness.world.endpoints import CLOSE, GREET, SILENT
from tests.harness.world.eventually import reached
from tests.loopback.listeners import SETTINGS, Listener
from tests.loopback.replica import GRPC_PORT

IP = "127.91.7.3"


@contextmanager
def listening(*script: str) -> Iterator[Listener]:
    """Run one for as long as the block."""
    listener = Listener(IP, script)
    try:
        yield listener
    finally:
        listener.end()


def heard() -> bytes:
    """Dial it and return all that it says before it closes. Raises TimeoutError if it does not close."""
    with socket.create_connection((IP, GRPC_PORT), timeout=0.5) as connection:
        said = b""
        while part := connection.recv(64):
            said += part
        return said


def seen(listener: Listener, count: int) -> Callable[[], bool]:
    """Return whether it has told of so many connections."""
    return lambda: len(listener.dials) == count


def test_it_does_with_each_connection_what_its_script_says() -> None:
    """The last word of the script stands for all further ones."""
    with listening(CLOSE, GREET, CLOSE) as listener:
        assert [heard() for _ in range(4)] == [b"", SETTINGS, b"", b""]
        reached(seen(listener, 4), within=1.0, what="all are told of")

        assert [dial.then for dial in listener.dials] == [CLOSE, GREET, CLOSE, CLOSE]
        assert [dial.monotonic for dial in listener.dials] == sorted(dial.monotonic for dial in listener.dials)


def test_a_silent_one_keeps_the_connection_until_it_ends() -> None:
    """The client waits in vain."""
    with listening(SILENT) as listener:
        with pytest.raises(TimeoutError):
            heard()
        connection = socket.create_connection((IP, GRPC_PORT), timeout=2.0)
        reached(seen(listener, 2), within=1.0, what="both are told of")
    with connection:
        assert connection.recv(1) == b""


def test_once_it_has_ended_nobody_listens() -> None:
    """Its address refuses."""
    with listening(CLOSE):
        pass
    with pytest.raises(ConnectionRefusedError):
        heard()
