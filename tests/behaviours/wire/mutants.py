"""HTTP/2 frames handled wrongly, and a world that cuts calls when connections reach their max age."""

from tests.harness.subject.mutant import Mutant, config

NO_TRANSPARENT_RETRY = Mutant(
    "no_transparent_retry",
    "has all retries switched off in its channel, transparent retries included",
    variables={"ENABLE_RETRIES": "false"},
    cause="retries_disabled",
)
RETRIES_CANCELLED = Mutant(
    "retries_cancelled",
    "retries CANCELLED too",
    variables=config(lambda _, retry: retry["retryableStatusCodes"].append("CANCELLED")),
    cause="extra_retryable_code",
)
RETRIES_ALL_BY_HAND = Mutant(
    "retries_all_by_hand",
    "retries every failure in application code",
    gateway="retries_all_by_hand",
    cause="application_retry",
)

SHEDS_LOAD = Mutant(
    "sheds_load",
    "fails calls itself while four others are in flight",
    gateway="sheds_load",
    cause="own_concurrency_limit",
)
SHORT_AGE_GRACE = Mutant(
    "short_age_grace",
    "a world in which replicas cut calls in flight 10 ms after the max age of their connection",
    replicas={"MAX_CONNECTION_AGE_GRACE_MS": "10"},
    cause="short_connection_age_grace",
)
