"""Service configs that are read differently than written: the wrong policy of several, half of one, none."""

from typing import Any

from services.gateway.channel import SERVICE_CONFIG
from tests.harness.subject.mutant import Mutant, config
from tests.harness.subject.service_configs import SERVICE, UNKNOWN_POLICY, Config, retried, without_policy


def _attempts(count: int, **name: str) -> dict[str, Any]:
    """Return the methodConfig of a name: UNAVAILABLE is retried almost immediately, up to so many attempts."""
    retry = {**SERVICE_CONFIG["methodConfig"][0]["retryPolicy"], "maxAttempts": count}
    return {"name": [name], "retryPolicy": {**retry, "initialBackoff": "0.02s", "maxBackoff": "0.02s"}}


def _named(*methods: dict[str, Any]) -> Config:
    return {"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": list(methods)}


# No number of attempts is the promised one, so that each identifies the policy in force.

BY_METHOD: Config = _named(
    _attempts(4, service=SERVICE), _attempts(2, service=SERVICE, method="GetOrder"), _attempts(5)
)
BY_SERVICE: Config = _named(_attempts(5), _attempts(4, service=SERVICE), _attempts(2, service=SERVICE, method="Other"))
OF_OTHERS: Config = _named(_attempts(4, service=SERVICE, method="Other"), _attempts(5, service="order.OtherService"))

UNKNOWN_POLICY_FIRST: Config = {
    **SERVICE_CONFIG,
    "loadBalancingConfig": [{UNKNOWN_POLICY: {}}, {"round_robin": {}}, {"pick_first": {}}],
}
OLDER_KEY: Config = {"loadBalancingPolicy": "round_robin", **without_policy()}
BOTH_KEYS: Config = {"loadBalancingPolicy": "pick_first", **SERVICE_CONFIG}

UNKNOWN_FIELDS: Config = {
    "noSuchField": {"a": [1]},
    "loadBalancingConfig": [{"round_robin": {"noSuchField": 1}}],
    "methodConfig": [
        {
            **_attempts(2, service=SERVICE),
            "noSuchField": "b",
            "retryPolicy": {**_attempts(2)["retryPolicy"], "noSuchField": True},
        }
    ],
}
INVALID: Config = {**retried(maxAttempts=1), "loadBalancingConfig": [{"pick_first": {}}]}
"""Invalid, as gRFC A6 rejects a retry policy of fewer than two attempts. The rest of the config is valid."""

LAST_POLICY = Mutant(
    "last_policy",
    "uses the last load-balancing policy that it supports instead of the first",
    variables=config(lambda config, _: config["loadBalancingConfig"].pop(1), base=UNKNOWN_POLICY_FIRST),
    base=UNKNOWN_POLICY_FIRST,
    cause="pick_first",
)
NO_OLDER_KEY = Mutant(
    "no_older_key",
    "ignores loadBalancingPolicy",
    variables=config(lambda config, _: config.pop("loadBalancingPolicy"), base=OLDER_KEY),
    base=OLDER_KEY,
    cause="pick_first",
)
OLDER_KEY_WINS = Mutant(
    "older_key_wins",
    "prefers loadBalancingPolicy to loadBalancingConfig",
    variables=config(lambda config, _: config.pop("loadBalancingConfig"), base=BOTH_KEYS),
    base=BOTH_KEYS,
    cause="pick_first",
)
MISSPELT_POLICY = Mutant(
    "misspelt_policy",
    "its loadBalancingConfig is misspelt by one letter, and ignored like any unknown field",
    variables=config(
        lambda config, _: config.update(loadBalancingConfigs=config.pop("loadBalancingConfig")), base=UNKNOWN_FIELDS
    ),
    base=UNKNOWN_FIELDS,
    cause="pick_first",
)
SNAKE_CASE_RETRY = Mutant(
    "snake_case_retry",
    "its retry policy is spelt retry_policy, and ignored like any unknown field",
    variables=config(
        lambda config, _: config["methodConfig"][0].update(retry_policy=config["methodConfig"][0].pop("retryPolicy")),
        base=UNKNOWN_FIELDS,
    ),
    base=UNKNOWN_FIELDS,
    cause="no_retry_policy",
)
HALF_CONFIG = Mutant(
    "half_config",
    "drops the invalid part of a service config and applies the rest",
    variables=config(lambda config, _: config.pop("methodConfig"), base=INVALID),
    base=INVALID,
    cause="partly_applied_config",
)
DEFAULT_POLICY_WINS = Mutant(
    "default_policy_wins",
    "applies the default retry policy although another one names the method",
    variables=config(lambda config, _: config.update(methodConfig=config["methodConfig"][2:]), base=BY_METHOD),
    base=BY_METHOD,
    cause="less_specific_name",
)
SERVICE_POLICY_LOSES = Mutant(
    "service_policy_loses",
    "applies the default retry policy although another one names the service",
    variables=config(lambda config, _: config["methodConfig"].pop(1), base=BY_SERVICE),
    base=BY_SERVICE,
    cause="less_specific_name",
)
METHOD_NOT_READ = Mutant(
    "method_not_read",
    "applies a retry policy that names another method of the same service",
    variables=config(lambda config, _: config["methodConfig"][0]["name"][0].pop("method"), base=OF_OTHERS),
    base=OF_OTHERS,
    cause="less_specific_name",
)
