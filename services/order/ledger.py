"""The ledger: what this replica did, one JSON object per line on standard output, as evidence."""

import contextlib
import json
import sys
import time
from typing import TextIO


class Ledger:
    """
    A replica's ledger. A line is flushed before the method that writes it returns.

    Each line has `event`, `replica`, `time` (seconds since the epoch, to compare ledgers) and `monotonic` (seconds, to
    measure between lines of one host).

    If a line cannot be written, as the disk is full, the replica answers as before, and no later line is written: what
    would be missing is then at the end, and `failure` tells why.
    """

    def __init__(self, replica: str, out: TextIO = sys.stdout) -> None:
        self.failure = ""
        self._replica = replica
        self._out = out

    def event(self, event: str, **facts: str | float | list[str] | None) -> None:
        """Record what happened to the replica, from its `start` to its `exit`."""
        line = {
            "event": event,
            "replica": self._replica,
            **facts,
            "time": time.time(),
            "monotonic": time.monotonic(),
        }
        if self.failure:
            return
        try:
            self._out.write(json.dumps(line) + "\n")
            self._out.flush()
        except OSError as error:
            self.failure = error.strerror or type(error).__name__
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{self._replica}: the ledger cannot be written: {self.failure}\n")

    def attempt(  # noqa: PLR0913, one argument per fact on the line
        self,
        *,
        order_id: str,
        method: str,
        previous_attempts: int | None,
        peer: str,
        deadline_left: float | None,
        code: str | None,
        **also: str | list[str] | None,
    ) -> None:
        """
        Record that an attempt has arrived.

        Call it before anything else is done for the attempt, so that it is on record even if it hangs or dies with the
        process. `previous_attempts` is None if the client did not send it, `deadline_left` (seconds) if the call has no
        deadline, and `code`, the one that will be sent, if none will be. `also` are facts that gRPC's own server does
        not show, such as the `authority`.
        """
        self.event(
            "attempt",
            id=order_id,
            method=method,
            previous_attempts=previous_attempts,
            peer=peer,
            deadline_left=deadline_left,
            code=code,
            **also,
        )
