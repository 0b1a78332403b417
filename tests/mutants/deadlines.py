"""Calls that wait when they should fail, fail when they should wait, or keep their deadline to themselves."""

import copy

from services.gateway.channel import SERVICE_CONFIG
from tests.harness.service_configs import Config
from tests.mutants.mutant import Mutant, config


def _waiting() -> Config:
    waiting = copy.deepcopy(SERVICE_CONFIG)
    waiting["methodConfig"][0]["waitForReady"] = True
    return waiting


WAITING_CONFIG = _waiting()
"""The reference's service config, with calls that wait for a ready replica."""

LOCAL_DEADLINE = Mutant(
    "local_deadline",
    "gives calls up by a clock of its own, and tells no replica of a deadline",
    gateway="local_deadline",
    cause="deadline_not_sent",
)
FAILS_FAST = Mutant(
    "fails_fast",
    "its calls never wait for a replica",
    variables={"WAIT_FOR_READY": "false"},
    cause="fails_fast",
)
CONFIG_FAILS_FAST = Mutant(
    "config_fails_fast",
    "waitForReady is misspelt in its service config, which gRPC ignores without a word",
    variables=config(
        lambda config, _: config["methodConfig"][0].update(
            wait_for_ready=config["methodConfig"][0].pop("waitForReady")
        ),
        base=WAITING_CONFIG,
    ),
    base=WAITING_CONFIG,
    cause="fails_fast",
)
