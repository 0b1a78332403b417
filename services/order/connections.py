"""
What gRPC's own API cannot do with a server's connections: close that of one call, and drain all of them.

The file descriptor is found by its peer among those of this process, so this works where `/dev/fd` lists them: on
Linux and macOS.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from hyperframe.frame import GoAwayFrame

from services.order.traffic import Traffic


def close_connection(peer: str) -> None:
    """
    Shut down the TCP connection whose other end is `peer`, as `context.peer()` names it.

    Both directions are shut down at the same time and without warning: the client sees an end of file instead of an
    answer, as when a server's process dies. Raises `LookupError` if this process has no such connection.
    """
    wanted = endpoint(peer)
    for connection in _connections():
        with connection:
            if _other_end(connection) == wanted:
                connection.shutdown(socket.SHUT_RDWR)
                return
    raise LookupError(f"this process has no connection to {peer}")


class Clients:
    """The clients of a gRPC server, where its peer may be the replica's own front (front.py)."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int], tuple[str, int]] = {}

    @contextlib.contextmanager
    def through(self, end: tuple[str, int], client: tuple[str, int]) -> Iterator[None]:
        """Have the connection that comes from `end` count as this client's, as long as it lasts."""
        self._ends[end] = client
        try:
            yield
        finally:
            del self._ends[end]

    def peer(self, peer: str) -> str:
        """Return the client's name, always in the same form, for what `context.peer()` names."""
        end = endpoint(peer)
        host, port = self._ends.get(end, end)
        return peer_of((_plain(host), port))


class GoAways(Protocol):
    """What sends frames by hand on connections that are encrypted."""

    def stop_listening(self) -> None:
        """Accept no more connections."""

    def send_goaway(self, frame: GoAwayFrame) -> None:
        """Send every client this frame."""


async def drain_connections(port: int, within: float, traffic: Traffic, front: GoAways | None = None) -> bool:
    """
    Drain every client of this port: accept no more connections, tell clients to open no more streams, wait.

    Call it before `server.stop()`, which by itself loses calls: those that arrive after its shutdown flag is set and
    before the client sees the GOAWAY end CANCELLED, which no client retries (grpcio 1.85.1: 15 of 25 stops under 16
    callers lost some). Here the server still serves while the GOAWAY, whose last stream id excludes nothing (RFC 9113,
    6.8), is in transit. C-core's and Go's clients close the connection when its last stream is done; grpc-java's leaves
    that to the server (grpc/grpc-java#9813), which may do so once there is no more traffic. Returns whether that point
    was reached within this many seconds. Where a `front` ends TLS, that sends the GOAWAY.
    """
    since = time.monotonic()
    goaway = GoAwayFrame(stream_id=0, last_stream_id=2**31 - 1)
    if front is None:
        _send_to_all(port, goaway.serialize())
    else:
        front.stop_listening()
        front.send_goaway(goaway)
    deadline = time.monotonic() + within
    while not traffic.over(since) and any(_counted(connection, port) for connection in _connections()):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)  # C-core does not report when a connection is closed
    return True


def _send_to_all(port: int, frame: bytes) -> None:
    """Close the port, and send a frame on each connection that was accepted there."""
    for connection in _connections():
        with connection:
            if _is_listening(connection, port):
                connection.shutdown(socket.SHUT_RDWR)
    for connection in _connections():
        with connection, contextlib.suppress(OSError):  # closed in the meantime
            if _is_accepted(connection, port):
                # whole frames only: C-core writes whole ones too, as long as the client reads
                connection.send(frame)


def endpoint(peer: str) -> tuple[str, int]:
    """
    Return the host and port in gRPC's name of a peer, or raise `ValueError` if it is not an IP peer.

    C-core listens on dual-stack sockets and may name an IPv4 peer either way: `ipv4:127.0.0.1:1234` or
    `ipv6:%5B::ffff:127.0.0.1%5D:1234`. Both yield the same endpoint.
    """
    scheme, _, rest = unquote(peer).partition(":")
    host, _, port = rest.rpartition(":")
    if scheme not in ("ipv4", "ipv6"):
        raise ValueError(f"{peer!r} is not the name of an IP peer")
    return _plain(host.strip("[]")), int(port)


def peer_of(other_end: tuple[str, int]) -> str:
    """Return C-core's name of an IP peer, always in the same form (see `endpoint`)."""
    host, port = other_end
    return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"


def accepted_from(connection: socket.socket, port: int) -> tuple[str, int] | None:
    """Return the other end of a connection accepted at this port, None for any other socket."""
    return _other_end(connection) if _is_accepted(connection, port) else None


def _plain(host: str) -> str:
    """Return an IPv4 host in one form, even if an IPv6 socket reports it."""
    ip = ipaddress.ip_address(host)
    return str((isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped) or ip)


def _connections() -> Iterator[socket.socket]:
    """Yield duplicates of this process's sockets: C-core may close and reuse a descriptor at any time."""
    for number in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with contextlib.suppress(OSError):  # closed since it was listed, as the descriptor of the listing itself is
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                yield socket.socket(fileno=os.dup(number))


def _counted(connection: socket.socket, port: int) -> bool:
    with connection:
        return _is_accepted(connection, port)


def _is_listening(connection: socket.socket, port: int) -> bool:
    return _is_tcp(connection) and _port(connection) == port and _other_end(connection) is None


def _is_accepted(connection: socket.socket, port: int) -> bool:
    return _is_tcp(connection) and _port(connection) == port and _other_end(connection) is not None


def _is_tcp(connection: socket.socket) -> bool:
    internet = connection.family in (socket.AF_INET, socket.AF_INET6)
    return internet and connection.type is socket.SOCK_STREAM


def _port(connection: socket.socket) -> int:
    port: int = connection.getsockname()[1]
    return port


def _other_end(connection: socket.socket) -> tuple[str, int] | None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        host, port, *_ = connection.getpeername()
    except OSError:  # a listening socket has none
        return None
    return _plain(host), port
