"""
What every environment can do: a gateway in front of order-service replicas, and the verbs that hurt them.

The same verb means the same thing everywhere. A verb returns the monotonic time at which it was *seen* to have
taken hold, and raises InconclusiveError if that is not seen: a fault that was only asked for proves nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.harness.ledger import Attempt
from tests.harness.subject import Subject

Measured = Callable[[str], None]
"""Says in a few words what a behaviour measured; the table shows it whatever the verdict."""


class Replica(Protocol):
    """One running copy of the order service."""

    @property
    def name(self) -> str:
        """What it calls itself in every answer."""

    @property
    def address(self) -> str:
        """Where the gateway reaches it, as ip:port."""

    def stop(self) -> float:
        """SIGTERM: it drains and exits."""

    def kill(self) -> float:
        """SIGKILL: it is gone, with whatever it was doing."""

    def pause(self) -> float:
        """Freeze it: the kernel still accepts and acknowledges, nobody answers."""

    def resume(self) -> float:
        """Let it run on."""

    def start(self, *, moved: bool = False, **variables: str) -> float:
        """
        Start it again, ready for calls, with these variables on top of the environment's.

        At its old address; with `moved` at a new one, which then stands in the name server instead of the old.
        """


@dataclass(frozen=True)
class Variant:
    """
    What runs: a subject, or the reference gateway wrong in one way.

    `target` is the world that the gateway is pointed at (see `Mutant.target`), `replica_variables` those of every
    order service.
    """

    subject: Subject
    target: str = "all"
    replica_variables: Mapping[str, str] = field(default_factory=dict)


class Environment(Protocol):
    """A running system under judgement."""

    @property
    def replicas(self) -> Sequence[Replica]:
        """The replicas that the name server lists, in the order of their names."""

    @property
    def unseen(self) -> set[str]:
        """The replicas that answered no order when a fresh gateway had its time to settle."""

    @property
    def gateway_url(self) -> str:
        """Where orders are placed."""

    def become(self, variant: Variant) -> None:
        """Make this variant what the next `restore` brings up."""

    def restore(self, gateway_variables: Mapping[str, str]) -> None:
        """
        Bring everything back to the full, ready, even state, with a fresh gateway where the last one has seen harm.

        Raises InconclusiveError if that state is not reached.
        """

    def fresh_gateway(self) -> float:
        """Replace the gateway by a new process that has served no call yet; return when it listened."""

    def scale(self, count: int) -> float:
        """Run `count` replicas; a new one is ready before the name server lists it."""

    def replace(self, old: Replica) -> float:
        """Start a replica at a new address, list it instead of `old`, then stop `old`; return when that was gone."""

    def restart_replicas(self, *, moved: bool = False, **variables: str) -> float:
        """Kill all replicas, start them with these variables, at new addresses if moved; return when all are ready."""

    def attempts(self, since: float) -> list[Attempt]:
        """Every attempt that the ledgers hold since a monotonic time, read whole behind fences."""

    def check_gateway(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if the gateway has ended by itself."""
