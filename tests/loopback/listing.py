"""The order in which the name server lists addresses, and doors: addresses that close whatever is opened to them."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.loopback.listed import NAME, Listed
from tests.loopback.name_server import IN_ORDER
from tests.loopback.replica import GRPC_PORT


class Doors:
    """
    Addresses on which every connection is accepted, noted and closed at once.

    Whoever tries them one after the other is noted in just that order: the next attempt begins when this one has
    failed.
    """

    def __init__(self) -> None:
        self._listeners: list[socket.socket] = []
        self._noted: list[tuple[float, float, str]] = []
        self._noting = threading.Lock()  # held from a connection's accept until it is noted
        self._wake, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._answer, name="doors", daemon=True)

    def open(self, addresses: Sequence[str]) -> None:
        """Listen on all of these, once. Raises OSError if one cannot be listened on."""
        for address in addresses:
            listener = socket.create_server((address, GRPC_PORT))
            listener.setblocking(False)  # noqa: FBT003, socket's own; the thread and `events` both look
            self._selector.register(listener, selectors.EVENT_READ, listener)
            self._listeners.append(listener)
        self._thread.start()

    def events(self) -> list[Mapping[str, Any]]:
        """Return every connection that has arrived, as a timeline has it."""
        self._note_all()
        keys = ("monotonic", "time", "address")
        return [{"event": "dialled", **dict(zip(keys, each, strict=True))} for each in list(self._noted)]

    def close(self) -> None:
        """Listen no more; a second call does nothing."""
        self._waker.close()
        if self._thread.is_alive():
            self._thread.join()
        self._selector.close()
        self._note_all()
        for each in (*self._listeners, self._wake):
            each.close()

    def _answer(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                self._note(key.data)

    def _note_all(self) -> None:
        for listener in self._listeners:
            self._note(listener)

    def _note(self, listener: socket.socket) -> None:
        with self._noting, contextlib.suppress(OSError):  # nobody is there any more, or no door
            while True:
                connection, _ = listener.accept()
                self._noted.append((time.monotonic(), time.time(), listener.getsockname()[0]))
                connection.close()


class Listing(Listed):
    """The verbs of order. They take hold with the next question: a fresh gateway asks at its first call."""

    _doors: Doors | None = None

    def list_in_order(self, names: Sequence[str]) -> float:
        """List exactly the replicas of these names, in this order in every answer."""
        with self.disturb("list in order", "name server", replicas=list(names)) as asked:
            listed = {replica.name: replica for replica in self._listed}
            self._listed = [listed[name] for name in names]
            self.names.fail(NAME, IN_ORDER)
            return asked.confirmed(self.publish())

    def list_doors(self, count: int, *, instead: bool = False) -> list[str]:
        """List so many doors before the replicas, or instead of them, in order; return their addresses."""
        with self.disturb("list doors", "name server", count=count, instead=instead) as asked:
            self.close_doors()
            addresses = [self.new_ip() for _ in range(count)]
            self._doors = Doors()
            self._doors.open(addresses)
            self.names.fail(NAME, IN_ORDER)
            asked.confirmed(self.publish(first=addresses, instead=instead))
            return addresses

    def dialled(self, since: float = 0.0) -> list[str]:
        """Return the doors to which connections were opened since a monotonic time, in that order."""
        events = self._doors.events() if self._doors else []
        return [each["address"] for each in events if each["monotonic"] >= since]

    def close_doors(self) -> None:
        """Leave no door behind."""
        if self._doors:
            self._doors.close()

    def complete_timeline(self) -> None:
        """Add what the doors have noted."""
        super().complete_timeline()
        if self._doors:
            self.keep_events("door ", self._doors.events())
