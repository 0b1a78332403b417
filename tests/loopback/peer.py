"""
A peer: a hand-written HTTP/2 server in place of a replica, so that it can do what a gRPC server cannot.

It answers as the order service does, unless it is steered to refuse, reset, or stay silent. It logs what reaches it in
a ledger of the same format as a replica's, including the frames that matter: pings it received, GOAWAY and RST_STREAM
it sent.
"""

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from google.protobuf.message import DecodeError
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, PingReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from services.order.connections import peer_of
from services.order.ledger import Ledger as Written
from services.order.tls import Tls
from tests.harness.world.endpoints import OnStream, Steering
from tests.harness.world.ledger import Ledger
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.wire_service import WireService

T = TypeVar("T")

BROKEN = (ProtocolError, DecodeError, ValueError, LookupError)
"""What h2, protobuf and the code below raise for frames, messages and headers that are not valid."""

LONGEST_DETAIL = 200
"""Characters of such an error in the ledger: it may quote the client."""

PATIENCE = 5.0
"""*Patience.* Seconds that the peer's own thread may take to carry out an instruction."""

PREFIX = 5
"""Bytes before a message: a flag and the length (grpc/grpc doc/PROTOCOL-HTTP2.md)."""

QUIET = 0.2
"""Seconds after the last stream: clients also ping right after data, to measure bandwidth (C-core's BDP pings)."""

ITERATIONS = 8
"""Of the loop, for accept, greet and read, and over TLS for what a handshake needs."""

MOST_CONNECTIONS = 200
"""Clients that are served at a time; the others are disconnected."""

MOST_BYTES = 4 << 20
"""Bytes of a request, and of what a client leaves unread: with more it is disconnected. gRPC's limit for messages."""

_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


_RESETS = {OnStream.REFUSES: ErrorCodes.REFUSED_STREAM, OnStream.CANCELS: ErrorCodes.CANCEL}


class Peer:
    """A peer that listens."""

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        steering: Steering,
        folder: Path,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Listen, and answer as a replica with these variables. Raises OSError if the address cannot be bound."""
        self.name = name
        self.ip = address[0]
        self.steering = steering
        self.service = WireService(name, variables)
        self._tls = Tls.if_set(variables)
        self.ledger = Ledger(folder / f"{name}.out")
        self.connections: set[_Connection] = set()
        self._out = self.ledger.path.open("a", encoding="utf-8")
        self.written = Written(name, self._out)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()
        self._server = self._do(self._listen(address))
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _listen(self, address: tuple[str, int]) -> asyncio.Server:
        self.written.event("start")
        context = self._tls.context() if self._tls else None
        server = await self._loop.create_server(functools.partial(_Connection, self), *address, ssl=context)
        self.written.event("serving")
        return server

    def steer(self, steering: Steering) -> None:
        """Behave differently from now on; connections that it has not greeted are closed, as if it had restarted."""
        self._do(self._steer(steering))

    async def _steer(self, steering: Steering) -> None:
        self.steering = steering
        for connection in [connection for connection in self.connections if connection.silent]:
            connection.abort()

    def fence(self) -> None:
        """Read everything that has reached this machine for it, and log it. Raises InconclusiveError if it cannot."""
        if self._loop.is_running():
            self._do(self._look_round())
        if self.written.failure:
            raise InconclusiveError(f"the ledger of {self.name} cannot be written: {self.written.failure}")

    async def _look_round(self) -> None:
        for _ in range(ITERATIONS):
            await asyncio.sleep(0)

    def end(self) -> None:
        """Close all connections and stop listening; a second call does nothing."""
        if self._loop.is_closed():
            return
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        with contextlib.suppress(OSError):  # the disk is full: its fence has reported that
            self._out.close()

    async def _close(self) -> None:
        self._server.close()
        for connection in list(self.connections):
            connection.abort()
        await self._look_round()
        self.written.event("exit")

    def _do(self, task: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(task, self._loop).result(PATIENCE)
        except TimeoutError as error:
            raise InconclusiveError(f"{self.name} did not carry out an instruction within {PATIENCE:.0f} s") from error


class _Connection(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, owner: Peer) -> None:
        self._owner = owner
        self.silent = not owner.steering.greets
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._heard = False
        self._pings = 0
        self._last_answered = 0
        self._called = float("-inf")
        self._most: int | None = None  # streams that it has announced

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet with SETTINGS, unless it is steered to be silent."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = peer_of(transport.get_extra_info("peername")[:2])
        if len(self._owner.connections) >= MOST_CONNECTIONS:
            self.abort()
        self._owner.connections.add(self)
        self._owner.written.event("connection_opened", peer=self._peer)
        if not self.silent:
            self._most = self._owner.steering.most_streams
            limit = {} if self._most is None else {SettingCodes.MAX_CONCURRENT_STREAMS: self._most}
            self._http.local_settings = Settings(client=False, initial_values=limit)
            self._http.initiate_connection()
            # h2 would end the connection of a client that opens more streams, which it may before it knows the limit
            self._http.local_settings = Settings(client=False)
            self._flush()

    def connection_lost(self, _: Exception | None) -> None:
        """Log that it was closed."""
        self._owner.connections.discard(self)
        self._owner.written.event("connection_closed", peer=self._peer)

    def abort(self) -> None:
        """Close it immediately."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Process frames."""
        if self.silent:
            if not self._heard:
                self._frame("received", "PREFACE")
            self._heard = True
            return
        try:
            for event in self._http.receive_data(data):
                self._take(event)
        except BROKEN as error:
            self._frame("received", "against the protocol", str(error)[:LONGEST_DETAIL])
            self._flush()
            self._transport.close()
        else:
            self._flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            headers = {str(name): str(value) for name, value in event.headers}
            self._requests[event.stream_id] = headers, bytearray()
            if self._most is not None and len(self._requests) > self._most:
                self._reset(event.stream_id, ErrorCodes.REFUSED_STREAM)  # an error of the stream: RFC 9113, 5.1.2
        elif isinstance(event, DataReceived) and event.stream_id in self._requests:
            self._requests[event.stream_id][1].extend(event.data)
            if len(self._requests[event.stream_id][1]) > MOST_BYTES:
                self.abort()
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded) and event.stream_id in self._requests:
            self._requested(event.stream_id)
        elif isinstance(event, StreamReset):
            self._requests.pop(event.stream_id, None)
        elif isinstance(event, PingReceived):
            self._pinged()

    def _pinged(self) -> None:
        """Tolerate a ping, or not; those right after a call do not count."""
        if time.monotonic() - self._called < QUIET:
            return
        self._frame("received", "PING")
        self._pings += 1
        most = self._owner.steering.most_pings
        if most is not None and self._pings == most + 1:
            self._goaway(self._http.highest_inbound_stream_id, ErrorCodes.ENHANCE_YOUR_CALM, b"too_many_pings")
            self._flush()
            self._transport.close()

    def _requested(self, stream: int) -> None:
        """Log a complete request, and handle it as steered."""
        self._called = time.monotonic()
        headers, body = self._requests[stream]
        method = headers[":path"]
        order_id = self._owner.service.order_in(method, bytes(body[PREFIX:]), headers)
        steering = self._owner.steering
        previous = headers.get("grpc-previous-rpc-attempts")
        codes = {OnStream.ANSWERS: "OK", OnStream.PUSHES_BACK_IN_WORDS: "UNAVAILABLE"}
        self._owner.written.attempt(
            order_id=order_id,
            method=method,
            previous_attempts=None if previous is None else int(previous),
            peer=self._peer,
            deadline_left=_seconds(headers.get("grpc-timeout")),
            code=codes.get(steering.on_stream),
            authority=headers.get(":authority", headers.get("host")),
        )
        if steering.on_stream is OnStream.REFUSES_BY_GOAWAY:
            self._goaway(self._last_answered, ErrorCodes.NO_ERROR, b"")
        elif steering.on_stream in _RESETS:
            self._reset(stream, _RESETS[steering.on_stream])
        else:
            self._last_answered = stream
            asyncio.get_running_loop().call_later(steering.answers_after, self._answer, stream, method, order_id)

    def _answer(self, stream: int, method: str, order_id: str) -> None:
        """Answer a request unless it was cancelled."""
        if stream not in self._requests or self._transport.is_closing():
            return
        self._called = time.monotonic()
        pushes_back = self._owner.steering.on_stream is OnStream.PUSHES_BACK_IN_WORDS
        del self._requests[stream]
        began = [(":status", "200"), ("content-type", "application/grpc")]
        if pushes_back:
            failure = [("grpc-status", "14"), ("grpc-message", "not now"), ("grpc-retry-pushback-ms", "later")]
            self._http.send_headers(stream, [*began, *failure], end_stream=True)
        else:
            reply = self._owner.service.reply(method, order_id)
            self._http.send_headers(stream, began)
            self._http.send_data(stream, b"\0" + len(reply).to_bytes(PREFIX - 1, "big") + reply)
            self._http.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        self._flush()

    def _reset(self, stream: int, code: ErrorCodes) -> None:
        del self._requests[stream]
        self._frame("sent", "RST_STREAM", f"stream {stream}, {code.name}")
        self._http.reset_stream(stream, code)

    def _goaway(self, last: int, code: ErrorCodes, words: bytes) -> None:
        """Send it by hand: after sending one itself, h2 would not send anything else."""
        self._frame("sent", "GOAWAY", f"last stream {last}, {code.name}")
        self._flush()
        frame = GoAwayFrame(stream_id=0, last_stream_id=last, error_code=code, additional_data=words)
        self._transport.write(frame.serialize())

    def _frame(self, direction: str, frame: str, detail: str = "") -> None:
        self._owner.written.event("frame", peer=self._peer, direction=direction, frame=frame, detail=detail)

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if not self._transport.is_closing():
            self._transport.write(data)
        if self._transport.get_write_buffer_size() > MOST_BYTES:
            self.abort()


def _seconds(timeout: str | None) -> float | None:
    """Return the seconds of a grpc-timeout, None if there is none."""
    return None if timeout is None else int(timeout[:-1]) * _UNITS[timeout[-1]]
