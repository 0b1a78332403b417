"""
The service configs that behaviours ask for beside the reference's own: equal ones share a gateway.

Keys and defaults are those of grpc-proto's service_config.proto; mutants are changes of the same configs.
"""

import copy
import json
from typing import Any

from services.gateway.channel import SERVICE_CONFIG

Config = dict[str, Any]


def balanced_by(policy: str, /, **settings: object) -> Config:
    """Return the reference's service config with another load-balancing policy of these settings."""
    return {**copy.deepcopy(SERVICE_CONFIG), "loadBalancingConfig": [{policy: settings}]}


def retried(**changes: object) -> Config:
    """Return the reference's service config with these fields of its retry policy changed."""
    changed = copy.deepcopy(SERVICE_CONFIG)
    changed["methodConfig"][0]["retryPolicy"].update(changes)
    return changed


def throttled(max_tokens: int, token_ratio: float) -> Config:
    """Return the reference's service config with at most two attempts, and with retry throttling."""
    return {**retried(maxAttempts=2), "retryThrottling": {"maxTokens": max_tokens, "tokenRatio": token_ratio}}


def without_policy() -> Config:
    """Return the reference's service config without any load-balancing policy."""
    return {key: value for key, value in copy.deepcopy(SERVICE_CONFIG).items() if key != "loadBalancingConfig"}


def checked(service: str) -> Config:
    """Return the reference's service config with client-side health checking (gRFC A17) under this name."""
    return {**copy.deepcopy(SERVICE_CONFIG), "healthCheckConfig": {"serviceName": service}}


def written(config: Config) -> str:
    """Return it as `GRPC_SERVICE_CONFIG` has it."""
    return json.dumps(config)


def policy_of(text: str) -> str:
    """
    Return the load-balancing policy that a service config asks for first: pick_first where it names none.

    "" for a text that is no service config. The older key counts where the newer one is absent, as gRPC has it.
    """
    try:
        config = json.loads(text)
        listed = config.get("loadBalancingConfig") or [{config.get("loadBalancingPolicy", "pick_first").lower(): {}}]
        return str(next(iter(listed[0])))
    except (ValueError, AttributeError, TypeError, LookupError, StopIteration):
        return ""
