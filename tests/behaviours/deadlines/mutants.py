"""Calls that wait when they should fail, fail when they should wait, or do not propagate their deadline."""

import copy

from services.gateway.channel import SERVICE_CONFIG
from tests.harness.subject.mutant import Mutant, config
from tests.harness.subject.service_configs import Config

HASTE = 2.5
"""
Seconds: a timeout in the service config. C-core's timer fires up to 2 s early: a shorter one would fail every call.

grpc-js treats the digits after the point as nanoseconds: half a second tells that from a late reply.
"""


def _calls(**settings: object) -> Config:
    """Return the reference's service config with these settings for each call."""
    changed = copy.deepcopy(SERVICE_CONFIG)
    changed["methodConfig"][0].update(settings)
    return changed


WAITING_CONFIG = _calls(waitForReady=True)
HASTY_CONFIG = _calls(timeout=f"{HASTE}s")
PATIENT_CONFIG = _calls(timeout="60s")

LOCAL_DEADLINE = Mutant(
    "local_deadline",
    "cancels calls with a local timer and sends no deadline",
    gateway="local_deadline",
    cause="deadline_not_sent",
)
FAILS_FAST = Mutant(
    "fails_fast",
    "its calls never wait for a ready replica",
    variables={"WAIT_FOR_READY": "false"},
    cause="fails_fast",
)
CONFIG_FAILS_FAST = Mutant(
    "config_fails_fast",
    "waitForReady is misspelt in its service config, which gRPC silently ignores",
    variables=config(
        lambda config, _: config["methodConfig"][0].update(
            wait_for_ready=config["methodConfig"][0].pop("waitForReady")
        ),
        base=WAITING_CONFIG,
    ),
    base=WAITING_CONFIG,
    cause="fails_fast",
)
CONFIG_WITHOUT_TIMEOUT = Mutant(
    "config_without_timeout",
    "its service config has no timeout",
    variables=config(lambda config, _: config["methodConfig"][0].pop("timeout"), base=HASTY_CONFIG),
    base=HASTY_CONFIG,
    cause="config_timeout",
)
FORGETS_FAILURES = Mutant(
    "forgets_failures",
    "its calls wait as soon as a lost replica is redialled, as clients did before gRFC A62",
    gateway="forgets_failures",
    cause="no_sticky_transient_failure",
)
