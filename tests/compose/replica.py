"""One order service on Compose: a container that is found by the name of its service."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

import requests

from tests.compose.container import Container, Project
from tests.harness.world.eventually import reached
from tests.harness.world.fence import place_fence, place_straight
from tests.harness.world.health import SERVING, SaysHealth
from tests.harness.world.ledger import Ledger
from tests.harness.world.timeline import Verb
from tests.harness.world.verdict import InconclusiveError

SERVICE = "order-service"
GRPC_PORT = 5000
HTTP_PORT = 4000

READY = 20.0
"""*Patience.* Seconds that an order service may take to become ready."""


class World(Protocol):
    """What a replica needs of its environment."""

    project: Project

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    def next_number(self) -> int:
        """Return a number for a container; no two have the same."""

    def occupy(self, ip: str) -> None:
        """Take this address, if it is free, so that nothing else gets it."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway has seen harm."""


class ComposeReplica(SaysHealth):
    """A replica whose verbs are docker's; it keeps its name and its ledger when its container is another one."""

    _world: World

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.ledger = Ledger(world.project.folder / f"{name}.out")
        self.variables: Mapping[str, str] = {}
        self._unreachable = False  # frozen, or without a network
        self._world = world
        self._container: Container | None = None

    def __repr__(self) -> str:
        """Show the name and the address."""
        return f"<{self.name} {self.address}>"

    @property
    def container(self) -> Container:
        """Its present container, or its last one. Raises InconclusiveError if there was none."""
        if self._container is None:
            raise InconclusiveError(f"{self.name} was never started")
        return self._container

    @property
    def address(self) -> str:
        """Where the gateway reaches it."""
        return f"{self.container.ip}:{GRPC_PORT}"

    @property
    def running(self) -> bool:
        """Whether its container lives."""
        return self._container is not None and self._container.running

    @property
    def serving(self) -> bool:
        """Whether it runs and can be reached."""
        return self.running and not self._unreachable

    def stop(self) -> float:
        """SIGTERM: it drains and exits. Docker's name server forgets it at once."""
        with self._world.disturb("stop", self.name) as asked:
            return asked.confirmed(self.container.stop())

    def kill(self) -> float:
        """SIGKILL. Docker's name server forgets it at once."""
        with self._world.disturb("kill", self.name) as asked:
            return asked.confirmed(self.container.kill())

    def pause(self) -> float:
        """Freeze it: the kernel still accepts and acknowledges, nobody answers; it stays listed."""
        with self._world.disturb("pause", self.name) as asked:
            self._unreachable = True
            return asked.confirmed(self.container.pause())

    def resume(self) -> float:
        """Let it run on."""
        with self._world.disturb("resume", self.name) as asked:
            resumed = self.container.resume()
            self._unreachable = False
            return asked.confirmed(resumed)

    def disconnect(self) -> float:
        """Take its network away: it runs, its packets and those to it vanish, and its name is forgotten."""
        with self._world.disturb("disconnect", self.name) as asked:
            self._unreachable = True
            return asked.confirmed(self.container.disconnect())

    def start(self, *, moved: bool = False, **variables: str) -> float:
        """Start it again and wait until it is ready, at another address if it moved. Docker lists it by itself."""
        with self._world.disturb("start", self.name, moved=moved, **variables) as asked:
            before = self.container
            if before.running:
                raise InconclusiveError(f"{self.name} was to be started and is running already")
            before.remove()
            if moved:
                self._world.occupy(before.ip)
            self.launch({**self._world.replica_variables, **variables})
            if moved and self.container.ip == before.ip:
                raise InconclusiveError(f"{self.name} was to return elsewhere, and Docker gave it {before.ip} again")
            return asked.confirmed(self.wait_until_ready())

    def leave_container(self) -> Container | None:
        """Part from its container, whatever that does, and return it for the caller to remove."""
        container, self._container = self._container, None
        return container

    def launch(self, variables: Mapping[str, str]) -> None:
        """Start a new container and do not wait for it; one before it is left as it is."""
        world = self._world
        own = {"INSTANCE_ID": self.name, "GRPC_ADDRESS": f"0.0.0.0:{GRPC_PORT}", "HTTP_ADDRESS": f"0.0.0.0:{HTTP_PORT}"}
        self._container = Container(
            world.project, SERVICE, self.name, world.next_number(), {**own, **variables}, listed=True
        )
        self.variables, self.said, self._unreachable = variables, SERVING, False

    def wait_until_ready(self) -> float:
        """Wait for /readyz and return when it said yes."""

        def _ready() -> bool:
            if not self.running:
                raise InconclusiveError(self.container.last_words())
            try:
                return requests.get(f"http://{self.container.ip}:{HTTP_PORT}/readyz", timeout=1.0).ok
            except requests.RequestException:
                return False

        return reached(_ready, within=READY, what=f"{self.name} is ready")

    def place(self, order_id: str) -> None:
        """Place an order straight at it."""
        place_straight(self.address, order_id)

    def fence(self) -> None:
        """Read the ledger up to now. Raises InconclusiveError if a fence does not show up in it."""
        if self.serving:  # one that ended has written all it will, and its output was read to the end
            place_fence(self.ledger, self.address, self.name)

    def connections(self) -> int:
        """Return how many established connections lead to its order service."""
        return self.container.connections(GRPC_PORT)
