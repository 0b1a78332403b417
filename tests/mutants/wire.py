"""Wrong answers to what comes over a connection."""

from tests.mutants.mutant import Mutant, config

NO_TRANSPARENT_RETRY = Mutant(
    "no_transparent_retry",
    "has all retries switched off in its channel, those of calls that nobody looked at included",
    gateway="no_transparent_retry",
    cause="retries_disabled",
)
RETRIES_CANCELLED = Mutant(
    "retries_cancelled",
    "retries CANCELLED too",
    variables=config(lambda _, retry: retry["retryableStatusCodes"].append("CANCELLED")),
    cause="code_listed",
)
RETRIES_ALL_BY_HAND = Mutant(
    "retries_all_by_hand",
    "tries again in its own code whatever a call failed with",
    gateway="retries_all_by_hand",
    cause="application_retry",
)
