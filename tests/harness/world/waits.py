"""
The waits of a run: what is being waited for, since when and for how long at most.

A wait in a behaviour is part of its record, as what it saw when is evidence; in a replay the record takes the place of
the time that passed (see replay.py).
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from tests.harness.world.allowance import may_take
from tests.harness.world.overtime import Overtime


@dataclass(eq=False)
class Wait:
    """
    One wait: for `what`, `within` how many seconds, when it began and each look at it (monotonic).

    With `lasting` the condition must hold for the whole time, instead of becoming true within it. At the end `so` tells
    whether it did, and `seconds` when the last look was.
    """

    what: str
    within: float
    lasting: bool = False
    began: float = field(default_factory=time.monotonic)
    looks: list[float] = field(default_factory=list)
    seconds: float = 0.0
    so: bool = False
    overtime: Overtime | None = None

    def __str__(self) -> str:
        """As in "order-service-2 is ready: 1.4 of at most 6 s"."""
        most = "" if self.lasting else "at most "
        return f"{self.what}: {time.monotonic() - self.began:.1f} of {most}{round(self.within, 1):g} s"

    @property
    def description(self) -> dict[str, object]:
        """What another process needs to show it."""
        return {"what": self.what, "within": self.within, "lasting": self.lasting, "began": self.began}

    @property
    def note(self) -> str:
        """How often and how long it was checked in vain, as a note to an error."""
        count = len(self.looks)
        return f"Still failing after {count} check{'' if count == 1 else 's'} in {self.seconds:.1f} s."


Looks = Iterator[AbstractContextManager[object]]

_under_way: list[Wait] = []
_record: Callable[[Wait], None] | None = None
_player: Callable[[Wait], Looks] | None = None


def under_way() -> Wait | None:
    """Return the wait that began last and has not ended, in any thread."""
    return next(reversed(list(_under_way)), None)


def record_with(keep: Callable[[Wait], None] | None) -> None:
    """Pass each wait of a behaviour to `keep` when it has ended; None stops that."""
    global _record  # noqa: PLW0603, one behaviour at a time runs in a process
    _record = keep


def play_with(player: Callable[[Wait], Looks] | None) -> None:
    """Let `player` decide when there is a look, instead of the clock; None restores the clock."""
    global _player  # noqa: PLW0603, likewise
    _player = player


def played(wait: Wait) -> Looks | None:
    """Return the looks of a wait in a replay, None outside one."""
    return _player(wait) if _player else None


@contextlib.contextmanager
def waiting(wait: Wait, *, recorded: bool = False) -> Iterator[Wait]:
    """Register the block as a wait; `recorded` if it belongs to the record of a behaviour."""
    _under_way.append(wait)
    try:
        with may_take(wait.within):
            yield wait
        wait.so = True
    finally:
        _under_way.remove(wait)
        if recorded and _record:
            _record(wait)
