"""Passing a connection on."""

import contextlib
import selectors
import socket

_PIECE = 65536


def relay(first: socket.socket, second: socket.socket) -> None:
    """Pass on what each of two blocking sockets receives to the other, until either ends; close neither."""
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):  # an end that is cut off has ended
        selector.register(first, selectors.EVENT_READ, second)
        selector.register(second, selectors.EVENT_READ, first)
        while True:
            for key, _ in selector.select():
                piece = key.fileobj.recv(_PIECE)  # type: ignore[union-attr]  # a socket, as registered
                if not piece:
                    return
                key.data.sendall(piece)
