"""
The positive controls: gateways that are right and unlike most, each declared by what it promises.

A behaviour names those that it might accuse with `@pytest.mark.acquits(…)` and then runs against each of them too,
where it must hold. A gateway that needs more than configuration is an application in the same `controls*.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.harness.subject.call import Call
from tests.harness.subject.features import OPTIONAL
from tests.harness.subject.fronts import Front
from tests.harness.subject.service import Service
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant

COMMAND = ("python", "-m", "tests.behaviours.unusual")


@dataclass(frozen=True)
class Control:
    """
    One way to be right.

    `right` continues "a gateway that". `gateway` names an application of a `controls*.py`, "" for the reference
    gateway; `command` starts it in another way; `call` and `service` are its own, if it is in front of another service;
    `tls` is the mode in which it speaks TLS to that. `variables` are set for it. `promises`, `unsupported`,
    `supported`, `stream` and `ready` are what its subject file would contain; what `promises` leaves out is promised as
    by the reference gateway, which a control without a program of its own is.
    """

    name: str
    right: str
    gateway: str = ""
    command: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    promises: Mapping[str, Any] = field(default_factory=dict)
    unsupported: tuple[str, ...] = ()
    supported: tuple[str, ...] = ()
    ready: str = ""
    call: Front | None = None
    stream: Call | None = None
    service: Service | None = None
    tls: str = ""

    def subject(self, reference: Subject) -> Subject:
        """Return the black box that is judged instead of the reference gateway."""
        command = (*COMMAND, self.gateway) if self.gateway else reference.command
        inherited = OPTIONAL - reference.unsupported if command == reference.command and not self.command else ()
        return replace(
            reference,
            name=self.name,
            tier=1,
            command=self.command or command,
            image="",
            environment={**reference.environment, **self.variables},
            promises=replace(reference.promises, **self.promises),
            unsupported=frozenset(self.unsupported) | (OPTIONAL - {*self.supported, *inherited}),
            known_failures={},
            ready=self.ready,
            call=self.call,
            stream=self.stream,
            service=self.service,
            backend=replace(reference.backend, tls=self.tls or reference.backend.tls),
        )

    def variant(self, reference: Subject) -> Variant:
        """Return what runs instead of the reference gateway."""
        return Variant(self.subject(reference))
