"""The connections of a replica as they come and go, for its ledger."""

import asyncio
import contextlib
import os
import socket
import stat
import time
from typing import TypeAlias

from services.order.connections import accepted_from, peer_of
from services.order.ledger import Ledger

EVERY = 0.1
"""Seconds between two checks: C-core does not report its connections, so they are polled."""

LATE = 0.25
"""Seconds by which a check may be late without being reported: beyond that the machine is too busy."""

_Key: TypeAlias = "tuple[int, int]"  # file descriptor and inode: together they identify a socket


class Watch:
    """
    Writes `connection_opened` and `connection_closed` into the ledger, each with the same `peer` as its attempts.

    Both are recorded when seen, so up to `EVERY` seconds late. A connection that carries an attempt is recorded before
    that attempt; one that lives for a shorter time and carries none may be missed.
    """

    def __init__(self, port: int, ledger: Ledger) -> None:
        self._port = port
        self._ledger = ledger
        self._others: set[_Key] = set()  # sockets that do not belong to clients
        self._open: dict[_Key, str] = {}

    async def look_on(self) -> None:
        """Check until cancelled; a late check is recorded, as calls are answered late then too."""
        while True:
            self.look()
            due = time.monotonic() + EVERY
            await asyncio.sleep(EVERY)
            late = time.monotonic() - due
            if late > LATE:
                self._ledger.event("late", seconds=round(late, 3))

    def look(self) -> None:
        """Record what has changed since the last check."""
        present = _sockets()
        for key in self._open.keys() - present:
            self._ledger.event("connection_closed", peer=self._open.pop(key))
        self._others &= present
        for key in sorted(present - self._open.keys() - self._others):
            peer = self._client(key)
            if peer is None:
                self._others.add(key)
            else:
                self._opened(key, peer)

    def report_carrier(self, peer: str) -> None:
        """Record the connection of an attempt unless it already is."""
        if peer in self._open.values():
            return
        self.look()
        if peer not in self._open.values():  # already closed, as the next check will see
            self._opened((-1, -len(self._open)), peer)

    def end(self) -> None:
        """Record that open connections end with the server."""
        for peer in self._open.values():
            self._ledger.event("connection_closed", peer=peer)
        self._open.clear()

    def _opened(self, key: _Key, peer: str) -> None:
        self._open[key] = peer
        self._ledger.event("connection_opened", peer=peer)

    def _client(self, key: _Key) -> str | None:
        """Return the client's end of a connection accepted at this replica's port, None for any other socket."""
        try:
            with socket.socket(fileno=os.dup(key[0])) as connection:  # C-core may close the descriptor in between
                other_end = accepted_from(connection, self._port)
        except OSError:
            return None
        return peer_of(other_end) if other_end else None


def _sockets() -> set[_Key]:
    """Return every socket of this process."""
    found = set()
    for number in map(int, os.listdir("/dev/fd")):  # noqa: PTH208, ten times a second: names are enough
        with contextlib.suppress(OSError):  # closed since it was listed, as the descriptor of the listing itself is
            status = os.fstat(number)
            if stat.S_ISSOCK(status.st_mode):
                found.add((number, status.st_ino))
    return found
