"""Relaying a connection."""

import contextlib
import selectors
import socket

_PIECE = 65536


def relay(first: socket.socket, second: socket.socket) -> None:
    """Forward between two blocking sockets in both directions until either ends; close neither."""
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):  # an end that was cut off has ended
        selector.register(first, selectors.EVENT_READ, second)
        selector.register(second, selectors.EVENT_READ, first)
        while True:
            for key, _ in selector.select():
                piece = key.fileobj.recv(_PIECE)  # type: ignore[union-attr]  # a socket, as registered
                if not piece:
                    return
                key.data.sendall(piece)
