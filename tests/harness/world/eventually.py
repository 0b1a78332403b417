"""
Waiting for a state, never for time.

`eventually` and `consistently` repeat a block of assertions about the subject; `reached` waits for the
environment. Reaching a state is no judgement: a behaviour judges one fresh block afterwards.
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
    """A wait that a behaviour goes through look by look: `for look in …: with look: …`."""

    what: str
    within: float
    lasting: bool
    options: dict[str, Any]

    def __iter__(self) -> Looks:
        """Begin it, and yield the looks; in a replay they are those of the record."""
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
            """Say whether the last look began when the time was over: one that took long may have seen an old state."""
            return wait.looks[-1] - wait.began >= self.within

        options = self.options if self.lasting else {**self.options, "stop": _too_late}
        with waiting(wait, recorded=True):
            for look in Retrying(**options, retry_error_callback=_give_up):
                wait.looks.append(time.monotonic())
                yield look


def eventually(*, within: float, every: float = 0.05, what: str = "what the behaviour looks for is so") -> Waiting:
    """
    Repeat the block until it raises no AssertionError, a look each `every` seconds.

    The last look is the first one that begins when `within` seconds are over. The last AssertionError is raised, with a
    note that says how long it was waited for. Any other exception passes through at once. `what` is waited for is said
    on the way.
    """
    retry = retry_if_exception_type(AssertionError)
    return Waiting(what, within, False, _options(retry, within, every))  # noqa: FBT003, a member of the wait


def consistently(*, during: float, every: float = 0.05, what: str = "what the behaviour looks at stays so") -> Waiting:
    """Repeat the block for `during` seconds, a look each `every` seconds; the first exception is raised."""
    retry = retry_if_result(lambda _: True)
    return Waiting(what, during, True, _options(retry, during, every))  # noqa: FBT003, likewise


def _options(retry: object, seconds: float, every: float) -> dict[str, Any]:
    return {"retry": retry, "stop": stop_after_delay(seconds), "wait": wait_fixed(every)}


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

    Raises `error`, which names `what` was waited for, after `within` seconds.
    """

    def _give_up(state: RetryCallState) -> None:
        raise error(f"{what}: not so after {state.seconds_since_start or 0:.1f} s")

    with waiting(Wait(what, within)):
        Retrying(**_options(retry_if_result(lambda result: not result), within, every), retry_error_callback=_give_up)(
            condition
        )
    return time.monotonic()
