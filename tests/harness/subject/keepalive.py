"""Client keepalive as a subject promises it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Keepalive:
    """
    Client keepalive: a ping every `time` seconds, acknowledged within `timeout` seconds; none with a `time` of 0.

    Raises ValueError, which names the field.
    """

    time: float = 30.0
    timeout: float = 5.0

    def __post_init__(self) -> None:
        """Refuse anything that is not a duration."""
        for name in ("time", "timeout"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if number and name == "time" and value == 0:
                continue
            if not number or not 0 < value < math.inf:
                or_none = ", or 0 for none" if name == "time" else ""
                raise ValueError(f"keepalive {name} is {value!r}: must be a number greater than 0{or_none}")
