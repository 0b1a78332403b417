"""
The replicas of every environment: the same verbs, recorded the same way, over what each driver can do.

A verb returns the monotonic time at which it was *seen* to have taken hold, and raises InconclusiveError if that is not
seen: a fault that was only asked for proves nothing.
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
"""What a ledger calls a change of what its replica says of its health."""


@runtime_checkable
class Replica(Witness, Protocol):
    """One running copy of the order service, as a behaviour sees it."""

    @property
    def address(self) -> str:
        """Where it serves, "ip:port"."""

    def stop(self) -> float:
        """SIGTERM: it drains and exits."""

    def kill(self) -> float:
        """SIGKILL: it is gone, with whatever it was doing."""

    def pause(self) -> float:
        """Freeze it: the kernel still accepts and acknowledges, nobody answers."""

    def resume(self) -> float:
        """Let it run on."""

    def say_health(self, status: str) -> float:
        """Have it report this status of its order service to everyone that watches its health; it serves as before."""

    def start(self, *, moved: bool = False, **variables: str) -> float:
        """
        Start it again, ready for calls, with these variables on top of the environment's.

        At its old address; with `moved` at a new one, which then stands in the name server instead of the old.
        """


class ReplicaEnvironment(Protocol):
    """What the verbs of a replica need of its environment."""

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway has seen harm."""


class DrivenReplica(ABC):
    """
    A replica whose recorded verbs are made of what its driver can do: the methods that begin with `do_`.

    `said` is the health that it reports by now, `variables` those that it was started with.
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
        """Whether it lives."""

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
        """Freeze it: the kernel still accepts and acknowledges, nobody answers; it stays listed."""
        with self._environment.disturb("pause", self.name) as verb:
            return verb.confirmed(self.do_pause())

    def resume(self) -> float:
        """Let it run on."""
        with self._environment.disturb("resume", self.name) as verb:
            return verb.confirmed(self.do_resume())

    def start(self, *, moved: bool = False, **variables: str) -> float:
        """Start it and wait until it is ready, and listed if it moved."""
        with self._environment.disturb("start", self.name, moved=moved, **variables) as verb:
            if self.running:
                raise InconclusiveError(f"{self.name} was to be started and is running already")
            return verb.confirmed(self.do_start({**self._environment.replica_variables, **variables}, moved=moved))

    def say_health(self, status: str) -> float:
        """
        Have it report this status of its order service from now on to everyone that watches; it serves as before.

        Returns when its ledger had it. Raises InconclusiveError if that is not seen.
        """
        with self._environment.disturb("say health", self.name, status=status) as verb:
            before = self._health_changes()
            self.place(f"{next_fence()}~OK:health={status}")
            self.reported_health = status
            what = f"{self.name} reports {status}"
            return verb.confirmed(reached(lambda: self._health_changes() > before, within=PATIENCE, what=what))

    def _health_changes(self) -> int:
        return sum(event["event"] == HEALTH_CHANGED for event in self.ledger.events())

    # What a driver can do; each returns when that was seen

    @abstractmethod
    def do_stop(self) -> float:
        """End it by SIGTERM. Raises InconclusiveError if it did not end by itself."""

    @abstractmethod
    def do_kill(self) -> float:
        """End it by SIGKILL."""

    @abstractmethod
    def do_pause(self) -> float:
        """Freeze it."""

    @abstractmethod
    def do_resume(self) -> float:
        """Thaw it."""

    @abstractmethod
    def do_start(self, variables: Mapping[str, str], *, moved: bool) -> float:
        """Start it with these variables, at a new address if moved, and wait until it is ready and listed."""

    @abstractmethod
    def place(self, order_id: str) -> None:
        """Place an order straight at it, and return when that is answered."""


Instance = TypeVar("Instance")
"""What lives once: what is started again is another one, with variables and an address of its own."""


class ReplicaOfInstances(DrivenReplica, Generic[Instance]):
    """A replica that keeps its name and its ledger when its container or pod is another one."""

    _instance: Instance | None = None

    @property
    def instance(self) -> Instance:
        """Its present container or pod, or its last one. Raises InconclusiveError if there was none."""
        if self._instance is None:
            raise InconclusiveError(f"{self.name} was never started")
        return self._instance

    def detach_instance(self) -> Instance | None:
        """Part from its container or pod, whatever that does, and return it for the caller to remove."""
        instance, self._instance = self._instance, None
        return instance


def report_all_serving(replicas: Iterable[DrivenReplica]) -> None:
    """Have those that report anything else report SERVING."""
    for replica in replicas:
        if replica.reported_health != SERVING:
            replica.say_health(SERVING)
