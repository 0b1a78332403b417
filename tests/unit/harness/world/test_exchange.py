"""Every order ends: there is a reply in time or none, and few bytes are read, no matter what the server does."""

import gzip
import http.server
import socket
import threading
import time
import warnings

import pytest

from tests.harness.world import exchange
from tests.harness.world.exchange import LONGEST_REPLY, MOST_BYTES, Request, Session
from tests.harness.world.orders import LONGEST_WORDS, Orders
from tests.harness.world.reply import Reply
from tests.unit.helpers.hostile_server import DRIPS, FLOODS, HEAD, MALFORMED, HostileServer, once

PATIENCE = 0.3
SLACK = 1.0
"""Seconds that a busy machine may add; on an idle one it is 0.01."""

BUFFERED = 16 << 20
"""Bytes that a server can send that nobody reads: the kernel's buffers on both sides, and some."""


def _order(server: HostileServer, patience: float = PATIENCE) -> Reply:
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reply = Orders(lambda: server.url, lambda _: [], patience).one()
    assert time.monotonic() - began < patience + SLACK
    return reply


@pytest.mark.parametrize("how", DRIPS)
def test_a_reply_that_drips_is_given_up_at_the_deadline(how: str) -> None:
    """A byte now and then, in any part of the reply, wins the server no time."""
    with HostileServer(DRIPS[how]) as server:
        reply = _order(server)

    assert reply.status is None
    assert reply.message.endswith(f": no reply within {PATIENCE} s")
    assert reply.seconds >= PATIENCE


@pytest.mark.parametrize("how", FLOODS)
def test_of_a_reply_without_end_little_is_read(how: str) -> None:
    """It is given up long before the deadline, in few words."""
    with HostileServer(FLOODS[how]) as server:
        reply = _order(server, patience=20.0)
        sent = server.sent

    assert not reply.ok
    assert sent < BUFFERED
    assert len(reply.message) < LONGEST_WORDS + 100


@pytest.mark.parametrize("how", MALFORMED)
def test_a_malformed_reply_is_none_or_one_that_was_not_served(how: str) -> None:
    """No reply raises anything but what means that the subject is wrong."""
    with HostileServer(MALFORMED[how]) as server:
        reply = _order(server)

    assert not reply.ok
    assert reply.message


@pytest.mark.parametrize(("idle", "connections"), [(60.0, 1), (0.0, 3)], ids=["used again", "idle for too long"])
def test_a_connection_that_was_idle_for_too_long_is_not_used_again(
    idle: float, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may be closing it at that moment."""
    peers = set()

    class Keeps(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            peers.add(self.client_address)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the name that http.server gave it
            """Write nothing."""

    monkeypatch.setattr(exchange, "IDLE", idle)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keeps) as server, Session() as session:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            answers = [session.exchange(Request("GET", f"http://127.0.0.1:{server.server_port}/"), 5) for _ in range(3)]
        finally:
            session.close()
            server.shutdown()
            thread.join()

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert len(peers) == connections


def test_too_many_bytes_are_named() -> None:
    """Who reads the report reads why there was no reply."""
    with HostileServer(FLOODS["trailers"]) as server:
        reply = _order(server)

    assert reply.message.endswith(f": the gateway sent more than {MOST_BYTES} bytes")


def test_a_compressed_body_is_unpacked_no_further_than_it_is_read() -> None:
    """A gigabyte of nothing, packed, costs no more than a long reply."""
    body = gzip.compress(bytes(100 << 20))
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with HostileServer(once(head + body)) as server, Session() as session:
        assert session.exchange(Request("GET", server.url), 5.0)[:2] == (200, bytes(LONGEST_REPLY))


def test_cookies_are_neither_kept_nor_sent() -> None:
    """A gateway cannot make the suite remember anything from one order to the next."""
    head = HEAD + b"Connection: close\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"
    with HostileServer(once(head)) as server, Session() as session:
        assert [session.exchange(Request("GET", server.url), 5.0)[:2] for _ in range(2)] == [(200, b"ok")] * 2
        requests = list(server.requests)

    assert len(requests) == 2
    assert b"cookie" not in b"".join(requests).lower()


def test_a_server_that_accepts_nobody_is_given_up_too() -> None:
    """A connection that is not established counts against the same deadline."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for waiting in (first, second):
            waiting.setblocking(False)  # noqa: FBT003, a method of sockets
            waiting.connect_ex(full.getsockname())
        began = time.monotonic()
        reply = Orders(lambda: f"http://127.0.0.1:{full.getsockname()[1]}", lambda _: [], PATIENCE).one()

    assert PATIENCE <= time.monotonic() - began < PATIENCE + SLACK
    assert reply.message.endswith(f": no reply within {PATIENCE} s")
