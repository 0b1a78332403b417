"""Retries beyond their limits: the limit of the library, server pushback, a switch, a buffer."""

from tests.harness.subject.mutant import Mutant, config
from tests.harness.subject.service_configs import Config, retried

TEN_ATTEMPTS: Config = retried(maxAttempts=10, initialBackoff="0.05s", backoffMultiplier=1)

STEEP_BACKOFF: Config = retried(initialBackoff="0.2s", backoffMultiplier=4)

MILLISECOND_BACKOFF: Config = retried(initialBackoff="0.001s", maxBackoff="0.001s")

UNLIMITED_ATTEMPTS = Mutant(
    "unlimited_attempts",
    "makes as many attempts as the service config sets, however many",
    gateway="unlimited_attempts",
    cause="limit_raised",
)
IGNORES_PUSHBACK = Mutant(
    "ignores_pushback",
    "ignores server pushback and waits its own backoff",
    gateway="ignores_pushback",
    cause="pushback_ignored",
)
BACKOFF_KEEPS_GROWING = Mutant(
    "backoff_keeps_growing",
    "lets its backoff keep growing after a pushback",
    gateway="backoff_keeps_growing",
    cause="backoff_not_restarted",
)
PUSHBACK_FOR_ANY_CODE = Mutant(
    "pushback_for_any_code",
    "retries every failure that carries a pushback, regardless of its code",
    gateway="pushback_for_any_code",
    cause="pushback_retries_any_code",
)
RETRIES_STAY_ON = Mutant(
    "retries_stay_on",
    "keeps retrying when retries are switched off",
    variables={"ENABLE_RETRIES": "true"},
    cause="retry_switch_ignored",
)
LARGE_RETRY_BUFFER = Mutant(
    "large_retry_buffer",
    "has a retry buffer of 256 KiB although a smaller one is configured",
    variables={"RETRY_BUFFER_BYTES": str(256 * 1024)},
    cause="retry_buffer_limit_ignored",
)
NO_RETRY_WITHIN_A_MILLISECOND = Mutant(
    "no_retry_within_a_millisecond",
    "drops a retry policy whose backoff is a millisecond",
    variables=config(lambda config, _: config.pop("methodConfig"), base=MILLISECOND_BACKOFF),
    base=MILLISECOND_BACKOFF,
    cause="no_retry_policy",
)
