"""
The mutants: the reference gateway, or the world around it, wrong in exactly one named way.

A behaviour names the mutants it catches with `@pytest.mark.catches(…)` and then runs against each of them as well,
where it must raise AssertionError. Whatever needs more than configuration is a gateway of its own in
mutant_gateways.py, never a switch in the reference gateway.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from services.gateway.channel import SERVICE_CONFIG
from tests.harness.environment import Variant
from tests.harness.promises import CODES
from tests.harness.subject import Subject

World = Literal["all", "one", "weighted", "frozen", "unready_too", "service_port"]


EVERYWHERE = ("loopback", "compose", "kind")
"""For what configuration alone makes wrong; elsewhere than on loopback a few of these are enough."""


@dataclass(frozen=True)
class Mutant:
    """
    One way to be wrong.

    `gateway` names a gateway of mutant_gateways.py, "" for the reference gateway; `variables` and `replicas` are set
    for it and for the order services; `target` is the world it is pointed at: "all" addresses of the name, "one"
    of them, "weighted" (the first twice), "unready_too" (those that are not ready as well), a "frozen" list instead
    of a name, or all at the "service_port", which is not the replicas'. `shows_with` are the parameters of
    a behaviour under which the mutant can be seen at all; `environments` are those in which it is made.

    `cause` is the true one, by its name in causes/causes.toml, which a run has to name. Mutants that leave the same
    evidence have the same cause. `like` are the causes that it cannot be told from where the name server is not ours,
    everywhere but on loopback: there, and only there, all of them together are right too.
    """

    name: str
    wrong: str
    gateway: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    replicas: Mapping[str, str] = field(default_factory=dict)
    target: World = "all"
    shows_with: Mapping[str, str] = field(default_factory=dict)
    environments: Sequence[str] = ("loopback",)
    cause: str = ""
    like: Sequence[str] = ()

    def rightly_named(self, suspects: Sequence[str], environment: str) -> bool:
        """Say whether these are the causes that the evidence of this environment can name."""
        unseen = environment != "loopback" and set(suspects) == {self.cause, *self.like}
        return tuple(suspects) == (self.cause,) or unseen

    def variant(self, reference: Subject) -> Variant:
        """Return what has to run instead of the reference gateway."""
        command = ("python", "-m", "tests.harness.mutant_gateways", self.gateway)
        subject = replace(
            reference,
            name=self.name,
            command=command if self.gateway else reference.command,
            environment={**reference.environment, **self.variables},
        )
        return Variant(subject, self.target, self.replicas)


def _config(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, str]:
    """Return GRPC_SERVICE_CONFIG with the reference's service config, after `change(config, retry_policy)`."""
    config = copy.deepcopy(SERVICE_CONFIG)
    change(config, config["methodConfig"][0]["retryPolicy"])
    return {"GRPC_SERVICE_CONFIG": json.dumps(config)}


# No balancing, or not the promised one.

PICK_FIRST = Mutant(
    "pick_first",
    "no load-balancing policy",
    variables=_config(lambda config, _: config.pop("loadBalancingConfig")),
    environments=EVERYWHERE,
    cause="pick_first",
    like=("one_address",),
)
POLICY_TYPO = Mutant(
    "policy_typo",
    "the policy's key is misspelt, which gRPC ignores without a word",
    variables=_config(lambda config, _: config.update(LoadBalancingConfig=config.pop("loadBalancingConfig"))),
    cause="pick_first",
)
ONE_ADDRESS = Mutant(
    "one_address",
    "the name resolves to one address, as a ClusterIP Service does",
    target="one",
    environments=("loopback", "compose"),
    cause="one_address",
    like=("pick_first",),
)
CLUSTER_IP = Mutant(
    "cluster_ip",
    "the name stands for a ClusterIP Service: one virtual address before all replicas",
    target="one",
    environments=("kind",),
    cause="one_address",
    like=("pick_first",),
)
UNREADY_TOO = Mutant(
    "unready_too",
    "the Service lists pods that are not ready as well (publishNotReadyAddresses)",
    target="unready_too",
    environments=("kind",),
    cause="unready_listed",
)
SERVICE_PORT = Mutant(
    "service_port",
    "dials the port of a headless Service instead of the replicas'",
    target="service_port",
    environments=("kind",),
    cause="wrong_port",
)
WEIGHTED = Mutant(
    "weighted",
    "one replica gets twice the share of the others",
    target="weighted",
    cause="duplicate_address",
)
RANDOM_PICKER = Mutant(
    "random_picker",
    "each call goes to a random replica",
    gateway="random_picker",
    cause="other_policy",
)
CHANNEL_PER_REQUEST = Mutant(
    "channel_per_request",
    "each request opens a channel",
    gateway="channel_per_request",
    cause="channel_per_request",
)
POOL_OF_PICK_FIRST = Mutant(
    "pool_of_pick_first",
    "four pick_first channels in turn, instead of one round_robin",
    gateway="pool_of_pick_first",
    cause="channel_pool",
)
STICKY_CALLER = Mutant(
    "sticky_caller",
    "each caller's connection is tied to one replica",
    gateway="sticky_caller",
    cause="tied_to_caller",
)
CHANNEL_PER_CALLER = Mutant(
    "channel_per_caller",
    "each caller's connection has a channel of its own",
    gateway="channel_per_caller",
    cause="channel_per_caller",
)
NAIVE_ROTATION = Mutant(
    "naive_rotation",
    "goes round the addresses by hand, whether or not they answer",
    gateway="naive_rotation",
    cause="unconnected_picked",
)
WAITS_FOR_ALL = Mutant(
    "waits_for_all",
    "serves nothing before all replicas are connected",
    gateway="waits_for_all",
    cause="waits_for_all",
)
LYING = Mutant(
    "lying",
    "makes served_by up",
    gateway="lying",
    cause="served_by_changed",
)
CALLS_TWICE = Mutant(
    "calls_twice",
    "makes each call twice",
    gateway="calls_twice",
    cause="called_twice",
)

# No discovery, or a slow one.

FROZEN_LIST = Mutant(
    "frozen_list",
    "has an address list instead of a name and never asks again",
    target="frozen",
    environments=EVERYWHERE,
    cause="address_list",
    like=("resolution_floor",),
)
SLOW_RESOLUTION = Mutant(
    "slow_resolution",
    "asks the name server at most every 300 s",
    variables={"DNS_MIN_RESOLUTION_INTERVAL_MS": "300000"},
    environments=("loopback", "compose"),  # on Kubernetes a frozen list stands for it: a pod takes seconds
    cause="resolution_floor",
    like=("address_list",),
)
SLOW_RECONNECT = Mutant(
    "slow_reconnect",
    "waits 60 s before it dials a lost replica again",
    variables={"INITIAL_RECONNECT_BACKOFF_MS": "60000", "MAX_RECONNECT_BACKOFF_MS": "60000"},
    cause="reconnect_backoff",
)
NO_KEEPALIVE = Mutant(
    "no_keepalive",
    "never asks a silent connection whether it is alive",
    variables={"KEEPALIVE_TIME_MS": "0"},
    environments=EVERYWHERE,
    cause="no_keepalive",
)
POLLING = Mutant(
    "polling",
    "asks the name server again and again, unasked",
    gateway="polling",
    cause="polling",
)
AGEING_CONNECTIONS = Mutant(
    "ageing_connections",
    "a world in which replicas end connections by age, so that the gateway has a reason to ask",
    replicas={"MAX_CONNECTION_AGE_MS": "300"},
    cause="connections_age",
)

# Wrong retries.

NO_RETRY = Mutant(
    "no_retry",
    "no retry policy",
    variables=_config(lambda config, _: config.pop("methodConfig")),
    environments=EVERYWHERE,
    cause="no_retry_policy",
)
RETRY_WRONG_SERVICE = Mutant(
    "retry_wrong_service",
    "the retry policy names a service that is not called, which gRPC ignores without a word",
    variables=_config(lambda config, _: config["methodConfig"][0].update(name=[{"service": "OrderService"}])),
    cause="no_retry_policy",
)
ONE_MORE = Mutant(
    "one_more",
    "one attempt more",
    variables=_config(lambda _, retry: retry.update(maxAttempts=4)),
    cause="more_attempts",
)
ONE_FEWER = Mutant(
    "one_fewer",
    "one attempt fewer",
    variables=_config(lambda _, retry: retry.update(maxAttempts=2)),
    cause="fewer_attempts",
)
NO_BACKOFF = Mutant(
    "no_backoff",
    "retries after 10 ms and then 20 ms",
    variables=_config(lambda _, retry: retry.update(initialBackoff="0.01s")),
    cause="short_backoff",
)
FIXED_BACKOFF = Mutant(
    "fixed_backoff",
    "its backoff does not grow",
    variables=_config(lambda _, retry: retry.update(backoffMultiplier=1)),
    cause="constant_backoff",
)
APPLICATION_RETRY = Mutant(
    "application_retry",
    "retries in its own code, not in gRPC's",
    gateway="application_retry",
    cause="application_retry",
)
PER_ATTEMPT_DEADLINE = Mutant(
    "per_attempt_deadline",
    "gives each attempt the whole deadline",
    gateway="per_attempt_deadline",
    cause="per_attempt_deadline",
)
NO_DEADLINE = Mutant(
    "no_deadline",
    "its calls have no deadline",
    variables={"CALL_TIMEOUT_MS": "0"},
    cause="no_deadline",
)
WAITS_FOR_READY = Mutant(
    "waits_for_ready",
    "its calls wait for a replica instead of failing",
    variables={"WAIT_FOR_READY": "true"},
    cause="wait_for_ready",
)
RELABELS_CODES = Mutant(
    "relabels_codes",
    "reports every failure as UNAVAILABLE",
    gateway="relabels_codes",
    cause="code_changed",
)


def _retries_too(*codes: str) -> dict[str, str]:
    return _config(lambda _, retry: retry["retryableStatusCodes"].extend(codes))


RETRIES_TOO = tuple(
    Mutant(
        f"retries_{code.lower()}",
        f"retries {code} too",
        variables=_retries_too(code),
        shows_with={"code": code},
        cause="code_listed",
        environments=EVERYWHERE if code == "ABORTED" else ("loopback",),
    )
    for code in ("ABORTED", "INTERNAL", "RESOURCE_EXHAUSTED", "UNKNOWN", "DEADLINE_EXCEEDED")
)
RETRIES_EVERYTHING = Mutant(
    "retries_everything",
    "retries every code",
    variables=_retries_too(*(code for code in CODES if code != "UNAVAILABLE")),
    cause="code_listed",
)

# A world that is wrong while the gateway is right: shows that the behaviour can fail.

ABRUPT_STOP = Mutant(
    "abrupt_stop",
    "a world in which replicas end on SIGTERM without draining",
    replicas={"DRAIN_GRACE_MS": "0"},
    environments=("loopback", "kind"),
    cause="not_drained",
)

ALL = tuple(
    mutant
    for value in list(globals().values())
    for mutant in (value if isinstance(value, tuple) else (value,))
    if isinstance(mutant, Mutant)
)
