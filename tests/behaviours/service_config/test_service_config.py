"""A service config applies as written: the first supported policy, the most specific name, all of it or nothing."""

import pytest

from tests.behaviours.service_config import causes
from tests.behaviours.service_config.mutants import (
    BOTH_KEYS,
    BY_METHOD,
    BY_SERVICE,
    DEFAULT_POLICY_WINS,
    HALF_CONFIG,
    INVALID,
    LAST_POLICY,
    METHOD_NOT_READ,
    MISSPELT_POLICY,
    NO_OLDER_KEY,
    OF_OTHERS,
    OLDER_KEY,
    OLDER_KEY_WINS,
    SERVICE_POLICY_LOSES,
    SNAKE_CASE_RETRY,
    UNKNOWN_FIELDS,
    UNKNOWN_POLICY_FIRST,
)
from tests.harness.behaviour import (
    Budgets,
    Environment,
    Measured,
    Orders,
    Promises,
    eventually,
    explained_by,
    turn_faults,
    written,
)

pytestmark = pytest.mark.extended

ROUNDS = 10


@pytest.mark.claims("SC-01", "F04", source="gRFC A24; grpc-proto service_config.proto, loadBalancingConfig")
@pytest.mark.catches(LAST_POLICY)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(UNKNOWN_POLICY_FIRST))
def test_the_first_supported_policy_is_used(
    orders: Orders, names: list[str], promises: Promises, measured: Measured
) -> None:
    """With an unknown policy, then round_robin, then pick_first listed, the gateway balances by round_robin."""
    block = orders.place(ROUNDS * len(names))
    measured(f"{len(block.replies)} calls {block.tally}", bound="in turn")

    assert not turn_faults(block, names, promises)


@pytest.mark.claims("SC-02", "F04", "F46", source="gRFC A21, Criteria")
@pytest.mark.catches(MISSPELT_POLICY, SNAKE_CASE_RETRY)
@explained_by(causes.less_specific_name)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(UNKNOWN_FIELDS))
def test_unknown_service_config_fields_are_ignored(
    orders: Orders, names: list[str], promises: Promises, measured: Measured
) -> None:
    """Unknown fields, at any place of the service config, change nothing: the known ones are in force."""
    block, failed = orders.place(ROUNDS * len(names)), orders.place(3, plan="UNAVAILABLE")
    made = [len(trail) for trail in failed.trails]
    measured(f"{len(block.replies)} calls {block.tally}; attempts {made}", bound="in turn; 2 each")

    assert not turn_faults(block, names, promises)
    assert made == [2, 2, 2]


def served_by_the_rest(orders: Orders, names: list[str], promises: Promises, budgets: Budgets) -> list[str]:
    """
    Return what shows that calls are served by the valid rest of the config; [] if the local one is fully in force.

    Raises AssertionError if calls are not spread.
    """
    if not orders.place(3).attempts:
        return []
    for look in eventually(within=budgets.reconnect, what="every replica gets calls"):
        with look:
            missing = set(names) - set(orders.place(len(names)).tally.counts)
            assert not missing, "it applies the valid rest of an invalid service config"
    made = [len(trail) for trail in orders.place(3, plan="UNAVAILABLE").trails]
    return [f"calls make {made} attempts, and {promises.max_attempts} are promised"] * (
        set(made) != {promises.max_attempts}
    )


@pytest.mark.claims("SC-03", "F47", source="gRFC A21; gRFC A6, Validation of retryPolicy")
@pytest.mark.catches(HALF_CONFIG)
@explained_by(causes.partly_applied)
@pytest.mark.promised("round_robin", "retries")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(BY_METHOD))
@pytest.mark.settles_when_served
def test_an_invalid_service_config_is_rejected_as_a_whole(
    orders: Orders,
    environment: Environment,
    names: list[str],
    promises: Promises,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """
    With one invalid value in the service config, the gateway serves no calls by the rest of it.

    It may refuse to start, fail every call, or continue with its own service config, as long as that applies in full.
    """
    refused = environment.gateway_given(GRPC_SERVICE_CONFIG=written(INVALID))
    measured(refused.rpartition("\n")[2] or "it starts", bound="no calls served by the rest of the config")
    complaints = [] if refused else served_by_the_rest(orders, names, promises, budgets)

    assert not complaints


@pytest.mark.claims("SC-04", source="grpc-proto service_config.proto, MethodConfig.name")
@pytest.mark.catches(DEFAULT_POLICY_WINS)
@explained_by(causes.less_specific_name)
@pytest.mark.promised("no application retries", "no hedging")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(BY_METHOD))
def test_a_method_level_retry_policy_wins(orders: Orders, measured: Measured) -> None:
    """Of three retry policies, for the method, its service and every method, that of the method applies."""
    made = [len(trail) for trail in orders.place(3, plan="UNAVAILABLE").trails]
    measured(f"attempts {made}", bound="2 each")

    assert made == [2, 2, 2]


@pytest.mark.claims("SC-04", source="grpc-proto service_config.proto, MethodConfig.name")
@pytest.mark.catches(SERVICE_POLICY_LOSES)
@explained_by(causes.less_specific_name)
@pytest.mark.promised("no application retries", "no hedging")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(BY_SERVICE))
def test_a_service_level_retry_policy_wins_over_the_default(orders: Orders, measured: Measured) -> None:
    """Without a retry policy for the method, that of its service applies, not that of every method."""
    made = [len(trail) for trail in orders.place(3, plan="UNAVAILABLE").trails]
    measured(f"attempts {made}", bound="4 each")

    assert made == [4, 4, 4]


@pytest.mark.claims("RT-25", "F46", source="grpc-proto service_config.proto, MethodConfig.name; gRFC A6")
@pytest.mark.catches(METHOD_NOT_READ)
@explained_by(causes.less_specific_name)
@pytest.mark.promised("no application retries", "no hedging")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(OF_OTHERS))
@pytest.mark.vacuous_without("retries")
def test_a_retry_policy_for_another_method_is_not_applied(orders: Orders, measured: Measured) -> None:
    """With retry policies only for another method and for another service, calls are not retried."""
    made = [len(trail) for trail in orders.place(3, plan="UNAVAILABLE").trails]
    measured(f"attempts {made}", bound="1 each")

    assert made == [1, 1, 1]


@pytest.mark.claims("SC-05", source="gRFC A24; grpc-proto service_config.proto, loadBalancingPolicy")
@pytest.mark.catches(NO_OLDER_KEY)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(OLDER_KEY))
def test_the_deprecated_load_balancing_policy_key_is_honoured(
    orders: Orders, names: list[str], promises: Promises, measured: Measured
) -> None:
    """With round_robin in the deprecated loadBalancingPolicy key, the gateway balances by round_robin."""
    block = orders.place(ROUNDS * len(names))
    measured(f"{len(block.replies)} calls {block.tally}", bound="in turn")

    assert not turn_faults(block, names, promises)


@pytest.mark.claims("SC-05", source="gRFC A24; grpc-proto service_config.proto, loadBalancingPolicy")
@pytest.mark.catches(OLDER_KEY_WINS)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(BOTH_KEYS))
def test_load_balancing_config_wins_over_load_balancing_policy(
    orders: Orders, names: list[str], promises: Promises, measured: Measured
) -> None:
    """With round_robin in loadBalancingConfig and pick_first in loadBalancingPolicy, round_robin is in force."""
    block = orders.place(ROUNDS * len(names))
    measured(f"{len(block.replies)} calls {block.tally}", bound="in turn")

    assert not turn_faults(block, names, promises)
