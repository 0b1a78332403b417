"""
RPCs to a subject that end: one request message, and the replies up to the status, within a deadline and many bytes.

Written over h2 and not with a gRPC library: such a client retries, reconnects and invents statuses by itself, and here
a status counts only if the subject sent it. What a reply's message holds is not looked at.
"""

import contextlib
import select
import socket
import struct
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from h2.exceptions import ProtocolError

from tests.harness.subject.promises import CODES
from tests.harness.world.exchange import Answer, BoundedSocket, Limit, NoAnswerError, Request

PIECE = 65536
"""Bytes that are read at a time."""

_HEAD, _LONGEST_FRAME, _GOAWAY = 9, 16384, 7
"""Of HTTP/2 frames: the bytes of their head, the most in a payload by default, a type (RFC 9113, 4 and 6.8)."""

NO_LIMIT = 2**31 - 1

UNKNOWN, INTERNAL, UNIMPLEMENTED, UNAVAILABLE = 2, 13, 12, 14

OF_HTTP_STATUS = {"400": INTERNAL, "401": 16, "403": 7, "404": UNIMPLEMENTED} | dict.fromkeys(
    ("429", "502", "503", "504"), UNAVAILABLE
)
"""Codes of replies without a grpc-status (grpc/grpc doc/http-grpc-status-mapping.md); UNKNOWN for all others."""

OF_RESET: dict[int, int] = {
    ErrorCodes.REFUSED_STREAM: UNAVAILABLE,
    ErrorCodes.CANCEL: 1,
    ErrorCodes.ENHANCE_YOUR_CALM: 8,
    ErrorCodes.INADEQUATE_SECURITY: 7,
}
"""Codes of streams that were reset (grpc/grpc doc/PROTOCOL-HTTP2.md, Errors); INTERNAL for all others."""


class _NotBegunError(NoAnswerError):
    """The subject reports that it has not begun with a call: a client calls again over another connection."""


class RpcCaller:
    """
    One caller of a gRPC subject, with one connection and one call at a time.

    The path of the method is the request's `method`, its metadata the `headers`, its message the `body`. The status of
    an answer is the number of the gRPC code, its body the message that goes with it.
    """

    def __init__(self) -> None:
        self._limit = Limit()
        self._socket: BoundedSocket | None = None
        self._http2 = H2Connection()
        self._unread = bytearray()
        self._leaving, self._last_stream = False, NO_LIMIT  # whether it sent GOAWAY, and the last stream that it serves

    def exchange(self, request: Request, seconds: float) -> Answer:
        """Return the status of a call. Raises NoAnswerError, TooLongError or TimeoutError without one in time."""
        self._limit.begin(seconds)
        try:
            try:
                return self._call(request)
            except _NotBegunError:  # as a client's transparent retry (gRFC A6)
                self.close()
                return self._call(request)
        except (ProtocolError, UnicodeDecodeError) as error:
            self.close()
            raise NoAnswerError(f"it does not speak HTTP/2: {error or type(error).__name__}") from error
        except (ConnectionError, socket.gaierror) as error:
            raise NoAnswerError(str(error)) from error

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def __del__(self) -> None:
        """Hang up when the caller's thread has ended."""
        self.close()

    def _call(self, request: Request) -> Answer:
        authority = urlsplit(request.url).netloc
        if not self._still_connected():
            self._connect(authority)
        stream = self._http2.get_next_available_stream_id()
        self._http2.send_headers(stream, list(_headers(request, authority)))
        left = struct.pack("!BI", 0, len(request.body)) + request.body
        status = _Status(stream)
        while status.answer is None:
            left = self._send(stream, left)
            for event in self._events():
                status.take(event)
            if status.answer is None and stream > self._last_stream:
                raise _NotBegunError("it refuses calls: GOAWAY")
        if left:  # a status came before all was sent
            self.close()
        return status.answer

    def _send(self, stream: int, left: bytes) -> bytes:
        """Send what the subject's window has room for, and return the rest."""
        while left:
            room = min(self._http2.local_flow_control_window(stream), self._http2.max_outbound_frame_size)
            if room <= 0:
                break
            self._http2.send_data(stream, left[:room], end_stream=room >= len(left))
            left = left[room:]
        self._flush()
        return left

    def _flush(self) -> None:
        if self._socket is not None and (written := self._http2.data_to_send()):
            self._socket.sendall(written)

    def _events(self) -> list[Event]:
        """Wait for something to come, and return what it means."""
        buffer = bytearray(PIECE)
        count = self._socket.recv_into(buffer) if self._socket is not None else 0
        if count == 0:
            raise NoAnswerError("it was closed before the status of the call")
        self._unread += buffer[:count]
        events = [event for frame in self._frames() for event in self._http2.receive_data(frame)]
        for event in events:
            if isinstance(event, DataReceived) and event.flow_controlled_length:
                self._http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self._flush()
        return events

    def _frames(self) -> Iterator[bytes]:
        """Yield what came, frame by frame, except GOAWAY, which h2 treats as the end of the connection."""
        while len(self._unread) >= _HEAD:
            length = int.from_bytes(self._unread[:3])
            if length > _LONGEST_FRAME:
                raise ProtocolError
            frame = bytes(self._unread[: _HEAD + length])
            if len(frame) < _HEAD + length:
                return
            del self._unread[: _HEAD + length]
            if frame[3] == _GOAWAY:
                self._last_stream = int.from_bytes(frame[_HEAD : _HEAD + 4]) & NO_LIMIT
                self._leaving = True
            else:
                yield frame

    def _connect(self, authority: str) -> None:
        self.close()
        host, _, port = authority.rpartition(":")
        plain = socket.create_connection((host.strip("[]"), int(port)), timeout=self._limit.seconds())
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = BoundedSocket(fileno=plain.detach())
        self._socket.limit = self._limit
        self._http2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._http2.initiate_connection()
        self._unread.clear()
        self._leaving, self._last_stream = False, NO_LIMIT

    def _still_connected(self) -> bool:
        """Say whether the connection can carry another call, once all is read that came since the last one."""
        with contextlib.suppress(OSError, ProtocolError):
            while self._socket is not None and not self._leaving:
                if not select.select([self._socket], [], [], 0)[0]:
                    return True
                self._events()
        return False


class _Status:
    """How one stream ends; `answer` is None until it has."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._headers: dict[str, str] = {}
        self.answer: Answer | None = None

    def take(self, event: Event) -> None:
        """Note what an event tells. Raises NoAnswerError for a call that was refused before it began."""
        if getattr(event, "stream_id", None) != self._stream:
            return
        if isinstance(event, (ResponseReceived, TrailersReceived)):
            self._headers |= {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, StreamReset):
            if event.error_code == ErrorCodes.REFUSED_STREAM:
                raise _NotBegunError("it refuses calls: REFUSED_STREAM")
            code = OF_RESET.get(event.error_code, INTERNAL)
            self.answer = Answer(code, f"the stream was reset: {event.error_code!r}".encode())
        elif isinstance(event, StreamEnded):
            self.answer = self._told()

    def _told(self) -> Answer:
        told, status = self._headers.get("grpc-status", ""), self._headers.get(":status", "")
        if told.isascii() and told.isdecimal() and len(told) <= 2:
            number = int(told)
            message = unquote(self._headers.get("grpc-message", ""))
            return Answer(number if number <= len(CODES) else UNKNOWN, message.encode())
        code = UNKNOWN if status == "200" else OF_HTTP_STATUS.get(status, UNKNOWN)
        return Answer(code, f"HTTP {status} without a grpc-status".encode())


def _headers(request: Request, authority: str) -> Iterable[tuple[str, str]]:
    yield from [(":method", "POST"), (":scheme", "http"), (":path", request.method), (":authority", authority)]
    own = {name.lower(): value for name, value in request.headers.items()}
    usual = {"te": "trailers", "content-type": "application/grpc", "user-agent": "grpc-lb-conformance"}
    yield from ({**usual, **own}).items()
