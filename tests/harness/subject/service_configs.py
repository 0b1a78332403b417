"""
The service configs that behaviours request in addition to the reference's own: equal ones share a gateway.

Keys and defaults are those of grpc-proto's service_config.proto; mutants are changes of the same configs.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.gateway.channel import SERVICE_CONFIG

Config = dict[str, Any]

SERVICE, METHOD = "order.OrderService", "GetOrder"
"""The method that serves an order."""

_NAMES = re.compile(r"\b(?:order\.OrderService|GetOrder)\b")

TEXT_PREFIX = "grpc_config="
"""The prefix of a TXT record that holds a service config; any other record holds none (gRFC A2)."""

UNKNOWN_POLICY = "no_such_policy"
"""A policy that no library has: the next one in its list is used (gRFC A24)."""


def balanced_by(policy: str, /, **settings: object) -> Config:
    """Return the reference's service config with this load-balancing policy and these settings."""
    return {**copy.deepcopy(SERVICE_CONFIG), "loadBalancingConfig": [{policy: settings}]}


def retried(**changes: object) -> Config:
    """Return the reference's service config with these fields of its retry policy changed."""
    changed = copy.deepcopy(SERVICE_CONFIG)
    changed["methodConfig"][0]["retryPolicy"].update(changes)
    return changed


def hedged(**policy: object) -> Config:
    """Return the reference's service config with a hedging policy instead of its retry policy."""
    changed = copy.deepcopy(SERVICE_CONFIG)
    del changed["methodConfig"][0]["retryPolicy"]
    changed["methodConfig"][0]["hedgingPolicy"] = policy
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


def scaled(connections: int) -> Config:
    """Return the reference's service config with up to this many connections to each address (gRFC A105)."""
    scaling = {"maxConnectionsPerSubchannel": connections}
    return {**copy.deepcopy(SERVICE_CONFIG), "connectionScaling": scaling}


def about_method(text: str, method: str) -> str:
    """
    Return a text, a service config or words about one, with this method in place of the order service's.

    `method` is as in "inventory.v2.Inventory/Reserve"; with "" nothing changes.
    """
    service, _, name = method.partition("/")
    names = {SERVICE: service, METHOD: name}
    return _NAMES.sub(lambda found: names[found[0]], text) if method else text


def written(config: Config) -> str:
    """Return it as JSON, for `GRPC_SERVICE_CONFIG`."""
    return json.dumps(config)


def text_record(*choices: Mapping[str, Any]) -> str:
    """Return a TXT record with these choices of a service config (gRFC A2, "Service Config Changes")."""
    return f"{TEXT_PREFIX}{json.dumps(choices)}"


def seconds(duration: str | float) -> float:
    """Return the seconds of a duration as service configs write it, "0.5s"."""
    return float(str(duration).removesuffix("s"))


def policy_of(text: str) -> str:
    """
    Return the first load-balancing policy in a service config that exists: pick_first if it names none.

    "" for text that is not a service config. The deprecated key counts if the newer one is absent, as in gRPC.
    """
    try:
        config = json.loads(text)
        listed = config.get("loadBalancingConfig") or [{config.get("loadBalancingPolicy", "pick_first").lower(): {}}]
        return str(next(name for name, *_ in listed if name != UNKNOWN_POLICY))
    except (ValueError, AttributeError, TypeError, LookupError, StopIteration):
        return ""


def policies(config: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, str], int]]:
    """Yield each name in a service config with the attempts of its retry policy, 1 if it has none."""
    for method in config.get("methodConfig", []):
        for name in method.get("name", []):
            yield name, method.get("retryPolicy", {}).get("maxAttempts", 1)


def _rank(name: Mapping[str, str]) -> int:
    """Return how well a name matches the method that is called: from 0, not at all, to 3, service and method."""
    if not name.get("service"):
        return 1
    if name["service"] != SERVICE or name.get("method", METHOD) != METHOD:
        return 0
    return 3 if "method" in name else 2


def max_connections_of(text: str) -> int:
    """Return how many connections to one address a service config allows (gRFC A105); 1 by default."""
    try:
        return int(json.loads(text)["connectionScaling"]["maxConnectionsPerSubchannel"])
    except (ValueError, TypeError, LookupError):
        return 1


def attempts_of(text: str) -> int:
    """Return how many attempts a service config allows for an order, by its most specific name; at least 1."""
    try:
        matching = [(_rank(name), attempts) for name, attempts in policies(json.loads(text)) if _rank(name)]
    except (ValueError, AttributeError, TypeError):
        return 1
    return max(matching, default=(0, 1))[1]
