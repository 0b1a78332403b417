"""A server that answers HTTP by hand, as no server should: it drips, floods, or never ends."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

Part = bytes | float
"""What is sent next, or for how many seconds nothing is."""

Script = Callable[[], Iterator[Part]]

HEAD = b"HTTP/1.1 200 OK\r\n"
DRIP = 0.02
"""Seconds between two drips: far less than any patience."""


class HostileServer:
    """
    Sends what its script yields to everyone who connects and has sent a request.

    `requests` are those that came, `sent` counts the bytes of the replies.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.requests: list[bytes] = []
        self.sent = 0

    @property
    def url(self) -> str:
        """Where orders are placed."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Accept connections."""
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Close all of them."""
        self._stopped.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Callable[..., None], *given: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=given))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                self._start(self._answer, self._socket.accept()[0])

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(0.2)  # who no longer reads is not waited for
        with connection, suppress(OSError):
            self.requests.append(connection.recv(65536))
            for part in self._script():
                if isinstance(part, float):
                    self._stopped.wait(part)
                else:
                    connection.sendall(part)
                    self.sent += len(part)
                if self._stopped.is_set():
                    return


def _after(head: bytes, endless: bytes, pause: float = DRIP) -> Script:
    """Return a script that sends a beginning, and then without end the same."""

    def _script() -> Iterator[Part]:
        yield head
        for _ in itertools.count():
            yield endless
            if pause:
                yield pause

    return _script


def once(*parts: Part) -> Script:
    """Return a script that ends, and closes the connection."""
    return lambda: iter(parts)


_LENGTH = HEAD + b"Content-Length: 1000000\r\n\r\n"
_CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_MOVED = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: %d\r\n\r\n"
_BIG = b"x" * 65536

DRIPS = {
    "status": _after(b"HTTP/1.1 200 ", b"O"),
    "header": _after(HEAD + b"A: ", b"b"),
    "headers": _after(HEAD, b"A: b\r\n"),
    "continue": _after(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "continue with headers": _after(b"HTTP/1.1 100 Continue\r\n", b"A: b\r\n"),
    "length": _after(_LENGTH, b"x"),
    "one chunk": _after(_CHUNKED + b"fffff\r\n", b"x"),
    "chunks": _after(_CHUNKED, b"1\r\nx\r\n"),
    "chunk size": _after(_CHUNKED, b"0"),
    "chunk extension": _after(_CHUNKED + b"1;a=", b"b"),
    "trailers": _after(_CHUNKED + b"0\r\n", b"A: b\r\n"),
    "until closed": _after(HEAD + b"\r\n", b"x"),
    "redirect": _after(_MOVED % (b"/elsewhere", 1000000), b"x"),
    "no content": once(HEAD + b"Content-Length: 10\r\n\r\n", 60.0),
    "nothing": once(60.0),
}
"""Replies that never end, but of which a byte comes now and then."""

FLOODS = {
    "one header": _after(HEAD + b"A: ", _BIG, 0),
    "headers": _after(HEAD, b"A: " + b"b" * 1000 + b"\r\n", 0),
    "continue": _after(b"", b"HTTP/1.1 100 Continue\r\n" + b"A: b\r\n" * 90 + b"\r\n", 0),
    "status": _after(b"HTTP/1.1 200 ", _BIG, 0),
    "garbage": _after(b"", _BIG, 0),
    "body": _after(HEAD + b"\r\n", _BIG, 0),
    "chunk extensions": _after(_CHUNKED, b"1;" + b"a" * 60000 + b"\r\nx\r\n", 0),
    "tiny chunks": _after(_CHUNKED, b"1\r\nx\r\n" * 1000, 0),
    "trailers": _after(_CHUNKED + b"0\r\n", b"A: " + b"b" * 60000 + b"\r\n", 0),
    "redirect": _after(_MOVED % (b"/elsewhere", 40_000_000), _BIG, 0),
    "cookies": _after(HEAD, b"Set-Cookie: " + b"a=b;" * 10000 + b"\r\n", 0),
}
"""Replies that never end, sent as fast as possible."""

MALFORMED = {
    "status line": once(b"\x00\xff garbage\r\n\r\n"),
    "status": once(b"HTTP/1.1 99999 OK\r\n\r\n"),
    "location": once(_MOVED % (b"http://[::1", 0)),
    "location port": once(_MOVED % (b"http://a:b:c/", 0)),
    "length": once(HEAD + b"Content-Length: 1, 2\r\n\r\nx"),
    "chunk": once(_CHUNKED + b"zz\r\nx"),
    "negative chunk": once(_CHUNKED + b"-10\r\nx"),
    "encoding": once(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
    "cookie": once(HEAD + b"Set-Cookie: a=b; Max-Age\r\nContent-Length: 0\r\n\r\n"),
    "header": once(HEAD + b"no colon\r\n: no name\r\n\r\n"),
    "close": once(b""),
    "half": once(_LENGTH + b"x"),
}
"""Replies that are not valid HTTP, or break off."""
