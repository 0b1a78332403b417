"""
Waiting for a state, never for time.

`eventually` and `consistently` repeat a block of assertions about the subject; `reached` waits for the
environment. Reaching a state is not a judgement: a behaviour judges one fresh block afterwards.
"""

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

from tests.harness.world.verdict import InconclusiveError
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
        def _give_up(state: RetryCallState) -> None:
            wait.seconds = state.seconds_since_start or 0.0
            error = state.outcome.exception() if state.outcome else None
            if error is not None:
                error.add_note(wait.note)
                raise error

        def _too_late(_: RetryCallState) -> bool:
            """Say whether the last look began after the deadline: a slow one may have seen an old state."""
            return wait.looks[-1] - wait.began >= self.within

        options = self.options if self.lasting else {**self.options, "stop": _too_late}
        with waiting(wait, recorded=True):
            for look in Retrying(**options, retry_error_callback=_give_up):
                wait.looks.append(time.monotonic())
                yield look


def eventually(*, within: float, every: float = 0.05, what: str = "the behaviour's condition holds") -> Waiting:
    """
    Repeat the block until it raises no AssertionError, with a look every `every` seconds.

    The last look is the first one that begins after `within` seconds. The last AssertionError is raised, with a note on
    how long it was waited for. Any other exception passes through immediately. The progress display shows `what` is
    being waited for.
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
