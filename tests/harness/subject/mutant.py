"""
The mutants: the reference gateway, or the world around it, wrong in exactly one named way.

A behaviour names the mutants it catches with `@pytest.mark.catches(…)` and then runs against each of them as well,
where it must raise AssertionError. Anything that needs more than configuration is a separate gateway in gateways.py,
never a switch in the reference gateway.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from services.gateway.channel import SERVICE_CONFIG
from tests.harness.subject.fronts import Front
from tests.harness.subject.service import Service
from tests.harness.subject.service_configs import Config, written
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant

Target = Literal["all", "one", "subset", "weighted", "relayed", "cached", "frozen", "unready_too", "service_port"]


GATEWAYS = ("python", "-m", "tests.behaviours.gateways")

EVERYWHERE = ("loopback", "compose", "kind")
"""For mutants that need configuration alone; outside loopback a few of these are enough."""


@dataclass(frozen=True)
class Mutant:
    """
    One way to be wrong.

    `gateway` names a gateway of gateways.py, "" for the reference gateway. `variables` are set for it, `replicas` for
    the order services. `target` is what it is pointed at: "all" addresses of the name, "one" of them, all but one
    ("subset"), "weighted" (the first twice), "relayed" (sidecars that choose the replica), "cached" (the addresses at
    its start), "unready_too" (also those that are not ready), a "frozen" list instead of a name, or all at the
    "service_port", which is not the replicas'. `shows_with` are the parameters of a behaviour under which the mutant
    can be detected at all; `environments` are those in which it exists.

    `base` is the service config that the mutant changes, if it is one: the one that its behaviours request.

    `cause` is the true one, by its name in a causes.toml, which a run must name. Mutants that leave the same evidence
    have the same cause. `like` are causes that cannot be told apart from it where the name server is not ours, so
    everywhere but on loopback: there, and only there, naming all of them together is right too.

    `tls` is the mode in which it speaks TLS to its service, no matter what the behaviour is about.

    `through` is the command that starts it, given its gateway's name, if it is in front of another service; `call` and
    `service` are its own then.
    """

    name: str
    wrong: str
    gateway: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    replicas: Mapping[str, str] = field(default_factory=dict)
    target: Target = "all"
    shows_with: Mapping[str, str] = field(default_factory=dict)
    environments: Sequence[str] = ("loopback",)
    base: Mapping[str, Any] = field(default_factory=lambda: SERVICE_CONFIG)
    cause: str = ""
    like: Sequence[str] = ()
    through: tuple[str, ...] = ()
    call: Front | None = None
    service: Service | None = None
    tls: str = ""

    def rightly_named(self, suspects: Sequence[str], environment: str, alike: Sequence[str] = ()) -> bool:
        """
        Say whether these are the causes that the evidence in this environment can name.

        Its true one alone; or with those that are `alike`, between which not every behaviour can decide.
        """
        unseen = environment != "loopback" and set(suspects) == {self.cause, *self.like}
        return unseen or (self.cause in suspects and set(suspects) <= {self.cause, *alike})

    def variant(self, reference: Subject) -> Variant:
        """Return what runs instead of the reference gateway."""
        own = (*self.through, self.gateway or "right") if self.through else (*GATEWAYS, self.gateway)
        subject = replace(
            reference,
            name=self.name,
            command=own if self.gateway or self.through else reference.command,
            call=self.call,
            service=self.service,
            backend=replace(reference.backend, tls=self.tls or reference.backend.tls),
            environment={**reference.environment, **self.variables},
        )
        return Variant(subject, self.target, self.replicas, self.variables)


def config(
    change: Callable[[Config, dict[str, Any]], object], base: Mapping[str, Any] = SERVICE_CONFIG
) -> dict[str, str]:
    """Return GRPC_SERVICE_CONFIG with a service config, after `change(config, retry_policy)`."""
    changed = copy.deepcopy(dict(base))
    change(changed, changed["methodConfig"][0]["retryPolicy"])
    return {"GRPC_SERVICE_CONFIG": written(changed)}


def policy_settings(base: Mapping[str, Any], *within: str, **settings: object) -> dict[str, str]:
    """Return GRPC_SERVICE_CONFIG with these settings changed in the policy of `base`, or `within` a part of it."""

    def _change(changed: Config, _: dict[str, Any]) -> None:
        (policy,) = changed["loadBalancingConfig"]
        (place,) = policy.values()
        for name in within:
            place = place[name]
        place.update(settings)

    return config(_change, base)


def round_robin(base: Mapping[str, Any]) -> dict[str, str]:
    """Return GRPC_SERVICE_CONFIG with round_robin instead of the policy of `base`, or where it has none."""

    def _change(changed: Config, _: dict[str, Any]) -> None:
        (policy,) = changed.get("loadBalancingConfig", [{"pick_first": {}}])
        changed["loadBalancingConfig"] = [{"round_robin": settings} for settings in policy.values()]

    return config(_change, base)
