"""Listeners that stand where a replica could: they accept connections and close them, or say nothing."""

import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.world.eventually import reached
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.listed import Listed
from tests.loopback.replica import GRPC_PORT

CLOSE, SILENT, GREET = "close", "silent", "greet"
"""What becomes of a connection: closed at once; kept without a word; ready for calls, and closed after `GREETED`."""

GREETED = 0.1
"""Seconds that a connection is kept which was greeted."""

SETTINGS = b"\0\0\0\4\0\0\0\0\0"
"""An empty SETTINGS frame (RFC 9113, 6.5): after it a client takes the connection for ready."""


@dataclass(frozen=True)
class Dial:
    """A connection that a listener accepted, on the monotonic clock, and what became of it."""

    address: str
    monotonic: float
    then: str


class Listener:
    """
    A listening socket that does with its first connection what `script` says first, and so on; the last word repeats.

    The constructor binds, and raises OSError if it cannot.
    """

    def __init__(self, ip: str, script: Sequence[str]) -> None:
        self.ip = ip
        self.dials: list[Dial] = []
        self._script = script
        self._kept: list[socket.socket] = []
        self._socket = socket.create_server((ip, GRPC_PORT))
        self._thread = threading.Thread(target=self._accept, name=f"listener {ip}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Free the address and close what was kept."""
        with contextlib.suppress(OSError):  # so that a thread that waits for a connection wakes
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._kept:
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it has ended
            while True:
                connection, _ = self._socket.accept()
                at = time.monotonic()
                then = self._script[min(len(self.dials), len(self._script) - 1)]
                self._treat(connection, then)
                self.dials.append(Dial(self.ip, at, then))

    def _treat(self, connection: socket.socket, then: str) -> None:
        if then == SILENT:
            self._kept.append(connection)
            return
        with connection, contextlib.suppress(OSError):  # the client is gone
            if then == GREET:
                connection.sendall(SETTINGS)
                time.sleep(GREETED)


class Listening(Listed):
    """What an environment can do with listeners whose addresses it lists itself."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._listeners: list[Listener] = []
        self._ended_dials: list[Dial] = []

    def list_listeners(self, count: int, script: Sequence[str] = (CLOSE,)) -> list[str]:
        """Listen at so many new addresses and list them beside the replicas; return them."""
        with self.disturb("list listeners", "name server", count=count, script=list(script)) as asked:
            self._listeners += [Listener(self.new_ip(), script) for _ in range(count)]
            addresses = [listener.ip for listener in self._listeners]
            asked.confirmed(self.publish(also=addresses))
            return addresses

    def wait_for_dials(self, count: int, within: float) -> dict[str, list[float]]:
        """
        Wait until each listener was dialled so many times, for at most `within` seconds.

        Return when each was dialled, on the monotonic clock, at most `count` times.
        """
        with contextlib.suppress(InconclusiveError):
            reached(
                lambda: all(len(listener.dials) >= count for listener in self._listeners),
                within=within,
                what=f"each of {len(self._listeners)} listeners was dialled {count} times",
            )
        return {each.ip: [dial.monotonic for dial in each.dials[:count]] for each in self._listeners}

    def end_listeners(self) -> None:
        """End them; their dials stay evidence."""
        for listener in self._listeners:
            listener.end()
            self._ended_dials += listener.dials
        self._listeners = []

    def complete_timeline(self) -> None:
        """Add the dials to the timeline."""
        super().complete_timeline()
        dials = [*self._ended_dials, *(dial for listener in self._listeners for dial in list(listener.dials))]
        self.keep_events("", [{"event": "dialled", **dataclasses.asdict(dial)} for dial in dials])
