"""
Sidecars: addresses that pass each connection on to a replica of their own choice, as a mesh or a virtual address does.

The world of a mutant: gRPC balances calls over connections of which it cannot know where they end.
"""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Sequence

from tests.loopback.relay import relay

CONNECT = 5.0
"""Seconds that a connection to a replica of this machine may take."""


class Sidecar(socketserver.ThreadingTCPServer):
    """One address that leads to one replica; the constructor returns once it listens, and raises OSError."""

    daemon_threads = True
    block_on_close = False  # connections end with the gateway

    def __init__(self, address: tuple[str, int], replica: tuple[str, int]) -> None:
        super().__init__(address, _Passing)
        self.ip, self.replica = address[0], replica
        threading.Thread(target=self.serve_forever, name="sidecar", daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()


def sidecars(own: Sequence[str], replicas: Sequence[str], port: int) -> list[Sidecar]:
    """Return a sidecar at each own address: the first two lead to the first replica, the last one to the next."""
    targets = [replicas[0], *replicas[:-1]]
    return [Sidecar((ip, port), (target, port)) for ip, target in zip(own, targets, strict=True)]


class _Passing(socketserver.BaseRequestHandler):
    """One connection, passed on in both directions until either end closes it."""

    request: socket.socket
    server: Sidecar

    def handle(self) -> None:
        with (
            contextlib.suppress(OSError),  # the replica is gone
            socket.create_connection(self.server.replica, CONNECT) as beyond,
        ):
            relay(self.request, beyond)

    def finish(self) -> None:
        self.request.close()
