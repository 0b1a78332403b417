"""
One service config for a run, ready to paste: what fixes all of its causes, and what is promised already.

The fix of a cause is a fragment, and of two that are pasted one after the other, a policy and retries, the second one
replaces the first. Here they are one, for the judged service, with the subject's promises filled in.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.causes.settings import CAUSES, SETTINGS, fitting, language_key
from tests.harness.subject.promises import Promises
from tests.harness.subject.service_configs import METHOD, SERVICE, Config

ORDERS = f"{SERVICE}/{METHOD}"
"""The method that is judged if the subject file names no other."""

WITHOUT = ("rust",)
"""The languages whose library has no service config."""

_IN_CONFIG = {
    "weighted_round_robin": "weighted_round_robin",
    "ring_hash": "ring_hash_experimental",
    "least_request": "least_request_experimental",
}
"""The policies with settings that no promise tells, and their names in a service config (gRFC A42, A48, A58)."""

OTHERS = "your entries of methodConfig for other methods: they are not judged"


@dataclass(frozen=True)
class OneConfig:
    """
    A service config that fixes these causes, and `how` it is set in the subject's language.

    `keep` is what a service config may have in addition, which no promise tells: it has to be kept by hand.
    """

    config: Config
    fixes: Sequence[str]
    how: str
    keep: Sequence[str]


def one_config(suspects: Sequence[str], promises: Promises, language: str, method: str | None) -> OneConfig | None:
    """
    Return the service config that fixes all of these causes, None if none of them is fixed by one.

    `method` is the judged one, as in "inventory.v2.Inventory/Reserve", "" for the order service's, None if every
    method is judged.
    """
    fixed = [name for name in dict.fromkeys(suspects) if CAUSES[name].config]
    if not fixed or language_key(language) in WITHOUT:
        return None
    members = {CAUSES[name].config for name in fixed}
    service = None if method is None else (method or ORDERS).partition("/")[0]
    config: Config = {"loadBalancingConfig": [{_IN_CONFIG.get(promises.policy, promises.policy): {}}]}
    settings = dict(_of_methods(members, promises))
    if settings:
        config["methodConfig"] = [{"name": [{} if service is None else {"service": service}], **settings}]
    if "healthCheckConfig" in members:
        config["healthCheckConfig"] = {"serviceName": service or ""}
    how = "\n".join(fitting(SETTINGS["service_config"], language))
    return OneConfig(config, fixed, how, list(_kept(promises)))


def _of_methods(members: set[str], promises: Promises) -> Iterator[tuple[str, Any]]:
    """Yield the settings of the judged method: what is promised of it, and what fixes a cause."""
    if promises.wait_for_ready:
        yield "waitForReady", True
    if "timeout" in members and promises.call_timeout:
        yield "timeout", _duration(promises.call_timeout)
    if promises.retries == "grpc" and promises.retryable_codes and promises.max_attempts > 1 and not promises.hedging:
        yield (
            "retryPolicy",
            {
                "maxAttempts": promises.max_attempts,
                "initialBackoff": _duration(promises.initial_backoff),
                "maxBackoff": _duration(promises.max_backoff),
                "backoffMultiplier": promises.backoff_multiplier,
                "retryableStatusCodes": list(promises.retryable_codes),
            },
        )


def _kept(promises: Promises) -> Iterator[str]:
    """Yield what a subject with these promises may have in its service config that they do not tell."""
    if promises.retry_throttling:
        yield "your retryThrottling: it is promised, and its numbers are not"
    if promises.hedging:
        yield "your hedgingPolicy: it is promised, and its numbers are not"
    if promises.policy in _IN_CONFIG:
        yield f"the settings of {promises.policy}: they are not promised"
    yield OTHERS


def _duration(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def written(config: Mapping[str, Any], *, pretty: bool = False) -> str:
    """Return a service config as JSON, in one line or in several; whole numbers without a decimal point."""
    return json.dumps(_whole(config), indent=2 if pretty else None)


def _whole(value: Any) -> Any:  # noqa: ANN401, JSON of every kind
    """Return the same JSON with 2 instead of 2.0, as every library reads it."""
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
