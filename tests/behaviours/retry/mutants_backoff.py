"""Retry backoffs of another shape: without jitter, without growth, with too much of it, without a maximum."""

from tests.harness.subject.mutant import Mutant, config
from tests.harness.subject.service_configs import Config, retried

CAPPED_BACKOFF: Config = retried(initialBackoff="0.05s", backoffMultiplier=10, maxBackoff="0.1s")

NO_RETRY_JITTER = Mutant(
    "no_retry_jitter",
    "retries after exactly its backoff, without jitter",
    gateway="no_retry_jitter",
    cause="no_retry_jitter",
)
CONSTANT_BACKOFF = Mutant(
    "constant_backoff",
    "waits twice its first backoff before each retry, so that no single wait is too long",
    gateway="constant_backoff",
    cause="constant_backoff",
)
TRIPLE_BACKOFF = Mutant(
    "triple_backoff",
    "waits three times as long before each further retry",
    variables=config(lambda _, retry: retry.update(backoffMultiplier=3)),
    cause="steep_backoff",
)
UNCAPPED_BACKOFF = Mutant(
    "uncapped_backoff",
    "lets its backoff grow beyond the configured maximum",
    variables=config(lambda _, retry: retry.update(maxBackoff="10s"), base=CAPPED_BACKOFF),
    base=CAPPED_BACKOFF,
    cause="backoff_not_capped",
)
WIDE_JITTER = Mutant(
    "wide_jitter",
    "retries after its backoff, give or take half of it",
    gateway="wide_jitter",
    cause="wide_jitter",
)
SLOW_GROWTH = Mutant(
    "slow_growth",
    "waits 1.4 times as long before each further retry",
    variables=config(lambda _, retry: retry.update(backoffMultiplier=1.4)),
    cause="slow_backoff_growth",
)
