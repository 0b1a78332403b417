"""
What a subject promises, and the budgets that follow from it.

Rule 1: every wait and every bound of a behaviour comes from here, so a slow but honest subject takes longer and
is not flagged, and one that is slower than it claims is.
Rule 2: a budget is the promise plus the environment's `slack`, the seconds that machine and driver may add.
"""

import math
from dataclasses import dataclass, field

CODES = (
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

POLICIES = ("round_robin", "pick_first", "weighted_round_robin", "ring_hash", "least_request")
"""The policies that a subject can promise; behaviours about even shares apply to "round_robin" alone."""

JITTER = 0.2
"""A retry waits for its backoff times 0.8 to 1.2 (gRFC A6, "Exponential Backoff")."""

TIMER = 0.005
"""Seconds by which a timer may fire early, or two clocks of one machine may disagree."""

LONG_FLOOR = 5.0
"""Seconds: with a shorter minimum re-resolution interval, a query after it and one before it look the same."""

ROUNDING = 0.01
"""
The fraction by which a deadline may grow on its way to a replica.

gRPC C-core writes grpc-timeout with three digits at most, rounded up (timeout_encoding.cc): 5.001 s become 5010 ms.
"""


def longest_timeout_received(seconds: float) -> float:
    """Return the longest grpc-timeout, in seconds, that a replica may receive from a call with so many left."""
    return seconds * (1 + ROUNDING) + TIMER


@dataclass(frozen=True)
class Keepalive:
    """
    Client keepalive: a ping every `time` seconds, acknowledged within `timeout` seconds.

    Raises ValueError, which names the field.
    """

    time: float = 30.0
    timeout: float = 5.0

    def __post_init__(self) -> None:
        """Refuse anything that is not a duration."""
        for name in ("time", "timeout"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                raise ValueError(f"keepalive {name} is {value!r}: must be a number greater than 0")


@dataclass(frozen=True)
class Promises:
    """
    What a subject claims; times in seconds. The defaults are those of docs/reference/contract.md.

    `refresh_interval` is 0 for a gateway that re-resolves only when something triggers it, as gRPC's own resolvers do.
    Raises ValueError, which names the field.
    """

    policy: str = "round_robin"
    retryable_codes: tuple[str, ...] = ("UNAVAILABLE",)
    max_attempts: int = 3
    initial_backoff: float = 0.1
    max_backoff: float = 1.0
    backoff_multiplier: float = 2.0
    call_timeout: float = 5.0
    reconnects_within: float = 5.0
    min_resolution_interval: float = 30.0
    refresh_interval: float = 0.0
    keepalive: Keepalive = field(default_factory=Keepalive)

    def __post_init__(self) -> None:
        """Refuse promises that no gateway could make."""
        for code in self.retryable_codes:
            if code not in CODES:
                raise ValueError(f"retryable_codes: {code!r} is not a gRPC code that a call can fail with")
        if self.policy not in POLICIES:
            raise ValueError(f"policy is {self.policy!r}: must be one of {', '.join(POLICIES)}")
        for name in ("initial_backoff", "max_backoff", "backoff_multiplier", "call_timeout", "reconnects_within"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: must be finite and greater than 0")
        for name in ("min_resolution_interval", "refresh_interval"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: must be finite, 0 or greater")
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts is {self.max_attempts}: must be at least 1, as the first attempt counts")

    @property
    def other_codes(self) -> tuple[str, ...]:
        """The codes that must not be retried."""
        return tuple(code for code in CODES if code not in self.retryable_codes)

    def backoff(self, retry: int) -> float:
        """Nominal seconds before retry number `retry`, from 1, without jitter (gRFC A6)."""
        return min(self.initial_backoff * self.backoff_multiplier ** (retry - 1), self.max_backoff)

    @property
    def backoffs(self) -> float:
        """Nominal seconds that all retries of one call wait in total."""
        return sum(self.backoff(retry) for retry in range(1, self.max_attempts))

    @property
    def longest_backoffs(self) -> float:
        """The most seconds that all retries of one call wait in total."""
        return self.backoffs * (1 + JITTER)

    def has(self, promise: str) -> bool:
        """
        Whether the subject promises this. Raises KeyError for anything else.

        "another policy": than round_robin. "a floor": a minimum re-resolution interval that is longer than any slack.
        """
        return {
            "another policy": self.policy != "round_robin",
            "a floor": self.min_resolution_interval >= LONG_FLOOR,
            "round_robin": self.policy == "round_robin",
            "retries": "UNAVAILABLE" in self.retryable_codes and self.max_attempts > 1,
            "no polling": self.refresh_interval == 0,
            "polling": self.refresh_interval > 0,
        }[promise]


@dataclass(frozen=True)
class Budgets:
    """How many seconds things may take: the promises, plus the environment's slack."""

    promises: Promises
    slack: float

    @property
    def lag(self) -> float:
        """*Promise.* How late the median of many short waits may be: a sixth of the slack."""
        return self.slack / 6

    @property
    def deadline(self) -> tuple[float, float]:
        """*Promise.* The fewest and the most seconds after which an unanswered call ends."""
        return self.promises.call_timeout - TIMER, self.promises.call_timeout + self.slack

    @property
    def fail_fast(self) -> float:
        """*Promise.* A call that finds no replica fails once its retries are exhausted, regardless of its deadline."""
        return self.promises.longest_backoffs + self.slack

    @property
    def reply(self) -> float:
        """*Patience.* Without a reply after the promised deadline and twice the slack, the caller hangs up."""
        return self.promises.call_timeout + 2 * self.slack

    @property
    def reconnect(self) -> float:
        """*Promise.* A replica that listens again at a known address gets its share of calls again."""
        return self.promises.reconnects_within + self.slack

    @property
    def rediscover(self) -> float:
        """
        *Promise.* A newly listed address gets its share of calls.

        The minimum re-resolution interval, plus the reconnect backoff that leads to the next query.
        """
        return self.promises.min_resolution_interval + self.reconnect

    @property
    def ask(self) -> float:
        """*Promise.* After a lost connection the gateway re-resolves, once the minimum interval has passed."""
        return self.promises.min_resolution_interval + self.slack
