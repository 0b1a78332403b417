"""Retry policies that are read differently than written."""

from tests.harness.subject.mutant import Mutant

DROPS_POLICIES = Mutant(
    "drops_policies",
    "silently drops an invalid retry policy",
    gateway="drops_policies",
    cause="partly_applied_config",
)
DROPS_CODES = Mutant(
    "drops_codes",
    "silently drops retryable codes that are not in upper case",
    gateway="drops_codes",
    cause="no_retry_policy",
)
