"""What a retry policy may contain, and what makes it invalid."""

from itertools import pairwise

import pytest

from tests.behaviours.distribution import causes as distribution_causes
from tests.behaviours.mutants import CALLS_TWICE
from tests.behaviours.retry import causes_missing, causes_policy
from tests.behaviours.retry.mutants_policy import DROPS_CODES, DROPS_POLICIES
from tests.behaviours.service_config import causes as service_config_causes
from tests.harness.behaviour import (
    TIMER,
    Environment,
    Measured,
    Orders,
    Promises,
    explained_by,
    hedged,
    retried,
    written,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("retries", "no application retries", "no hedging"),
    pytest.mark.settles_when_served,
]

configurable = pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(retried()))

INVALID = {"maxAttempts": 1, "initialBackoff": "100ms", "retryableStatusCodes": []}
"""Each of these alone makes a retry policy invalid; a valid duration is in seconds, "0.1s"."""

SPELLINGS = ("unavailable", 14)
"""UNAVAILABLE as a name in lower case, and as a number."""


HEDGING_DELAY = 0.1
"""Seconds from one hedged attempt to the next."""


def attempts(orders: Orders, environment: Environment, **policy: object) -> int:
    """Return how many attempts a failing call makes with a retry policy of these fields; 0 if it is rejected."""
    rejected = environment.gateway_given(GRPC_SERVICE_CONFIG=written(retried(**policy)))
    return 0 if rejected else len(orders.place(plan="UNAVAILABLE").attempts)


@pytest.mark.claims("RT-04", "F47", source="gRFC A6, Validation of retryPolicy; gRFC A21")
@pytest.mark.catches(DROPS_POLICIES)
@explained_by(service_config_causes.partly_applied)
@configurable
@pytest.mark.vacuous_without("retries")
def test_an_invalid_retry_policy_is_not_partially_applied(
    orders: Orders, environment: Environment, promises: Promises, measured: Measured
) -> None:
    """
    With one invalid field in the retry policy, the gateway serves no calls by the rest of it.

    It may refuse to start, fail every call, or continue with its own service config.
    """
    other = 4 if promises.max_attempts == 2 else 2
    made = {field: attempts(orders, environment, **{"maxAttempts": other, field: INVALID[field]}) for field in INVALID}
    measured(f"attempts {made}", bound=f"0 (rejected) or {promises.max_attempts}")

    assert set(made.values()) <= {0, promises.max_attempts}


@pytest.mark.claims("RT-01", "RT-04", "F47", source="gRFC A6, Retryable Status Codes")
@pytest.mark.catches(DROPS_CODES)
@explained_by(causes_policy.codes_refused, causes_missing.no_retry)
@configurable
def test_lowercase_and_numeric_retryable_codes_are_honoured(
    orders: Orders, environment: Environment, measured: Measured
) -> None:
    """A retry policy with a code in lower case, or as a number, is in force like any other."""
    made = {spelling: attempts(orders, environment, retryableStatusCodes=[spelling]) for spelling in SPELLINGS}
    measured(f"attempts {made}, 0 if the policy is rejected", bound="3 each")

    assert set(made.values()) == {3}


@pytest.mark.claims("RT-23", source="gRFC A6, Hedging Policy; gRPC C-core and grpc-go do not have it")
@pytest.mark.catches(CALLS_TWICE)
@explained_by(distribution_causes.called_twice)
@pytest.mark.feature("previous-attempts")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(hedged(maxAttempts=3, hedgingDelay=f"{HEDGING_DELAY}s")))
def test_a_hedging_policy_is_applied_in_full_or_ignored(orders: Orders, measured: Measured) -> None:
    """With a hedging policy, a slow call makes one attempt, or as many as configured, numbered and delayed."""
    block = orders.place(3, plan=f"OK:delay={HEDGING_DELAY * 4000:.0f}")
    numbers = [[attempt.previous_attempts or 0 for attempt in trail] for trail in block.trails]
    gaps = [later.arrived - earlier.arrived for trail in block.trails for earlier, later in pairwise(trail)]
    measured(
        f"attempts {[len(trail) for trail in numbers]}, at least {min(gaps, default=0.0):.2f} s apart",
        bound=f"1 each, or 3 each, {HEDGING_DELAY} s apart",
    )

    assert not block.failed
    assert numbers in ([[0]] * 3, [[0, 1, 2]] * 3)
    assert all(gap >= HEDGING_DELAY - TIMER for gap in gaps)
