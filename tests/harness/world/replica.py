"""
The replicas of every environment: the same verbs, recorded the same way, on top of what each driver can do.

A verb returns the monotonic time at which it was *seen* to have taken effect, and raises InconclusiveError if that is
not seen: a fault that was only requested proves nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Generic, Protocol, TypeVar, runtime_checkable

from tests.harness.world.eventually import reached
from tests.harness.world.fence import PATIENCE, next_fence
from tests.harness.world.ledger import Ledger
from tests.harness.world.ledgers import Witness
from tests.harness.world.timeline import Verb
from tests.harness.world.verdict import InconclusiveError

SERVING = "SERVING"
HEALTH_CHANGED = "health"
"""The ledger event of a change in the health that its replica reports."""


@runtime_checkable
class Replica(Witness, Protocol):
    """One running copy of the order service, as a behaviour sees it."""

    @property
    def address(self) -> str:
        """Where it serves, "ip:port"."""

    def stop(self) -> float:
        """SIGTERM: it drains and exits."""

    def kill(self) -> float:
        """SIGKILL: it exits, with everything it was doing."""

    def pause(self) -> float:
        """Freeze it: the kernel still accepts and acknowledges, but nothing answers."""

    def resume(self) -> float:
        """Unfreeze it."""

    def say_health(self, status: str) -> float:
        """Have it report this status of its order service to everyone who watches its health; it serves as before."""

    def start(self, *, moved: bool = False, **variables: str) -> float:
        """
        Start it again, ready for calls, with these variables in addition to the environment's.

        At its old address; with `moved` at a new one, which the name server then lists instead of the old.
        """


class ReplicaEnvironment(Protocol):
    """What the verbs of a replica need from its environment."""

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway was disturbed."""


class DrivenReplica(ABC):
    """
    A replica whose recorded verbs build on what its driver can do: the methods that begin with `do_`.

    `reported_health` is the status that it reports now, `variables` are those that it was started with.
    """

    name: str
    ledger: Ledger
    reported_health: str = SERVING
    variables: Mapping[str, str]
    _environment: ReplicaEnvironment

    @property
    @abstractmethod
    def address(self) -> str:
        """Where the gateway reaches it."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether it is running."""

    def __repr__(self) -> str:
        """Show the name and the address."""
        return f"<{self.name} {self.address}>"

    # The verbs

    def stop(self) -> float:
        """SIGTERM: it drains and exits."""
        with self._environment.disturb("stop", self.name) as verb:
            return verb.confirmed(self.do_stop())

    def kill(self) -> float:
        """SIGKILL."""
        with self._environment.disturb("kill", self.name) as verb:
            return verb.confirmed(self.do_kill())

    def pause(self) -> float:
        """Freeze it: the kernel still accepts and acknowledges, but nothing answers; it stays listed."""
        with self._environment.disturb("pause", self.name) as verb:
            return verb.confirmed(self.do_pause())

    def resume(self) -> float:
        """Unfreeze it."""
        with self._environment.disturb("resume", self.name) as verb:
            return verb.confirmed(self.do_resume())

    def start(self, *, moved: bool = False, **variables: str) -> float:
        """Start it and wait until it is ready, and listed if it moved."""
        with self._environment.disturb("start", self.name, moved=moved, **variables) as verb:
            if self.running:
                raise InconclusiveError(f"{self.name} cannot be started: it is already running")
            return verb.confirmed(self.do_start({**self._environment.replica_variables, **variables}, moved=moved))

    def say_health(self, status: str) -> float:
        """
        Have it report this status of its order service from now on to everyone who watches; it serves as before.

        Returns when its ledger recorded it. Raises InconclusiveError if that is not seen.
        """
        with self._environment.disturb("say health", self.name, status=status) as verb:
            before = self._health_changes()
            self.place(f"{next_fence()}~OK:health={status}")
            self.reported_health = status
            what = f"{self.name} reports {status}"
            return verb.confirmed(reached(lambda: self._health_changes() > before, within=PATIENCE, what=what))

    def _health_changes(self) -> int:
        return sum(event["event"] == HEALTH_CHANGED for event in self.ledger.events())

    # What a driver can do; each method returns when its effect was seen

    @abstractmethod
    def do_stop(self) -> float:
        """Stop it with SIGTERM. Raises InconclusiveError if it did not exit by itself."""

    @abstractmethod
    def do_kill(self) -> float:
        """Kill it with SIGKILL."""

    @abstractmethod
    def do_pause(self) -> float:
        """Freeze it."""

    @abstractmethod
    def do_resume(self) -> float:
        """Unfreeze it."""

    @abstractmethod
    def do_start(self, variables: Mapping[str, str], *, moved: bool) -> float:
        """Start it with these variables, at a new address if moved, and wait until it is ready and listed."""

    @abstractmethod
    def place(self, order_id: str) -> None:
        """Place an order straight at it, and return once it is answered."""


Instance = TypeVar("Instance")
"""A container or pod, which runs once: a restart makes a new one, with its own variables and address."""


class ReplicaOfInstances(DrivenReplica, Generic[Instance]):
    """A replica that keeps its name and its ledger when its container or pod is replaced."""

    _instance: Instance | None = None

    @property
    def instance(self) -> Instance:
        """Its current container or pod, or its last one. Raises InconclusiveError if there was none."""
        if self._instance is None:
            raise InconclusiveError(f"{self.name} was never started")
        return self._instance

    def detach_instance(self) -> Instance | None:
        """Detach from its container or pod, in any state, and return it for the caller to remove."""
        instance, self._instance = self._instance, None
        return instance


def report_all_serving(replicas: Iterable[DrivenReplica]) -> None:
    """Have every replica report SERVING."""
    for replica in replicas:
        if replica.reported_health != SERVING:
            replica.say_health(SERVING)
