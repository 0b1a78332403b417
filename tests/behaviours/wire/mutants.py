"""Wrong answers to what comes over a connection, and a world that cuts calls when connections age."""

from tests.harness.subject.mutant import Mutant, config

NO_TRANSPARENT_RETRY = Mutant(
    "no_transparent_retry",
    "has all retries switched off in its channel, those of calls that nobody looked at included",
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
    "tries again in its own code whatever a call failed with",
    gateway="retries_all_by_hand",
    cause="application_retry",
)

SHEDS_LOAD = Mutant(
    "sheds_load",
    "fails calls itself while four others are under way",
    gateway="sheds_load",
    cause="own_concurrency_limit",
)
SHORT_AGE_GRACE = Mutant(
    "short_age_grace",
    "a world in which replicas cut the calls under way 10 ms after the age of their connection",
    replicas={"MAX_CONNECTION_AGE_GRACE_MS": "10"},
    cause="short_connection_age_grace",
)
