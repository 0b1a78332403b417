"""How an endpoint of ours in place of a replica behaves: a peer by its steering, a listener by its script."""

from dataclasses import dataclass
from enum import StrEnum

CLOSE, SILENT, GREET = "close", "silent", "greet"
"""What a listener does with a connection: close it immediately, keep it silently, greet it and close it later."""


class OnStream(StrEnum):
    """What a peer does with each stream."""

    ANSWERS = "answers OK"
    REFUSES_BY_GOAWAY = "sends GOAWAY with a lower last stream id"
    REFUSES = "sends RST_STREAM REFUSED_STREAM"
    CANCELS = "sends RST_STREAM CANCEL"
    PUSHES_BACK_IN_WORDS = "fails UNAVAILABLE with a grpc-retry-pushback-ms that is no number"


@dataclass(frozen=True)
class Steering:
    """
    How a peer behaves.

    `answers_after` is the delay of each answer in seconds. Unless it `greets`, it accepts connections and sends
    nothing, not even SETTINGS. `most_streams` is its SETTINGS_MAX_CONCURRENT_STREAMS, None for no limit. `most_pings`
    is how many it tolerates on one connection without calls before GOAWAY ENHANCE_YOUR_CALM, None for any number.
    """

    on_stream: OnStream = OnStream.ANSWERS
    answers_after: float = 0.0
    greets: bool = True
    most_streams: int | None = None
    most_pings: int | None = None


@dataclass(frozen=True)
class Frame:
    """A frame that a peer sent or received: `seconds` after its connection was opened, on the monotonic clock `at`."""

    peer: str
    connection: str
    direction: str
    frame: str
    detail: str
    seconds: float
    at: float
