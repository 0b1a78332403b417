"""One order service on Compose: a container that is found by the name of its service."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import requests

from tests.compose.container import Container, Launch, Project
from tests.harness.world.eventually import reached
from tests.harness.world.fence import place_fence, place_straight
from tests.harness.world.ledger import Ledger, Whose
from tests.harness.world.replica import SUPERVISOR, ReplicaOfInstances
from tests.harness.world.timeline import Verb
from tests.harness.world.verdict import InconclusiveError

SERVICE = "order-service"
GRPC_PORT = 5000
HTTP_PORT = 4000

ADDRESS = "GRPC_ADDRESS"
"""The variable of an order service with the address at which it listens."""

READY = 20.0
"""*Patience.* Seconds that an order service may take to become ready."""


class ComposeReplicaEnvironment(Protocol):
    """What a replica needs from its environment."""

    project: Project
    records_stay: bool

    @property
    def whose(self) -> Whose:
        """What returns each attempt of a ledger with the id of its call."""

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    @property
    def replica_names(self) -> Sequence[str]:
        """The names under which every order service is listed."""

    def replica_files(self) -> Mapping[str, bytes]:
        """Return the files of every order service, by their paths."""

    def next_number(self) -> int:
        """Return a unique number for a container."""

    def occupy(self, ip: str) -> None:
        """Occupy this address, if it is free, so that nothing else gets it."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway was disturbed."""


class ComposeReplica(ReplicaOfInstances[Container]):
    """A replica whose verbs are Docker's; its name server no longer lists it once its container exits."""

    _environment: ComposeReplicaEnvironment

    def __init__(self, name: str, environment: ComposeReplicaEnvironment) -> None:
        self.name = name
        self.ledger = Ledger(environment.project.folder / f"{name}.out", environment.whose)
        self._begin({})
        self._unreachable = False  # frozen, or without a network
        self._environment = environment

    @property
    def _port(self) -> int:
        return int(self.variables.get(ADDRESS, f":{GRPC_PORT}").rpartition(":")[2])

    @property
    def address(self) -> str:
        """Where the gateway reaches it."""
        return f"{self.instance.ip}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether its service is running, and so its container."""
        return self._instance is not None and self._instance.running and not self._down

    @property
    def reachable(self) -> bool:
        """Whether it is running and reachable."""
        return self.running and not self._unreachable

    def do_stop_instance(self) -> float:
        """SIGTERM."""
        return self.instance.stop()

    def do_kill_instance(self) -> float:
        """SIGKILL."""
        return self.instance.kill()

    def signal_supervisor(self, signal: str) -> None:
        """Send it to the container's first process."""
        self.instance.signal(signal)

    def do_pause(self) -> float:
        """Freeze the container."""
        self._unreachable = True
        return self.instance.pause()

    def do_resume(self) -> float:
        """Unfreeze the container."""
        resumed = self.instance.resume()
        self._unreachable = False
        return resumed

    def do_disconnect(self) -> float:
        """Disconnect its network: it keeps running, all packets are dropped, and it is no longer listed."""
        self._unreachable = True
        return self.instance.disconnect()

    def do_start_instance(self, variables: Mapping[str, str], *, moved: bool) -> float:
        """
        Start a container and wait until it is ready, at a new address if moved. Docker lists it by itself.

        One that lives on without its service is removed once the new one is ready, so that its name never lists less.
        """
        before, lives_on = self.instance, self._down
        if lives_on:
            return self._start_beside(before, variables)
        before.remove()
        if moved:
            self._environment.occupy(before.ip)
        self.launch(variables)
        if moved and self.instance.ip == before.ip:
            raise InconclusiveError(f"{self.name} was to move to a new address, but Docker gave it {before.ip} again")
        return self.wait_until_ready()

    def _start_beside(self, before: Container, variables: Mapping[str, str]) -> float:
        """Start a container at a new address while the last one keeps its own, and remove that."""
        self.launch(variables)
        self.wait_until_ready()
        before.remove()
        return time.monotonic()

    def launch(self, variables: Mapping[str, str]) -> None:
        """Start a new container without waiting for it; an earlier one is left alone."""
        environment = self._environment
        own = {"INSTANCE_ID": self.name, ADDRESS: f"0.0.0.0:{GRPC_PORT}", "HTTP_ADDRESS": f"0.0.0.0:{HTTP_PORT}"}
        number = environment.next_number()
        launch = Launch(
            SERVICE,
            self.name,
            number,
            {**own, **variables},
            listed=environment.replica_names,
            instead=SUPERVISOR,
            files=environment.replica_files(),
        )
        self._instance = Container(environment.project, launch)
        self._begin(variables)
        self._unreachable = False

    def wait_until_ready(self) -> float:
        """Wait for /readyz and return when it succeeded."""

        def _ready() -> bool:
            if not self.running:
                raise InconclusiveError(self.instance.last_words())
            try:
                return requests.get(f"http://{self.instance.ip}:{HTTP_PORT}/readyz", timeout=1.0).ok
            except requests.RequestException:
                return False

        return reached(_ready, within=READY, what=f"{self.name} is ready")

    def place(self, order_id: str) -> None:
        """Place an order straight at it."""
        place_straight(self.straight, order_id)

    def fence(self) -> None:
        """Read the ledger up to now. Raises InconclusiveError if a fence does not appear in it."""
        if self.reachable:  # after its exit everything is written, and its output was read to the end
            place_fence(self.ledger, self.straight, self.name)

    def connections(self) -> int:
        """Return how many established connections lead to its order service."""
        return self.instance.connections(self._port)
