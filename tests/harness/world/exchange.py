"""
HTTP exchanges that end: one request and its reply, within a deadline and a number of bytes.

The timeouts of HTTP libraries apply to a single read, so a server that sends a byte now and then keeps a client waiting
forever. Here the socket itself knows the deadline of the exchange, and every part of a reply counts against it: 1xx
replies, status line, headers, body, chunks, trailers.
"""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

LONGEST_REPLY = 65536
"""Bytes of a reply's body that are read; one to an order has about a hundred."""

MOST_BYTES = 4 * LONGEST_REPLY
"""Bytes of one exchange that are read at most, headers included."""


IDLE = 1.0
"""
Seconds after which a connection is not used again: servers close idle ones, most after 5 s (Node, uvicorn) or 2 s
(gunicorn). A request that is on its way then is lost, and no client that may send it again would count that as a
failure (RFC 9112, 9.3.1).
"""


class Request(NamedTuple):
    """An HTTP request."""

    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


class Answer(NamedTuple):
    """The reply to one: its status, and of its body the first LONGEST_REPLY bytes; `headers` ignores case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


class TooLongError(OSError):
    """The server sent more bytes than are read."""


class NoAnswerError(OSError):
    """There was no valid reply, and not because time was up; the message tells why."""


class Caller(Protocol):
    """What one caller of a subject has: a connection, say."""

    def exchange(self, request: Request, seconds: float) -> Answer:
        """
        Return the reply to a request.

        Raises requests.RequestException, NoAnswerError, TooLongError or TimeoutError without one within these seconds.
        """

    def close(self) -> None:
        """Hang up; the next exchange begins with a new connection."""


UNANSWERED = (requests.RequestException, NoAnswerError, TooLongError, TimeoutError)
"""What is raised where there is no valid reply."""


class Limit:
    """The seconds and bytes left for the present exchange of a connection."""

    def __init__(self) -> None:
        self._deadline = 0.0
        self._bytes = 0

    def begin(self, seconds: float) -> None:
        """Begin an exchange."""
        self._deadline = time.monotonic() + seconds
        self._bytes = MOST_BYTES

    def seconds(self) -> float:
        """Return the seconds left. Raises TimeoutError if there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the exchange is over its deadline")
        return left

    def take(self, count: int) -> int:
        """Count bytes that were read. Raises TooLongError if there were too many."""
        self._bytes -= count
        if self._bytes < 0:
            raise TooLongError(f"more than {MOST_BYTES} bytes")
        return count


class BoundedSocket(socket.socket):
    """A connected socket on which every operation ends with the exchange."""

    limit: Limit

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        """Receive, as the reader that http.client makes of a socket does."""
        self.settimeout(self.limit.seconds())
        return self.limit.take(super().recv_into(buffer, nbytes, flags))

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        """Send a request."""
        self.settimeout(self.limit.seconds())
        super().sendall(data, flags)


class _Response(HTTPResponse):
    """A reply whose cookies are not parsed: http.cookiejar warns about malformed ones, and keeps all others."""

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        for name in ("Set-Cookie", "Set-Cookie2"):
            del self.headers[name]


class _Connection(HTTPConnection):
    """A connection whose timeout applies to a whole exchange."""

    response_class = _Response

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401, passed on as they are
        super().__init__(*arguments, **named)
        self._limit = Limit()

    def request(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401, likewise
        """Begin an exchange."""
        self._limit.begin(self.timeout or 0.0)
        super().request(*arguments, **named)

    def connect(self) -> None:
        """Connect within the timeout."""
        super().connect()
        if self.sock is not None:
            bounded = BoundedSocket(fileno=self.sock.detach())
            bounded.limit = self._limit
            self.sock = bounded


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401, passed on as they are
        """Have its connections made here."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool}


class Session(requests.Session):
    """The session of one caller: no proxy, no redirect, no cookie, and a timeout applies to the whole exchange."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = time.monotonic()
        self.trust_env = False  # a proxy in this process's environment must not interfere
        self.mount("http://", _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests reads the whole body of a redirect, even of one that it does not follow."""

    def exchange(self, request: Request, seconds: float) -> Answer:
        """
        Return the reply to a request.

        Raises requests.RequestException if there is no valid reply within that many seconds.
        """
        if time.monotonic() - self._ended > IDLE:
            self.close()  # its connection; the next request makes another
        try:
            return self._exchange(request, seconds)
        finally:
            self._ended = time.monotonic()

    def _exchange(self, request: Request, seconds: float) -> Answer:
        body = bytearray()
        with self.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            data=request.body or None,
            timeout=seconds,
            allow_redirects=False,
            stream=True,
        ) as response:
            try:
                for chunk in response.iter_content(LONGEST_REPLY):
                    body += chunk
                    if len(body) >= LONGEST_REPLY:
                        break
            except ValueError as error:  # what urllib3 raises for a chunk of negative size
                raise requests.exceptions.ContentDecodingError(error) from error
        return Answer(response.status_code, bytes(body[:LONGEST_REPLY]), response.headers)


class Incoming:
    """
    A reply that is read while it arrives: one request over a separate connection.

    It ends within the seconds that it was given, and with MOST_BYTES, no matter what the server does.
    """

    def __init__(self, request: Request, seconds: float) -> None:
        self._request = request
        self._url = urlsplit(request.url)
        self._connection = _Connection(self._url.hostname or "", self._url.port, timeout=seconds)
        self._socket: socket.socket | None = None

    def answer(self) -> Answer:
        """Send the request, and return status and headers of its reply. Raises what `parts` raises."""
        with _as_broken():
            self._connection.connect()
            self._socket = self._connection.sock
            path = f"{self._url.path}?{self._url.query}" if self._url.query else self._url.path
            self._connection.request(
                self._request.method,
                path,
                body=self._request.body or None,
                headers=dict(self._request.headers),
                preload_content=False,
            )
            self._response = self._connection.getresponse()
        return Answer(self._response.status, b"", self._response.headers)

    def parts(self) -> Iterator[bytes]:
        """
        Yield each part of the body when it arrives.

        Raises TimeoutError once the time is up, and BrokenOffError if there is no whole reply for another reason.
        """
        while True:
            with _as_broken():
                part = self._response.read1(LONGEST_REPLY)
            if not part:
                return
            yield part

    def hang_up(self) -> None:
        """End it, from any thread: the server sees that the client has left, and the reader that nothing follows."""
        with contextlib.suppress(OSError):  # the server was first
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, once it is no longer read."""
        self._connection.close()


class BrokenOffError(OSError):
    """A reply that did not arrive as a whole."""


@contextlib.contextmanager
def _as_broken() -> Iterator[None]:
    """Raise BrokenOffError, or TimeoutError, for everything that a reply can go wrong with."""
    try:
        yield
    except (TimeoutError, urllib3.exceptions.TimeoutError) as error:
        raise TimeoutError(str(error)) from error
    except (OSError, ValueError, HTTPException, urllib3.exceptions.HTTPError) as error:
        raise BrokenOffError(str(error) or type(error).__name__) from error


def is_too_long(error: BaseException | None) -> bool:
    """Return whether an exchange failed because the server sent too much."""
    while error is not None:
        if isinstance(error, TooLongError):
            return True
        error = error.__cause__ or error.__context__
    return False
