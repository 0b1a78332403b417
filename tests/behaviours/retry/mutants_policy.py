"""Retry policies that are read in another way than they are written."""

from tests.harness.subject.mutant import Mutant

DROPS_POLICIES = Mutant(
    "drops_policies",
    "leaves out, in silence, a retry policy that is invalid",
    gateway="drops_policies",
    cause="partly_applied_config",
)
DROPS_CODES = Mutant(
    "drops_codes",
    "leaves out, in silence, retryable codes that are not written in upper case",
    gateway="drops_codes",
    cause="no_retry_policy",
)
