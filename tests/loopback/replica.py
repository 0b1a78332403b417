"""One order service on loopback: a process on an address of its own."""

import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import requests

from tests.harness.paths import ROOT
from tests.harness.world.eventually import reached
from tests.harness.world.fence import place_fence, place_straight
from tests.harness.world.health import SERVING, SaysHealth
from tests.harness.world.ledger import Ledger
from tests.harness.world.timeline import Verb
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.process import Process

GRPC_PORT = 5000
HTTP_PORT = 4000

READY = 10.0
"""*Patience.* Seconds that an order service may take to become ready."""


class World(Protocol):
    """What a replica needs of its environment."""

    folder: Path

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    def new_ip(self) -> str:
        """Return an address that nothing uses."""

    def publish(self) -> float:
        """Bring the name server's records up to date and return when."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway has seen harm."""


class LoopbackReplica(SaysHealth):
    """A replica whose verbs are signals; `world` is what the environment provides to all of them."""

    _world: World

    def __init__(self, name: str, ip: str, world: World) -> None:
        self.name = name
        self.home = self.ip = ip
        self.ledger = Ledger(world.folder / f"{name}.out")
        self.variables: Mapping[str, str] = {}
        self.frozen = False
        self._world = world
        self._process: Process | None = None

    def __repr__(self) -> str:
        """Show the name and the address."""
        return f"<{self.name} {self.address}>"

    @property
    def address(self) -> str:
        """Where the gateway reaches it."""
        return f"{self.ip}:{GRPC_PORT}"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.running

    def stop(self) -> float:
        """SIGTERM: it drains and exits. Its record stays in the name server, as after a crash."""
        return self._end("stop", signal.SIGTERM)

    def kill(self) -> float:
        """SIGKILL. Its record stays in the name server."""
        return self._end("kill", signal.SIGKILL)

    def _end(self, verb: str, sent: signal.Signals) -> float:
        with self._world.disturb(verb, self.name) as asked:
            self.frozen = False
            return asked.confirmed(self._started().end(sent))

    def pause(self) -> float:
        """SIGSTOP: the kernel still accepts and acknowledges, nobody answers."""
        with self._world.disturb("pause", self.name) as asked:
            self.frozen = True
            return asked.confirmed(self._started().freeze())

    def resume(self) -> float:
        """SIGCONT."""
        with self._world.disturb("resume", self.name) as asked:
            self.frozen = False
            return asked.confirmed(self._started().thaw())

    def start(self, *, moved: bool = False, **variables: str) -> float:
        """Start it and wait until it is ready; if it moved, its new address is then listed instead of the old one."""
        with self._world.disturb("start", self.name, moved=moved, **variables) as asked:
            self.launch({**self._world.replica_variables, **variables}, moved=moved)
            ready = self.wait_until_ready()
            return asked.confirmed(self._world.publish() if moved else ready)

    def ensure_dead(self) -> None:
        """Kill it if it runs."""
        if self.running:
            self.kill()

    def launch(self, variables: Mapping[str, str], *, moved: bool = False) -> None:
        """Start the process, if moved at a new address, and do not wait for it."""
        if self.running:
            raise InconclusiveError(f"{self.name} was to be started and is running already")
        if moved:
            self.ip = self._world.new_ip()
        self.variables, self.said = variables, SERVING
        own = {
            "INSTANCE_ID": self.name,
            "GRPC_ADDRESS": self.address,
            "HTTP_ADDRESS": f"{self.ip}:{HTTP_PORT}",
        }
        command = ["python", "-m", "services.order"]
        self._process = Process(self.name, command, ROOT, {**own, **variables}, self._world.folder)

    def wait_until_ready(self) -> float:
        """Wait for /readyz and return when it said yes."""

        def _ready() -> bool:
            if not self.running:
                raise InconclusiveError(self._started().last_words())
            try:
                return requests.get(f"http://{self.ip}:{HTTP_PORT}/readyz", timeout=1.0).ok
            except requests.RequestException:
                return False

        return reached(_ready, within=READY, what=f"{self.name} is ready")

    def place(self, order_id: str) -> None:
        """Place an order straight at it."""
        place_straight(self.address, order_id)

    def fence(self) -> None:
        """
        Read the ledger up to an order that is placed now, straight to this replica.

        Raises InconclusiveError if the order does not show up.
        """
        if not self.running or self.frozen:
            return  # a dead process has written all it will; a frozen one writes nothing
        place_fence(self.ledger, self.address, self.name)

    def _started(self) -> Process:
        if self._process is None:
            raise InconclusiveError(f"{self.name} was never started")
        return self._process
