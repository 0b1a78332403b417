"""
Waiting for a state, never for time.

`eventually` and `consistently` repeat a block of assertions about the subject; `reached` waits for the
environment. Reaching a state is not a judgement: a behaviour judges one fresh block afterwards.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from tests.harness.world.missed import with_missed
from tests.harness.world.overtime import Extension, Overtime
from tests.harness.world.verdict import InconclusiveError, SubjectUnusableError
from tests.harness.world.waits import Looks, Wait, played, waiting


@dataclass(frozen=True)
class Waiting:
    """A wait that a behaviour steps through look by look: `for look in …: with look: …`."""

    what: str
    within: float
    lasting: bool
    options: dict[str, Any]

    def __iter__(self) -> Looks:
        """Begin it, and yield the looks; a replay yields the recorded ones."""
        wait = Wait(self.what, self.within, self.lasting)
        yield from played(wait) or self._looks(wait)

    def _looks(self, wait: Wait) -> Looks:
        bound = _Bound(wait)
        options = self.options if self.lasting else {**self.options, "stop": bound.is_over}
        with waiting(wait, recorded=True):
            for look in Retrying(**options, retry_error_callback=bound.give_up):
                bound.look()
                yield look
            bound.judge()


class _Bound:
    """The bound of a wait: the last look is the first one that begins after it, as a slow one may see an old state."""

    def __init__(self, wait: Wait) -> None:
        self._wait, self._extension = wait, Extension(wait.began, wait.within)
        self._looked = wait.began
        self._error: BaseException | None = None  # of the last look that counts

    def look(self) -> None:
        """Begin a look; those beyond the bound do not count."""
        self._looked = time.monotonic()
        if self._wait.overtime is None:
            self._wait.looks.append(self._looked)

    def is_over(self, state: RetryCallState) -> bool:
        """Say whether a look that failed was the last one."""
        overrun = self._looked - self._wait.began - self._wait.within
        if overrun < 0:
            return False
        if self._wait.overtime is not None:
            self._wait.overtime.seconds = overrun
        continues = self._extension.covers(overrun)
        if continues and self._wait.overtime is None:
            self._keep(state)
            self._wait.overtime = Overtime(time.monotonic())
        return not continues

    def give_up(self, state: RetryCallState) -> None:
        """Keep the error of the last look."""
        if self._wait.overtime is None:
            self._keep(state)
        self._looked = math.inf

    def judge(self) -> None:
        """Raise the error of the last look that counts, if there is one."""
        if self._error is None:
            return
        self._error.add_note(self._wait.note)
        if self._wait.overtime is not None:
            self._wait.overtime.held = self._looked < math.inf
            late_by(self._error, self._wait)
        raise self._error

    def _keep(self, state: RetryCallState) -> None:
        self._wait.seconds = state.seconds_since_start or 0.0
        self._error = state.outcome.exception() if state.outcome else None


def late_by(error: BaseException, wait: Wait) -> None:
    """Add to an error by how much the wait missed its bound."""
    if wait.overtime is not None:
        error.add_note(wait.overtime.note)
        with_missed(error, wait.overtime.missed(wait.began, wait.within))


def eventually(*, within: float, every: float = 0.05, what: str = "the behaviour's condition holds") -> Waiting:
    """
    Repeat the block until it raises no AssertionError, with a look every `every` seconds.

    The last look is the first one that begins after `within` seconds. The last AssertionError is raised, with a note on
    how long it was waited for; on a busy machine only after it was seen by how much the bound was missed (overtime.py).
    Any other exception passes through immediately. The progress display shows `what` is being waited for.
    """
    retry = retry_if_exception_type(AssertionError)
    return Waiting(what, within, False, _options(retry, within, every))  # noqa: FBT003, a member of the wait


def consistently(
    *, during: float, every: float = 0.05, what: str = "the behaviour's condition keeps holding"
) -> Waiting:
    """Repeat the block for `during` seconds, with a look every `every` seconds; the first exception is raised."""
    retry = retry_if_result(lambda _: True)
    return Waiting(what, during, True, _options(retry, during, every))  # noqa: FBT003, likewise


def _options(retry: object, seconds: float, every: float) -> dict[str, Any]:
    return {"retry": retry, "stop": stop_after_delay(seconds), "wait": wait_fixed(every)}


def timed_out(what: str, seconds: float) -> str:
    """Return what was waited for in vain, for an error."""
    return f"timed out after {seconds:.1f} s waiting for: {what}"


def reached(
    condition: Callable[[], object],
    *,
    within: float,
    what: str,
    every: float = 0.02,
    error: type[InconclusiveError] = InconclusiveError,
) -> float:
    """
    Wait until `condition()` is true and return the monotonic time at which that was seen.

    Raises `error`, which names `what` was being waited for, after `within` seconds.
    """

    def _give_up(state: RetryCallState) -> None:
        raise error(timed_out(what, state.seconds_since_start or 0.0))

    with waiting(Wait(what, within)):
        Retrying(**_options(retry_if_result(lambda result: not result), within, every), retry_error_callback=_give_up)(
            condition
        )
    return time.monotonic()


def tried(condition: Callable[[], object], *, within: float, what: str) -> None:
    """Wait for a condition as `reached` does, or give up. Raises SubjectUnusableError, if looking at it does."""
    try:
        reached(condition, within=within, what=what)
    except SubjectUnusableError:
        raise
    except InconclusiveError:
        return
