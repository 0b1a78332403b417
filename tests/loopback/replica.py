"""One order service on loopback: a process on its own address."""

import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import requests

from tests.harness.paths import ROOT
from tests.harness.world.eventually import reached
from tests.harness.world.fence import place_fence, place_straight
from tests.harness.world.ledger import Ledger, Whose
from tests.harness.world.replica import DrivenReplica
from tests.harness.world.timeline import Verb
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.process import Process

GRPC_PORT = 5000
HTTP_PORT = 4000

READY = 10.0
"""*Patience.* Seconds that an order service may take to become ready."""


class AddressPool(Protocol):
    """The addresses of a run."""

    def new(self) -> str:
        """Return an unused address."""


class AddressPublisher(Protocol):
    """The name server."""

    def publish(self) -> float:
        """Bring its records up to date and return when."""


class LoopbackReplicaEnvironment(Protocol):
    """What a replica needs from its environment."""

    folder: Path

    @property
    def whose(self) -> Whose:
        """What returns each attempt of a ledger with the id of its call."""

    @property
    def addresses(self) -> AddressPool:
        """The addresses of the run."""

    @property
    def dns(self) -> AddressPublisher:
        """The name server."""

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway was disturbed."""


class LoopbackReplica(DrivenReplica):
    """
    A replica whose verbs are signals; `environment` is what all replicas share.

    Its record stays in the name server when it exits, as after a crash.
    """

    _environment: LoopbackReplicaEnvironment

    def __init__(self, name: str, ip: str, environment: LoopbackReplicaEnvironment) -> None:
        self.name = name
        self.home = self.ip = ip
        self.ledger = Ledger(environment.folder / f"{name}.out", environment.whose)
        self._begin({})
        self.frozen = False
        self._environment = environment
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """Where the gateway reaches it."""
        return f"{self.ip}:{GRPC_PORT}"

    @property
    def running(self) -> bool:
        """Whether its process is running."""
        return self._process is not None and self._process.running

    @property
    def reachable(self) -> bool:
        """Whether an order that is placed straight at it would be answered now."""
        return self.running and not self.frozen

    def do_stop(self) -> float:
        """SIGTERM."""
        return self._end(signal.SIGTERM)

    def do_kill(self) -> float:
        """SIGKILL."""
        return self._end(signal.SIGKILL)

    def _end(self, sent: signal.Signals) -> float:
        self.frozen = False
        return self._started().end(sent)

    def do_pause(self) -> float:
        """SIGSTOP."""
        self.frozen = True
        return self._started().freeze()

    def do_resume(self) -> float:
        """SIGCONT."""
        self.frozen = False
        return self._started().thaw()

    def do_start(self, variables: Mapping[str, str], *, moved: bool) -> float:
        """Start it and wait until it is ready; if it moved, its new address is then listed instead of the old one."""
        self.launch(variables, moved=moved)
        ready = self.wait_until_ready()
        return self._environment.dns.publish() if moved else ready

    def ensure_dead(self) -> None:
        """Kill it if it is running."""
        if self.running:
            self.kill()

    def launch(self, variables: Mapping[str, str], *, moved: bool = False) -> None:
        """Start the process, at a new address if moved, without waiting for it."""
        if self.running:
            raise InconclusiveError(f"{self.name} cannot be started: it is already running")
        if moved:
            self.ip = self._environment.addresses.new()
        self._begin(variables)
        own = {
            "INSTANCE_ID": self.name,
            "GRPC_ADDRESS": self.address,
            "HTTP_ADDRESS": f"{self.ip}:{HTTP_PORT}",
        }
        command = ["python", "-m", "services.order"]
        self.ledger.hand_over()
        self._process = Process(self.name, command, ROOT, {**own, **variables}, self._environment.folder)

    def wait_until_ready(self) -> float:
        """Wait for /readyz and return when it succeeded."""

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
        place_straight(self.straight, order_id)

    def fence(self) -> None:
        """
        Read the ledger up to an order that is placed now, straight to this replica.

        Raises InconclusiveError if the order does not appear in it.
        """
        if not self.running or self.frozen:
            return  # a dead process has written everything; a frozen one writes nothing
        place_fence(self.ledger, self.straight, self.name)

    def _started(self) -> Process:
        if self._process is None:
            raise InconclusiveError(f"{self.name} was never started")
        return self._process
