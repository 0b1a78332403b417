"""How much work something is: counted, not timed, so that a busy machine changes nothing."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(action: Callable[[], object]) -> int:
    """Return how many lines of Python an action runs, each round of a comprehension included."""
    count = 0

    def _trace(_frame: FrameType, _event: str, _argument: Any) -> Any:  # noqa: ANN401, sys.settrace's own
        nonlocal count
        count += 1
        return _trace

    before = sys.gettrace()
    sys.settrace(_trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count
