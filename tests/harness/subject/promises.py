"""
What a subject promises, and the budgets that follow from it.

Rule 1: every wait and every bound of a behaviour comes from here, so a slow but honest subject takes longer and
is not flagged, and one that is slower than it claims is.
Rule 2: a budget is the promise plus the environment's `slack`, the seconds that machine and driver may add.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.harness.subject.contradictions import contradictions
from tests.harness.subject.keepalive import Keepalive
from tests.harness.subject.streams import StreamPromises

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

SPREADING = ("weighted_round_robin", "least_request")
"""
Those among the other policies that send calls to every replica, for any caller.

pick_first has one, and what ring_hash makes of a call depends on a key that only its gateway knows.
"""

JITTER = 0.2
"""A retry waits its backoff times 0.8 to 1.2 (gRFC A6, "Exponential Backoff"), unless another jitter is promised."""

FULL = "full"
"""The jitter of a retry that waits for any time between 0 and its backoff."""

UNBOUNDED = 10.0
"""*Patience.* Seconds, on top of its backoffs, after which a call without a deadline counts as unanswered."""

CHOICES = {"policy": POLICIES, "retries": ("grpc", "application"), "codes": ("told", "untold")}
"""What a promise that is one of a few words can be; codes are "untold" if replies do not tell one from another."""

MORE_THAN_0 = ("initial_backoff", "max_backoff", "backoff_multiplier", "reconnects_within")
FROM_0 = (
    "call_timeout",
    "min_resolution_interval",
    "refresh_interval",
    "per_try_timeout",
    "dns_retry_within",
    "start_within",
    "concurrent_calls",
    "overhead",
    "connect_timeout",
)

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
class Promises:
    """
    What a subject claims; times in seconds. The defaults are those of docs/reference/contract.md.

    `refresh_interval` is 0 for a gateway that re-resolves only when something triggers it, as gRPC's own resolvers do.
    `call_timeout` is 0 for calls without a deadline, `per_try_timeout` for attempts that may use all of it,
    `concurrent_calls` for a gateway without a bulkhead, `dns_retry_within` for gRPC's own growing waits. An `overhead`
    of 0 promises to add nothing but chance to a call; a `connect_timeout` of 0 promises nothing. Raises ValueError,
    which names the field, also for two promises that cannot both be kept.
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
    wait_for_ready: bool = False
    jitter: float | str = JITTER
    retries: str = "grpc"
    retry_throttling: bool = False
    ejection: bool = False
    hedging: bool = False
    per_try_timeout: float = 0.0
    connections_per_replica: int = 1
    codes: str = "told"
    dns_retry_within: float = 0.0
    start_within: float = 0.0
    concurrent_calls: int = 0
    overhead: float = 0.0
    connect_timeout: float = 0.0
    streams: StreamPromises = field(default_factory=StreamPromises)

    def __post_init__(self) -> None:
        """Refuse promises that no gateway could make."""
        for refused in (*self._out_of_range(), *self._unknown_words()):
            raise ValueError(refused)
        for refused in contradictions(self):
            raise ValueError(refused)

    def _out_of_range(self) -> Iterator[str]:
        for name in MORE_THAN_0:
            if not 0 < getattr(self, name) < math.inf:
                yield f"{name} is {getattr(self, name)}: must be finite and greater than 0"
        for name in FROM_0:
            if not 0 <= getattr(self, name) < math.inf:
                yield f"{name} is {getattr(self, name)}: must be finite, 0 or greater"
        if self.max_attempts < 1:
            yield f"max_attempts is {self.max_attempts}: must be at least 1, as the first attempt counts"
        if self.connections_per_replica < 1:
            yield f"connections_per_replica is {self.connections_per_replica}: must be at least 1"
        if self.jitter != FULL and (isinstance(self.jitter, str) or not 0 <= self.jitter < 1):
            yield f'jitter is {self.jitter!r}: must be "full" or a fraction of the backoff below 1, such as 0.2'

    def _unknown_words(self) -> Iterator[str]:
        for code in self.retryable_codes:
            if code not in CODES:
                yield f"retryable_codes: {code!r} is not a gRPC code that a call can fail with"
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                yield f"{name} is {getattr(self, name)!r}: must be one of {', '.join(known)}"

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
    def spread(self) -> tuple[float, float]:
        """The least and the most that jitter makes of a backoff, as factors."""
        return (0.0, 1.0) if isinstance(self.jitter, str) else (1 - self.jitter, 1 + self.jitter)

    def waits(self, retry: int) -> tuple[float, float]:
        """Return the fewest and the most seconds before retry number `retry`, from 1."""
        least, most = self.spread
        return self.backoff(retry) * least, self.backoff(retry) * most

    @property
    def _jitter_shows(self) -> bool:
        """Whether jitter sets the first retries of calls further apart than timers do."""
        least, most = self.waits(1)
        return most - least >= 3 * TIMER

    @property
    def shortest_backoffs(self) -> float:
        """The fewest seconds that all retries of one call wait in total."""
        return self.backoffs * self.spread[0]

    @property
    def longest_backoffs(self) -> float:
        """The most seconds that all retries of one call wait in total."""
        return self.backoffs * self.spread[1]

    @property
    def attempt_timeout(self) -> float:
        """The most seconds that one attempt may take: the per-try timeout, else the deadline; 0 if it has neither."""
        return self.per_try_timeout or self.call_timeout

    @property
    def floor(self) -> float:
        """The fewest seconds between two DNS queries, those of promised polling included."""
        return min(self.min_resolution_interval, self.refresh_interval or math.inf)

    @property
    def failures_harm(self) -> bool:
        """Whether calls that fail change how later ones are treated: a budget shrinks, a breaker opens."""
        return self.retry_throttling or self.ejection

    def sparing(self, calls: int) -> int:
        """Return how many of these calls may be made to fail on one gateway: one if failures change how it behaves."""
        return 1 if self.failures_harm else calls

    def uneven(self, seconds: float, restarts: int = 0) -> int:
        """
        Return by how many calls the shares of a block of so many seconds may differ.

        Each channel of a pool has a rotation, whose shares differ by 1, and by 1 more each time it restarts: with each
        list that a resolver delivers, such as after a promised poll.
        """
        return self.connections_per_replica * (1 + restarts + self.polls_within(seconds))

    def polls_within(self, seconds: float) -> int:
        """Return how many promised polls may fall into so many seconds."""
        return 1 + int(seconds / self.refresh_interval) if self.refresh_interval else 0

    @property
    def unserved_codes(self) -> frozenset[str | None]:
        """The codes with which a call may fail that finds no replica; None if the reply names none."""
        waited = {"DEADLINE_EXCEEDED"} if self.wait_for_ready else set()
        # a breaker that is open answers by itself, with a code of its choice
        return frozenset({*CODES, None}) if self.ejection else frozenset({"UNAVAILABLE", None, *waited})

    def has(self, promise: str) -> bool:
        """
        Whether the subject makes one of the promises that behaviours are marked with. Raises KeyError for others.

        "another policy": than round_robin; "calls for every replica": under one of those. "a floor": a minimum
        re-resolution interval that is longer than any slack.
        """
        return {
            "another policy": self.policy != "round_robin",
            "a floor": self.min_resolution_interval >= LONG_FLOOR,
            "round_robin": self.policy == "round_robin",
            "pick_first": self.policy == "pick_first",
            "weighted_round_robin": self.policy == "weighted_round_robin",
            "calls for every replica": self.policy in SPREADING,
            "retries": "UNAVAILABLE" in self.retryable_codes and self.max_attempts > 1,
            "keepalive": self.keepalive.time > 0,
            "no polling": self.refresh_interval == 0,
            "polling": self.refresh_interval > 0,
            "fail fast": not self.wait_for_ready,
            "wait_for_ready": self.wait_for_ready,
            "no application retries": self.retries == "grpc",
            "sustained retries": not self.failures_harm,
            "no ejection": not self.ejection,
            "no hedging": not self.hedging,
            "jitter": self._jitter_shows and (self.retries == "grpc" or self.jitter != JITTER),
            "growing backoff": self.max_attempts > 2 and self.backoff(1) < self.backoff(2) < self.max_backoff,
            "deadline": self.call_timeout > 0,
            "one deadline": self.per_try_timeout == 0,
            "streams end": not self.streams.reopens,
            "stream deadline": self.streams.timeout > 0,
        }[promise]


@dataclass(frozen=True)
class Budgets:
    """How many seconds things may take: the promises, plus the environment's slack and the promised overhead."""

    promises: Promises
    slack: float

    @property
    def lag(self) -> float:
        """*Promise.* How late the median of many short waits may be: a sixth of the environment's slack."""
        return (self.slack - self.promises.overhead) / 6

    @property
    def deadline(self) -> tuple[float, float]:
        """
        *Promise.* The fewest and the most seconds after which an unanswered call ends.

        With a per-try timeout it may end when the first attempt does, or when the last one does.
        """
        return self.promises.attempt_timeout - TIMER, self.promises.call_timeout + self.slack

    @property
    def fail_fast(self) -> float:
        """*Promise.* A call that finds no replica fails once its retries are exhausted, regardless of its deadline."""
        return self.promises.longest_backoffs + self.slack

    @property
    def unserved(self) -> float:
        """*Promise.* A call that finds no replica has failed then: fast, or at its deadline if it waits for one."""
        return self.deadline[1] if self.promises.wait_for_ready else self.fail_fast

    @property
    def reply(self) -> float:
        """*Patience.* Without a reply after the promised deadline and twice the slack, the caller hangs up."""
        endless = self.promises.longest_backoffs + UNBOUNDED
        return (self.promises.call_timeout or endless) + self.promises.start_within + 2 * self.slack

    @property
    def first_call(self) -> float:
        """*Promise.* How many seconds more than others the first calls of a gateway may take, as code is still cold."""
        return self.promises.start_within

    def held(self, seconds: float) -> int:
        """
        *Choice.* Return the milliseconds for which a replica is to hold a call: `seconds`, or less if it would end.

        A call that is cut once is held twice, with a backoff in between. If `seconds` fit three times into an attempt's
        time, and into what that backoff leaves of the deadline, a third remains for a busy machine; otherwise a fifth
        of that time is chosen, so that three fifths remain.
        """
        whole = self.promises.call_timeout or math.inf
        backoff = self.promises.waits(1)[1] if self.promises.has("retries") else 0.0
        left = min(self.promises.attempt_timeout or math.inf, whole - backoff)
        return max(1, int(1000 * (seconds if 3 * seconds <= left else left / 5)))

    def lasting(self, held: int) -> float:
        """*Patience.* Return the seconds that a call lasts which is held so many milliseconds, and may be cut once."""
        return 2 * held / 1000 + self.promises.waits(1)[1] + self.slack

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
