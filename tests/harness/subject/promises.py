"""
What a subject promises, and the budgets that follow from it.

Rule 1: every wait and every bound of a behaviour comes from here, so a slow but honest subject takes longer and
is not flagged, and a subject that is slower than it says is.
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
"""The policies that a subject can promise; "round_robin" is the one that is judged so far."""

JITTER = 0.2
"""A retry waits its backoff times 0.8 to 1.2 (gRFC A6, "Exponential Backoff")."""

TIMER = 0.005
"""Seconds by which a timer may fire early, or two clocks of one machine may disagree."""

ROUNDING = 0.01
"""
The part by which a deadline may grow on its way to a replica.

gRPC C-core writes grpc-timeout with three digits at most, rounded up (timeout_encoding.cc): 5.001 s become 5010 ms.
"""


def longest_told(seconds: float) -> float:
    """Return the most seconds that a replica may read in the grpc-timeout of a call that has so many left."""
    return seconds * (1 + ROUNDING) + TIMER


@dataclass(frozen=True)
class Keepalive:
    """
    Client keepalive: a ping each `time` seconds, answered within `timeout` seconds.

    Raises ValueError, which names the field.
    """

    time: float = 30.0
    timeout: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        for name in ("time", "timeout"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                raise ValueError(f"keepalive {name} is {value!r}: it must be a number more than 0")


@dataclass(frozen=True)
class Promises:
    """
    What a subject claims; times in seconds. The defaults are those of docs/reference/contract.md.

    `refresh_interval` is 0 for a gateway that asks the name server again only when something makes it, as
    gRPC's own resolvers do. Raises ValueError, which names the field.
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
                raise ValueError(f"retryable_codes: {code!r} is no gRPC code that a call can fail with")
        if self.policy not in POLICIES:
            raise ValueError(f"policy: {self.policy!r} is none of {', '.join(POLICIES)}")
        for name in ("initial_backoff", "max_backoff", "backoff_multiplier", "call_timeout", "reconnects_within"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be more than 0 and finite")
        for name in ("min_resolution_interval", "refresh_interval"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be 0 or more and finite")
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts is {self.max_attempts}: the first attempt counts, so at least 1")

    @property
    def other_codes(self) -> tuple[str, ...]:
        """The codes that must not be retried."""
        return tuple(code for code in CODES if code not in self.retryable_codes)

    def backoff(self, retry: int) -> float:
        """Nominal seconds before retry number `retry`, from 1, without jitter (gRFC A6)."""
        return min(self.initial_backoff * self.backoff_multiplier ** (retry - 1), self.max_backoff)

    @property
    def backoffs(self) -> float:
        """Nominal seconds that all retries of one call wait together."""
        return sum(self.backoff(retry) for retry in range(1, self.max_attempts))

    @property
    def longest_backoffs(self) -> float:
        """The most seconds that all retries of one call wait together."""
        return self.backoffs * (1 + JITTER)

    def has(self, promise: str) -> bool:
        """Whether the subject promises "round_robin", "retries" or "no polling" at all. Raises KeyError for others."""
        return {
            "round_robin": self.policy == "round_robin",
            "retries": "UNAVAILABLE" in self.retryable_codes and self.max_attempts > 1,
            "no polling": self.refresh_interval == 0,
        }[promise]


@dataclass(frozen=True)
class Budgets:
    """How many seconds things may take: the promises, plus the environment's slack."""

    promises: Promises
    slack: float

    @property
    def lag(self) -> float:
        """*Promise.* By how much the median of many short waits may be late: a sixth of the slack."""
        return self.slack / 6

    @property
    def deadline(self) -> tuple[float, float]:
        """*Promise.* The least and the most seconds after which a call that nobody answers ends."""
        return self.promises.call_timeout - TIMER, self.promises.call_timeout + self.slack

    @property
    def fail_fast(self) -> float:
        """*Promise.* A call that finds no replica fails once its retries are used up, whatever its deadline."""
        return self.promises.longest_backoffs + self.slack

    @property
    def reply(self) -> float:
        """*Patience.* No reply after the promised deadline and twice the slack: the caller hangs up."""
        return self.promises.call_timeout + 2 * self.slack

    @property
    def reconnect(self) -> float:
        """*Promise.* A replica that listens again at a known address has its share again."""
        return self.promises.reconnects_within + self.slack

    @property
    def rediscover(self) -> float:
        """
        *Promise.* An address that the name server lists anew has its share.

        The floor between two resolutions, and the reconnect backoff that leads to the next question.
        """
        return self.promises.min_resolution_interval + self.reconnect

    @property
    def ask(self) -> float:
        """*Promise.* After a lost connection the name server is asked again, once the floor has passed."""
        return self.promises.min_resolution_interval + self.slack
