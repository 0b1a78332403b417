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

ENDED, SERVES = "ended", "serving"
"""The ledger events with which a supervisor records that it ended its service, and a service that it serves."""

SUPERVISOR = ("python", "-m", "services.order.supervisor")
"""The command of a container whose service can be ended and started while the container lives on."""

CHANGED_WITHIN = 20.0
"""*Patience.* Seconds in which a service that was killed, or drains, has ended, or one that was started serves."""


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

    `reported_health` is the status that it reports now, `variables` are those that it was started with, `plans` the
    fault plans that it was sent since, and `plan` that of calls which carry nothing.
    """

    name: str
    ledger: Ledger
    reported_health: str = SERVING
    plans: set[str]
    plan: str
    variables: Mapping[str, str]
    _environment: ReplicaEnvironment

    @property
    @abstractmethod
    def address(self) -> str:
        """Where the gateway reaches it."""

    @property
    def straight(self) -> str:
        """Where the suite itself calls it: over TLS its server listens in plaintext at the next port."""
        host, _, port = self.address.rpartition(":")
        return f"{host}:{int(port) + 1}" if self.variables.get("TLS") else self.address

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether it is running."""

    @property
    def reachable(self) -> bool:
        """Whether an order that is placed straight at it would be answered now."""
        return self.running

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

        With `WATCHES_END` it reports what it did, and every open watch fails. Returns when its ledger recorded it.
        Raises InconclusiveError if that is not seen.
        """
        with self._environment.disturb("say health", self.name, status=status) as verb:
            before = self._recorded(HEALTH_CHANGED)
            self.place(f"{next_fence()}~OK:health={status}")
            self.reported_health = status
            what = f"{self.name} reports {status}"
            return verb.confirmed(reached(lambda: self._recorded(HEALTH_CHANGED) > before, within=PATIENCE, what=what))

    def _begin(self, variables: Mapping[str, str]) -> None:
        """Take note of a new process: it has these variables, reports that it serves, and knows no plan."""
        self.variables, self.reported_health, self.plans = variables, SERVING, set()
        self.plan = ""

    def _recorded(self, kind: str) -> int:
        return sum(event["event"] == kind for event in self.ledger.events())

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


class InstanceEnvironment(ReplicaEnvironment, Protocol):
    """What the verbs of a replica in a container or pod need from its environment."""

    records_stay: bool


class ReplicaOfInstances(DrivenReplica, Generic[Instance]):
    """
    A replica that keeps its name and its ledger when its container or pod is replaced.

    Where records stay, it is its service that ends and starts, while the container or pod lives on: so its name and its
    address stay too, and the address refuses connections.
    """

    _environment: InstanceEnvironment
    _instance: Instance | None = None
    _down = False  # whether its service has been ended, and the container or pod lives on

    def do_stop(self) -> float:
        """SIGTERM, to the service alone where records stay."""
        return self._end_service("SIGUSR2") if self._environment.records_stay else self.do_stop_instance()

    def do_kill(self) -> float:
        """SIGKILL, to the service alone where records stay."""
        return self._end_service("SIGUSR1") if self._environment.records_stay else self.do_kill_instance()

    def do_start(self, variables: Mapping[str, str], *, moved: bool) -> float:
        """Start its service again where records stay, and it neither moves nor has other variables; or a new one."""
        stays = self._down and not moved
        return self.start_service(variables) if stays else self.do_start_instance(variables, moved=moved)

    def start_service(self, variables: Mapping[str, str]) -> float:
        """
        Start the service in a living container or pod; return when it was seen to serve.

        Raises InconclusiveError for other variables than it had: those of a container are fixed.
        """
        if dict(variables) != dict(self.variables):
            raise InconclusiveError(f"{self.name} cannot have other variables in a container that lives on")
        serves = self._signalled("SIGHUP", SERVES)
        self._begin(variables)
        return serves

    def _begin(self, variables: Mapping[str, str]) -> None:
        """Take note of a new service, in a new container or pod or in the same one."""
        super()._begin(variables)
        self._down = False

    def _end_service(self, signal: str) -> float:
        """End the service, and read its ledger to its end; return when that was seen."""
        self._down = True
        return self._signalled(signal, ENDED)

    def _signalled(self, signal: str, event: str) -> float:
        """Send its supervisor a signal; return when the ledger was seen to record the effect."""
        before = self._recorded(event)
        self.signal_supervisor(signal)
        what = f"{self.name} records: {event}"
        return reached(lambda: self._recorded(event) > before, within=CHANGED_WITHIN, what=what)

    @abstractmethod
    def signal_supervisor(self, signal: str) -> None:
        """Send this signal to the supervisor of its service."""

    @abstractmethod
    def do_stop_instance(self) -> float:
        """Stop its container or pod with SIGTERM. Raises InconclusiveError if it did not exit by itself."""

    @abstractmethod
    def do_kill_instance(self) -> float:
        """Kill its container or pod with SIGKILL."""

    @abstractmethod
    def do_start_instance(self, variables: Mapping[str, str], *, moved: bool) -> float:
        """Replace its container or pod, at a new address if moved, and wait until it is ready and listed."""

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
