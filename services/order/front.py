"""
The front of a replica over TLS: it ends TLS, and passes on to the gRPC server what it carries.

gRPC's own server tells nothing of a handshake. This one records each: the server name that the client sent, the
protocols that it offered, and how it ended. And what a drain sends by hand (connections.py) can be put between frames.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

from hyperframe.frame import GoAwayFrame

from services.order.client_hello import ClientHello, NotTlsError, read, size_of
from services.order.connections import Clients, peer_of
from services.order.ledger import Ledger
from services.order.tls import H2, NEVER, WITHOUT_ALPN, Tls
from services.variables import host_and_port

CHUNK = 1 << 16
LONGEST_RECORD = 5 + (1 << 14)
HELLO = 20.0
"""Seconds within which a client has sent its ClientHello, and has completed the handshake."""

SHUTDOWN = 1.0
"""Seconds that a client may take to answer the end of TLS."""

LOOK = 0.005
"""Seconds between two looks at a record of which a part has arrived."""

FRAME = 9
"""Bytes of a frame before its payload; the first three are its length (RFC 9113, 4.1)."""

COMPLETED, CLOSED = "completed", "closed by the client after the certificate"
PLAINTEXT, NO_H2, UNANSWERED = "plaintext", "no h2 among the client's protocols", "not answered"
NO_CERTIFICATE = "peer did not return a certificate"
"""How a handshake ended; everything else is an alert of the client, or what OpenSSL calls its reason."""


class Front:
    """
    Listens for TLS, for a gRPC server that listens in plaintext at `inner`.

    `port` is where it listens. Raises OSError if that cannot be bound.
    """

    def __init__(self, tls: Tls, address: str, inner: tuple[str, int], clients: Clients, ledger: Ledger) -> None:
        host, port = host_and_port(address)
        self._tls, self._context, self._inner, self._clients, self._ledger = tls, tls.context(), inner, clients, ledger
        self._listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listener.setblocking(False)  # noqa: FBT003, socket's own
        self.port: int = self._listener.getsockname()[1]
        self._serving: set[asyncio.Task[None]] = set()
        self._open: set[_Relay] = set()

    def start(self) -> None:
        """Accept connections until `stop_listening`; needs a running event loop."""
        self._accepting = asyncio.create_task(self._accept())

    def stop_listening(self) -> None:
        """Accept no more connections."""
        self._accepting.cancel()
        self._listener.close()

    def send_goaway(self, frame: GoAwayFrame) -> None:
        """Send every client this frame, at the next boundary between two others."""
        for relay in list(self._open):
            relay.insert(frame.serialize())

    def end(self) -> None:
        """Close every connection."""
        self.stop_listening()
        for task in list(self._serving):
            task.cancel()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            task = asyncio.create_task(self._serve(connection))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """Serve one connection, and record how its handshake ended."""
        with connection, contextlib.suppress(OSError):  # either end may be closed at any time
            seen = _Seen(time.monotonic(), peer_of(connection.getpeername()[:2]))
            outcome = ""
            try:
                seen = seen._replace(hello=await asyncio.wait_for(_hello(connection), HELLO))
                if self._tls.handshake == NEVER:
                    self._record(seen, UNANSWERED)
                    await _until_closed(connection)
                else:
                    outcome = await self._carry(connection, seen)
            except TimeoutError:
                outcome = "nothing arrived"
            except NotTlsError as error:
                outcome = str(error)
            except (ssl.SSLError, ConnectionError) as error:
                outcome = reason(error)
            finally:
                if outcome:
                    self._record(seen, outcome)

    def _record(self, seen: "_Seen", outcome: str) -> None:
        self._ledger.event(
            "handshake",
            peer=seen.peer,
            accepted=seen.accepted,
            server_name=seen.hello.server_name,
            protocols=list(seen.hello.protocols),
            outcome=outcome,
        )

    async def _carry(self, connection: socket.socket, seen: "_Seen") -> str:
        """Complete the handshake and pass on what follows; return why it did not come to that, "" if it did."""
        reader = asyncio.StreamReader(limit=CHUNK)
        protocol = asyncio.StreamReaderProtocol(reader)
        loop, client = asyncio.get_running_loop(), connection.getpeername()[:2]
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            socket.socket(fileno=connection.detach()),  # it is the transport's now
            ssl=self._context,
            ssl_handshake_timeout=HELLO,
            ssl_shutdown_timeout=SHUTDOWN,
        )
        with contextlib.closing(transport):
            selected = transport.get_extra_info("ssl_object").selected_alpn_protocol()
            if selected != H2 and self._tls.handshake != WITHOUT_ALPN:
                return NO_H2
            first = await reader.read(CHUNK)
            if not first:
                return CLOSED
            self._record(seen, COMPLETED)
            with contextlib.suppress(OSError):  # the server inside is stopping
                await self._pass_on(asyncio.StreamWriter(transport, protocol, reader, loop), reader, first, client)
        return ""

    async def _pass_on(
        self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, first: bytes, client: tuple[str, int]
    ) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(*self._inner)
        relay = _Relay(reader, writer, inner_reader, inner_writer)
        with self._clients.through(inner_writer.get_extra_info("sockname")[:2], client):
            self._open.add(relay)
            try:
                await relay.run(first)
            finally:
                self._open.discard(relay)


class _Seen(NamedTuple):
    """A connection: when it was accepted (monotonic), from whom, and what it began with."""

    accepted: float
    peer: str
    hello: ClientHello = ClientHello()


class _Relay:
    """Passes on the bytes of one connection in both directions, and frames of our own between a server's."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inner_reader: asyncio.StreamReader,
        inner_writer: asyncio.StreamWriter,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._inner_reader, self._inner_writer = inner_reader, inner_writer
        self._boundaries = Boundaries()

    def insert(self, frame: bytes) -> None:
        """Send the client a frame as soon as none is half sent."""
        self._writer.write(self._boundaries.insert(frame))

    async def run(self, first: bytes) -> None:
        """Pass on until one end closes."""
        self._inner_writer.write(first)
        pumps = [
            asyncio.create_task(_pump(self._reader, self._inner_writer, lambda data: data)),
            asyncio.create_task(_pump(self._inner_reader, self._writer, self._boundaries.passed)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._inner_writer.close()
            self._writer.close()
            await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]) -> None:
    with contextlib.suppress(OSError):  # the other end has closed
        while data := await reader.read(CHUNK):
            writer.write(change(data))
            await writer.drain()


class Boundaries:
    """
    Where frames end in the bytes that a server sends, so that others can be put between them.

    >>> boundaries = Boundaries()
    >>> boundaries.passed(bytes([0, 0, 2]) + bytes(6) + b"a").endswith(b"a")
    True
    >>> boundaries.insert(b"FRAME")
    b''
    >>> boundaries.passed(b"b" + bytes([0, 0, 0]) + bytes(6))[:6]
    b'bFRAME'
    >>> boundaries.insert(b"FRAME")
    b'FRAME'
    """

    def __init__(self) -> None:
        self._header = bytearray()
        self._left = 0
        self._waiting = b""

    def insert(self, frame: bytes) -> bytes:
        """Return the frame if it may be sent now, nothing if it is to wait."""
        if self._header or self._left:
            self._waiting += frame
            return b""
        return frame

    def passed(self, data: bytes) -> bytes:
        """Take what the server sends; return it with what waits, where a frame ends."""
        out, rest = bytearray(), memoryview(data)
        while rest:
            taken = rest[: self._left or FRAME - len(self._header)]
            out += taken
            rest = rest[len(taken) :]
            if self._left:
                self._left -= len(taken)
            else:
                self._header += taken
            if len(self._header) == FRAME:
                self._left = int.from_bytes(self._header[:3], "big")
                self._header.clear()
            if self._waiting and not self._left and not self._header:
                out += self._waiting
                self._waiting = b""
        return bytes(out)


async def _hello(connection: socket.socket) -> ClientHello:
    """Return the ClientHello, and leave it to be read again. Raises NotTlsError, ConnectionError."""
    loop = asyncio.get_running_loop()
    while True:
        await _readable(loop, connection)
        begin = connection.recv(LONGEST_RECORD, socket.MSG_PEEK)
        if not begin:
            raise ConnectionError("closed before anything arrived")
        size = size_of(begin)
        if size and len(begin) >= min(size, LONGEST_RECORD):
            return read(begin[:size])
        await asyncio.sleep(LOOK)  # what was peeked at stays readable, so no event tells of more


async def _until_closed(connection: socket.socket) -> None:
    """Read, and answer nothing, until the client closes."""
    while await asyncio.get_running_loop().sock_recv(connection, CHUNK):
        pass


async def _readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    connection.setblocking(False)  # noqa: FBT003, socket's own
    ready = loop.create_future()
    loop.add_reader(connection, _note, ready)
    try:
        await ready
    finally:
        loop.remove_reader(connection)


def _note(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def reason(error: OSError) -> str:
    """Return in words why a handshake failed: an alert of the client by its name (RFC 8446, 6.2), or our own reason."""
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError):
        return CLOSED
    words = str(error.reason or error).lower().replace("_", " ")
    for prefix in ALERTS:
        if words.startswith(prefix):
            return f"alert: {words.removeprefix(prefix).strip()}"
    return words


ALERTS = ("tlsv1 alert", "tlsv13 alert", "sslv3 alert")
"""How OpenSSL begins the names of alerts that were received."""
