"""What the modules of the loopback environment share: its addresses, and what they need from the environment."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tests.harness.subject.promises import Budgets
from tests.harness.subject.variant import Variant
from tests.harness.world.ledger import Whose
from tests.harness.world.timeline import Timeline, Verb
from tests.loopback.replica import LoopbackReplica

NAME = "order-service"

LAST_NUMBERS = range(2, 255)
"""Last octets of the addresses to hand out; .1 is the name server's, and the gateway's HTTP side."""


class AddressPool:
    """The addresses of a run, from 127.a.b.2 on; those that `taken` returns are in use."""

    def __init__(self, subnet: str, taken: Callable[[], set[str]]) -> None:
        self._subnet = subnet
        self._taken = taken
        self._last = itertools.cycle(LAST_NUMBERS)

    def new(self) -> str:
        """Return an unused address of this run, the least recently used one."""
        taken = self._taken()
        return next(ip for last in self._last if (ip := f"{self._subnet}.{last}") not in taken)


class CapabilityEnvironment(Protocol):
    """What a capability needs from its environment; `listed` are the replicas that the name server lists."""

    folder: Path
    timeline: Timeline
    addresses: AddressPool
    listed: list[LoopbackReplica]
    variant: Variant

    @property
    def name(self) -> str:
        """The environment's."""

    @property
    def tls(self) -> str:
        """The mode of TLS between gateway and replicas, "" for plaintext."""

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    @property
    def whose(self) -> Whose:
        """What returns each attempt of a ledger with the id of its call."""

    @property
    def budgets(self) -> Budgets:
        """How long things may take for the current subject."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway was disturbed."""


class AddressPublisher(Protocol):
    """The part of the name server that lists addresses."""

    def publish(self, *, first: Sequence[str] = (), also: Sequence[str] = (), instead: bool = False) -> float:
        """List addresses: those in `first`, the replicas' unless `instead`, those in `also`; return when."""

    def keep_order(self) -> None:
        """List addresses in the same order in every answer, until healed."""
