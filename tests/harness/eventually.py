"""
Waiting for a state, never for time.

`eventually` and `consistently` repeat a block of assertions about the subject; `reached` waits for the
environment. Reaching a state is no judgement: a behaviour judges one fresh block afterwards.
"""

import time
from collections.abc import Callable

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from tests.harness.verdict import InconclusiveError


def eventually(*, within: float, every: float = 0.05) -> Retrying:
    """
    Repeat the block until it raises no AssertionError, for at most `within` seconds, a look each `every` seconds.

    The last AssertionError is raised, with a note that says how long it was waited for. Any other exception
    passes through at once.
    """
    return Retrying(
        retry=retry_if_exception_type(AssertionError),
        stop=stop_after_delay(within),
        wait=wait_fixed(every),
        retry_error_callback=_raise_the_last_assertion,
    )


def consistently(*, during: float, every: float = 0.05) -> Retrying:
    """Repeat the block for `during` seconds, a look each `every` seconds; the first exception is raised."""
    return Retrying(
        retry=retry_if_result(lambda _: True),
        stop=stop_after_delay(during),
        wait=wait_fixed(every),
        retry_error_callback=lambda _: None,
    )


def reached(
    condition: Callable[[], object],
    *,
    within: float,
    what: str,
    every: float = 0.02,
    otherwise: type[InconclusiveError] = InconclusiveError,
) -> float:
    """
    Wait until `condition()` is true and return the monotonic time at which that was seen.

    Raises `otherwise`, which names `what` was waited for, after `within` seconds.
    """

    def _give_up(state: RetryCallState) -> None:
        raise otherwise(f"{what}: not so after {state.seconds_since_start or 0:.1f} s")

    Retrying(
        retry=retry_if_result(lambda result: not result),
        stop=stop_after_delay(within),
        wait=wait_fixed(every),
        retry_error_callback=_give_up,
    )(condition)
    return time.monotonic()


def _raise_the_last_assertion(state: RetryCallState) -> None:
    if state.outcome is None:  # pragma: no cover  tenacity calls back only after an attempt
        raise InconclusiveError("nothing was looked at")
    error = state.outcome.exception()
    if error is not None:
        error.add_note(f"Still so after {state.attempt_number} looks in {state.seconds_since_start:.1f} s.")
        raise error
