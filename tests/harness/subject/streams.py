"""Streams as a subject promises and opens them (docs/reference/contract.md, "Streams")."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.subject import call, service
from tests.harness.subject.tables import Kind, SubjectFileError, check

KEYS: dict[str, Kind] = {name: kind for name, kind in call.KEYS.items() if name != "success"}
"""Of its request; it has those of a method too (service.py)."""


@dataclass(frozen=True)
class StreamPromises:
    """
    What a subject promises of streams; times in seconds.

    `timeout` is the deadline of each, 0 for none; `delay` is for how long it may hold a message back before it passes
    it on. With `reopens` it opens a stream again by itself that broke, so that its caller sees no end. Raises
    ValueError, which names the field.
    """

    timeout: float = 0.0
    delay: float = 0.0
    reopens: bool = False

    def __post_init__(self) -> None:
        """Refuse anything that is not a duration, or not true or false."""
        for name in ("timeout", "delay"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value < math.inf:
                raise ValueError(f"streams {name} is {value!r}: must be a number, 0 or greater")
        if type(self.reopens) is not bool:
            raise ValueError(f"streams reopens is {self.reopens!r}: must be true or false")


def read_stream(table: Mapping[str, Any]) -> call.Call:
    """Return the request for a stream that [stream] describes. Raises SubjectFileError."""
    check("stream", table, {**KEYS, **service.KEYS})
    request: dict[str, Any] = {"http": "GET /streams/{id}"} | {key: table[key] for key in KEYS if key in table}
    try:
        opened = call.read_call(request)
    except SubjectFileError as error:
        raise SubjectFileError(str(error).replace("[call]", "[stream]")) from None
    if not opened.carries:
        raise SubjectFileError(
            "[stream] has none of {id}, {number}, {uuid} and {traceparent} in it: no stream could be told apart"
        )
    return opened
