"""
Gateways that accept every order and answer in bytes that no gateway should send.

Each is a function from the id of an order to what goes out, piece by piece; a piece may come late.
"""

import gzip
import itertools
import json
import socket
import socketserver
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeAlias

Answer: TypeAlias = Iterator[bytes]

DRIP = 0.1
"""Seconds between two bytes of an answer that drips: each comes long before any timeout of a single read."""

MEGABYTE = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"
JSON = b"Content-Type: application/json\r\n"
UNBOUNDED = b"\r\n"  # no length: the body ends with the connection


def whole(body: bytes, *, status: bytes = b"200 OK", fields: bytes = JSON) -> bytes:
    """Return a whole answer with this body."""
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, fields, len(body), body)


def order(order_id: str, served_by: str = "order-1") -> bytes:
    """Return the body of an order that was served, in ASCII: what JSON cannot hold plainly is escaped."""
    return json.dumps({"id": order_id, "served_by": served_by}).encode()


def dripping(first: bytes, then: Iterator[bytes]) -> Answer:
    """Send the first piece immediately and the others one after the other, slowly."""
    yield first
    for piece in then:
        time.sleep(DRIP)  # the drip itself: there is nothing to wait for
        yield piece


def drips_length(_: str) -> Answer:
    """Promise a megabyte and send it byte by byte."""
    return dripping(OK + b"Content-Length: 1000000\r\n\r\n", itertools.repeat(b" "))


def drips_chunk(_: str) -> Answer:
    """Begin one chunk of a megabyte and send it byte by byte."""
    return dripping(OK + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", itertools.repeat(b" "))


def drips_headers(_: str) -> Answer:
    """Send an endless header, byte by byte."""
    return dripping(OK + b"X-Endless: ", itertools.repeat(b"a"))


def drips_continue(_: str) -> Answer:
    """Send 100 Continue again and again."""
    return dripping(b"", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"))


def redirects_endlessly(_: str) -> Answer:
    """Redirect to itself, with a body that never ends."""
    yield b"HTTP/1.1 302 Found\r\nLocation: /orders/again\r\n\r\n"
    yield from itertools.repeat(b" " * MEGABYTE)


def redirects_nowhere(_: str) -> Answer:
    """Redirect to an address that does not parse."""
    yield whole(b"", status=b"302 Found", fields=b"Location: http://[\r\n")


def endless_body(_: str) -> Answer:
    """Send a body without a length and without an end."""
    yield OK + UNBOUNDED
    yield from itertools.repeat(b" " * MEGABYTE)


def huge_header(_: str) -> Answer:
    """Send a header of a megabyte."""
    yield OK + b"X-Huge: " + b"a" * MEGABYTE + b"\r\nContent-Length: 0\r\n\r\n"


def many_headers(_: str) -> Answer:
    """Send 100,000 headers."""
    yield OK + b"".join(b"X-%d: 1\r\n" % number for number in range(100_000)) + b"Content-Length: 0\r\n\r\n"


def compressed_bomb(_: str) -> Answer:
    """Send a kilobyte that unpacks to a gigabyte."""
    bomb = gzip.compress(gzip.compress(b" " * (64 * MEGABYTE)) + b" " * (192 * MEGABYTE))
    yield whole(bomb, fields=JSON + b"Content-Encoding: gzip\r\n")


def deep_json(_: str) -> Answer:
    """Send a hundred thousand open brackets."""
    yield whole(b"[" * 100_000)


def huge_number(order_id: str) -> Answer:
    """Send an order whose code is a number of 10,000 digits."""
    yield whole(b'{"id": "%s", "served_by": "order-1", "code": %s}' % (order_id.encode(), b"9" * 10_000))


def lone_surrogate(order_id: str) -> Answer:
    """Report a replica whose name is half a character."""
    yield whole(order(order_id, "\ud800"))


def escapes(order_id: str) -> Answer:
    """Report a replica whose name clears the terminal and sets its title."""
    yield whole(order(order_id, "\x1b[2J\x1b]0;pwned\x07\x9b31m"))


def commands(_: str) -> Answer:
    """Fail with a text that a CI runner would take for commands."""
    yield whole(b"oops\n  ::error::pwned\n::set-output name=verdict::conformant\n", status=b"500 Oops", fields=b"")


def garbage_http1(_: str) -> Answer:
    """Answer in bytes that are not HTTP."""
    yield b"\x00\xff\x00 no HTTP at all\r\n\r\n"


def garbage_http2(_: str) -> Answer:
    """Answer with the SETTINGS and the GOAWAY of HTTP/2, in reply to HTTP/1."""
    yield bytes.fromhex("000000040000000000" + "0000080700000000007fffffff00000001")


def strange_status(_: str) -> Answer:
    """Answer with a status that does not exist."""
    yield whole(b"{}", status=b"99999 Strange")


def page(_: str) -> Answer:
    """Answer everything with 200 and a page."""
    yield whole(b"<h1>It works!</h1>", fields=b"Content-Type: text/html\r\n")


def hangs(_: str) -> Answer:
    """Take the order and never answer."""
    while True:
        time.sleep(60)  # never, by intention
        yield b""


def resets(_: str) -> Answer:
    """Reset the connection in the middle of the answer."""
    yield OK + b"Content-Length: 100\r\n\r\n{"
    raise ConnectionResetError


ANSWERS: dict[str, Callable[[str], Answer]] = {
    answer.__name__: answer
    for answer in (
        drips_length, drips_chunk, drips_headers, drips_continue, redirects_endlessly, redirects_nowhere,
        endless_body, huge_header, many_headers, compressed_bomb, deep_json, huge_number, lone_surrogate, escapes,
        commands, garbage_http1, garbage_http2, strange_status, page, hangs, resets,
    )
}  # fmt: skip


class Handler(socketserver.StreamRequestHandler):
    """Reads one request after the other and sends what the program answers."""

    server: "Server"

    def handle(self) -> None:
        """Answer until the client, or the program, has had enough."""
        with suppress(OSError):
            while line := self.rfile.readline(65536):
                while self.rfile.readline(65536).strip():
                    pass
                order_id = line.split()[1].decode().removeprefix("/orders/")
                for piece in self.server.answer(order_id):
                    self.wfile.write(piece)

    def finish(self) -> None:
        """Close with a reset: a client that still reads gets no end that it could take for one."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


class Server(socketserver.ThreadingTCPServer):
    """A server that gives every order the same kind of answer."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Callable[[str], Answer]) -> None:
        super().__init__(address, Handler)
        self.answer = answer
