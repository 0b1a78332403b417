"""
Listeners in place of replicas: they accept connections and close them, or stay silent.

A `Listener` follows a script; `ClosingListeners` only close, and note the order of dials across their addresses.
"""

import contextlib
import dataclasses
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.order.tls import Tls
from tests.harness.world.endpoints import CLOSE, GREET, SILENT
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.replica import GRPC_PORT
from tests.loopback.shared import AddressPublisher, CapabilityEnvironment

GREETED = 0.1
"""Seconds for which a greeted connection is kept open."""

PATIENCE = 2.0
"""*Patience.* Seconds that a client may take over a handshake."""

MOST_KEPT = 200
"""Silent connections that a listener keeps open, as each is a file of this process; it closes the others."""

MOST_DIALS = 100_000
"""Connections that are noted; no behaviour needs more."""

MOST_AT_A_TIME = 1_000
"""Connections that are accepted in a row: a client that always has the next one ready must not keep a thread."""

SETTINGS = b"\0\0\0\4\0\0\0\0\0"
"""An empty SETTINGS frame (RFC 9113, 6.5): after it a client treats the connection as ready."""


@dataclass(frozen=True)
class Dial:
    """A connection that a listener accepted, on the monotonic clock, and what it then did with it."""

    address: str
    monotonic: float
    then: str


class Listener:
    """
    A listening socket that handles its connections according to `script`, one word each; the last word repeats.

    With a `context` it greets over TLS.

    The constructor binds, and raises OSError if it cannot.
    """

    def __init__(self, ip: str, script: Sequence[str], context: ssl.SSLContext | None = None) -> None:
        self.ip = ip
        self._context = context
        self.dials: list[Dial] = []
        self._script = script
        self._kept: list[socket.socket] = []
        self._socket = socket.create_server((ip, GRPC_PORT))
        self._thread = threading.Thread(target=self._accept, name=f"listener {ip}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Free the address and close the connections that were kept."""
        with contextlib.suppress(OSError):  # to wake the thread that waits for a connection
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._kept:
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                connection, _ = self._socket.accept()
                at = time.monotonic()
                then = self._script[min(len(self.dials), len(self._script) - 1)]
                self._handle(connection, then)
                if len(self.dials) < MOST_DIALS:
                    self.dials.append(Dial(self.ip, at, then))

    def _handle(self, connection: socket.socket, then: str) -> None:
        if then == SILENT and len(self._kept) < MOST_KEPT:
            self._kept.append(connection)
            return
        with connection, contextlib.suppress(OSError):  # the client has disconnected
            if then == GREET:
                self._greet(connection)

    def _greet(self, connection: socket.socket) -> None:
        """Complete the handshake, over TLS, and send SETTINGS."""
        if self._context is None:
            connection.sendall(SETTINGS)
            time.sleep(GREETED)
            return
        connection.settimeout(PATIENCE)
        with self._context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.sendall(SETTINGS)
            time.sleep(GREETED)


class ClosingListeners:
    """
    Addresses on which every connection is accepted, noted and closed immediately.

    A client that tries them one after another is noted in exactly that order: the next attempt begins when this one has
    failed.
    """

    def __init__(self) -> None:
        self._listeners: list[socket.socket] = []
        self._noted: list[tuple[float, float, str]] = []
        self._noting = threading.Lock()  # held from a connection's accept until it is noted
        self._wake, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._answer, name="closing listeners", daemon=True)

    def open(self, addresses: Sequence[str]) -> None:
        """Listen on all of these, once. Raises OSError if one of them cannot be bound."""
        for address in addresses:
            listener = socket.create_server((address, GRPC_PORT))
            listener.setblocking(False)  # noqa: FBT003, socket's own; the thread and `events` both look
            self._selector.register(listener, selectors.EVENT_READ, listener)
            self._listeners.append(listener)
        self._thread.start()

    def events(self) -> list[Mapping[str, Any]]:
        """Return every connection that has arrived, in the format of a timeline."""
        self._note_all()
        keys = ("monotonic", "time", "address")
        return [{"event": "dialled", **dict(zip(keys, dial, strict=True))} for dial in list(self._noted)]

    def close(self) -> None:
        """Stop listening; a second call does nothing."""
        self._waker.close()
        if self._thread.is_alive():
            self._thread.join()
        self._selector.close()
        self._note_all()
        for endpoint in (*self._listeners, self._wake):
            endpoint.close()

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
        with self._noting, contextlib.suppress(OSError):  # no connection is waiting, or the listener is closed
            for _ in range(MOST_AT_A_TIME):
                connection, _ = listener.accept()
                if len(self._noted) < MOST_DIALS:
                    self._noted.append((time.monotonic(), time.time(), listener.getsockname()[0]))
                connection.close()


class LoopbackListeners:
    """The listeners of an environment (see `tests.harness.world.capabilities.Listeners`)."""

    def __init__(self, environment: CapabilityEnvironment, publisher: AddressPublisher) -> None:
        self._environment, self._publisher = environment, publisher
        self._listeners: list[Listener] = []
        self._past: list[Dial] = []
        self._closing: ClosingListeners | None = None

    def start(self, count: int, script: Sequence[str] = (CLOSE,)) -> list[str]:
        """Listen at this many new addresses and list them in addition to the replicas; return them."""
        with self._environment.disturb("list listeners", "name server", count=count, script=list(script)) as verb:
            tls = Tls.if_set(self._environment.replica_variables)
            context = tls.context() if tls else None
            self._listeners += [Listener(self._environment.addresses.new(), script, context) for _ in range(count)]
            addresses = [listener.ip for listener in self._listeners]
            verb.confirmed(self._publisher.publish(also=addresses))
            return addresses

    def wait_for_dials(self, count: int, within: float) -> dict[str, list[float]]:
        """Return when each listener was dialled (monotonic), at most `count` times, after `within` seconds at most."""
        with contextlib.suppress(InconclusiveError):
            reached(
                lambda: all(len(listener.dials) >= count for listener in self._listeners),
                within=within,
                what=f"each of {len(self._listeners)} listeners was dialled {count} times",
            )
        return {listener.ip: [dial.monotonic for dial in listener.dials[:count]] for listener in self._listeners}

    def start_closing(self, count: int, *, instead: bool = False) -> list[str]:
        """List this many addresses that close every connection, in order, before the replicas or instead of them."""
        with self._environment.disturb("list doors", "name server", count=count, instead=instead) as verb:
            self._end_closing()
            addresses = [self._environment.addresses.new() for _ in range(count)]
            self._closing = ClosingListeners()
            self._closing.open(addresses)
            self._publisher.keep_order()
            verb.confirmed(self._publisher.publish(first=addresses, instead=instead))
            return addresses

    def dialled(self, since: float = 0.0) -> list[str]:
        """Return the closing addresses that were dialled since a monotonic time, in that order."""
        events = self._closing.events() if self._closing else []
        return [event["address"] for event in events if event["monotonic"] >= since]

    def _end_closing(self) -> None:
        if self._closing:
            self._closing.close()

    def clean(self) -> None:
        """Close them; their dials remain evidence."""
        for listener in self._listeners:
            listener.end()
            self._past += listener.dials
        self._listeners = []
        self._end_closing()

    def keep_evidence(self) -> None:
        """Add the dials to the timeline."""
        dials = [*self._past, *(dial for listener in self._listeners for dial in list(listener.dials))]
        self._environment.timeline.keep("", [{"event": "dialled", **dataclasses.asdict(dial)} for dial in dials])
        if self._closing:
            self._environment.timeline.keep("door ", self._closing.events())
