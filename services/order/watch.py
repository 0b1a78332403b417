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
"""Seconds between two looks: C-core tells nobody of its connections, so they are looked for."""

LATE = 0.25
"""Seconds by which a look may be late without a word: more, and the machine has no time for this process."""

_Key: TypeAlias = "tuple[int, int]"  # number of the file descriptor, inode of the socket: together they name it


class Watch:
    """
    Writes `connection_opened` and `connection_closed` into the ledger, each with the `peer` as attempts have it.

    Both are told when they are seen, so up to `EVERY` seconds late; a connection that carries an attempt is told of
    before that attempt, one that lives for less than that and carries none may be missed.
    """

    def __init__(self, port: int, ledger: Ledger) -> None:
        self._port = port
        self._ledger = ledger
        self._others: set[_Key] = set()  # sockets that are no client's
        self._open: dict[_Key, str] = {}

    async def look_on(self) -> None:
        """Look until cancelled; a look that comes late is told of, as calls are answered late then too."""
        while True:
            self.look()
            due = time.monotonic() + EVERY
            await asyncio.sleep(EVERY)
            late = time.monotonic() - due
            if late > LATE:
                self._ledger.event("late", seconds=round(late, 3))

    def look(self) -> None:
        """Tell what has changed since the last look."""
        present = _sockets()
        for key in self._open.keys() - present:
            self._ledger.event("connection_closed", peer=self._open.pop(key))
        self._others &= present
        for key in sorted(present - self._open.keys() - self._others):
            peer = self._client(key)
            if peer is None:
                self._others.add(key)
            else:
                self._tell(key, peer)

    def carries(self, peer: str) -> None:
        """Tell of the connection of an attempt unless that is done."""
        if peer in self._open.values():
            return
        self.look()
        if peer not in self._open.values():  # closed already, as the next look will see
            self._tell((-1, -len(self._open)), peer)

    def end(self) -> None:
        """Tell that what is open now ends with the server."""
        for peer in self._open.values():
            self._ledger.event("connection_closed", peer=peer)
        self._open.clear()

    def _tell(self, key: _Key, peer: str) -> None:
        self._open[key] = peer
        self._ledger.event("connection_opened", peer=peer)

    def _client(self, key: _Key) -> str | None:
        """Return the client's end of a connection that this replica's port has accepted, None for another socket."""
        try:
            with socket.socket(fileno=os.dup(key[0])) as connection:  # C-core may close the number meanwhile
                other_end = accepted_from(connection, self._port)
        except OSError:
            return None
        return peer_of(other_end) if other_end else None


def _sockets() -> set[_Key]:
    """Return every socket of this process."""
    found = set()
    for number in map(int, os.listdir("/dev/fd")):  # noqa: PTH208, ten times a second: names are enough
        with contextlib.suppress(OSError):  # closed since it was listed, as the listing's own number is
            status = os.fstat(number)
            if stat.S_ISSOCK(status.st_mode):
                found.add((number, status.st_ino))
    return found
