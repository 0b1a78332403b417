"""
Sidecars: addresses that pass each connection on to a replica of their own choice, as a mesh or a virtual address does.

The world of a mutant: gRPC balances calls over connections of which it cannot know where they end.
"""

import selectors
import socket
import socketserver
import threading
from collections.abc import Sequence
from contextlib import ExitStack

CONNECT = 5.0
"""Seconds that a connection to a replica of this machine may take."""

_PIECE = 65536


class Sidecar(socketserver.ThreadingTCPServer):
    """One address that leads to one replica; the constructor returns once it listens, and raises OSError."""

    daemon_threads = True
    block_on_close = False  # connections end with the gateway

    def __init__(self, address: tuple[str, int], replica: tuple[str, int]) -> None:
        super().__init__(address, _Passing)
        self.replica = replica
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
        with ExitStack() as stack:
            beyond = stack.enter_context(socket.create_connection(self.server.replica, CONNECT))
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(self.request, selectors.EVENT_READ, beyond)
            selector.register(beyond, selectors.EVENT_READ, self.request)
            while True:
                for key, _ in selector.select():
                    piece = key.fileobj.recv(_PIECE)  # type: ignore[union-attr]  # a socket, as registered
                    if not piece:
                        return
                    key.data.sendall(piece)

    def finish(self) -> None:
        self.request.close()
