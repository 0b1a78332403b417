"""
Sidecars: addresses that forward each connection to a replica of their choice, as a mesh or a virtual address does.

They are the target of a mutant: gRPC balances calls over connections without knowing where those end.
"""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Sequence

from tests.loopback.relay import relay

CONNECT = 5.0
"""Seconds that connecting to a replica on this machine may take."""


class Sidecar(socketserver.ThreadingTCPServer):
    """One address that leads to one replica; the constructor returns once it listens, and raises OSError."""

    daemon_threads = True
    block_on_close = False  # connections end with the gateway
    request_queue_size = 128  # a gateway may open many at the same time

    def __init__(self, address: tuple[str, int], replica: tuple[str, int]) -> None:
        super().__init__(address, _Passing)
        self.ip, self.replica = address[0], replica
        threading.Thread(target=self.serve_forever, name="sidecar", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()


def sidecars(own: Sequence[str], replicas: Sequence[str], port: int) -> list[Sidecar]:
    """Return a sidecar at each of these addresses: the first two lead to the first replica, the next to the second."""
    targets = [replicas[0], *replicas[:-1]]
    return [Sidecar((ip, port), (target, port)) for ip, target in zip(own, targets, strict=True)]


class _Passing(socketserver.BaseRequestHandler):
    """One connection, relayed in both directions until either end closes it."""

    request: socket.socket
    server: Sidecar

    def handle(self) -> None:
        with (
            contextlib.suppress(OSError),  # the replica is down
            socket.create_connection(self.server.replica, CONNECT) as beyond,
        ):
            relay(self.request, beyond)

    def finish(self) -> None:
        self.request.close()
