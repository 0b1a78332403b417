"""One order service on Kubernetes: a pod that is found through the headless Service."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from tests.harness.world.health import SERVING, SaysHealth
from tests.harness.world.timeline import Verb
from tests.harness.world.verdict import InconclusiveError
from tests.kind.api import path_of
from tests.kind.clock import Offset, ReplicaLedger
from tests.kind.namespace import Namespace
from tests.kind.pod import KILLED, STARTED, Pod
from tests.kind.probe import Probe
from tests.kind.watch import Watch

GRPC_PORT = 5000
COMMAND = "python -m services.order"

IN_SERVICE = "grpc-lb-conformance/in-service"
"""The condition of our own that a replica's readiness depends on beside its probe: how readiness is taken and given."""

ESTABLISHED = "01"
"""The state of a connection in /proc/net/tcp."""

PROMPT = 5.0
"""Seconds until Kubernetes says what it was told of a pod that runs."""


class World(Protocol):
    """What a replica needs of its environment."""

    namespace: Namespace
    watch: Watch
    probe: Probe
    folder: Path

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    def order_pod(self, name: str, variables: Mapping[str, str]) -> dict[str, Any]:
        """Return the pod of an order service."""

    def next_number(self) -> int:
        """Return a number for a pod; no two have the same."""

    def offset_of(self, pod: Pod) -> Offset:
        """Return what lies between the clock of a pod and ours."""

    def wait_until_listed(self) -> float:
        """Wait until the cluster's name server lists exactly the replicas in service, and return when."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway has seen harm."""


class KindReplica(SaysHealth):
    """A replica whose verbs are Kubernetes'; it keeps its name and its ledger when its pod is another one."""

    ledger: ReplicaLedger
    _world: World

    def __init__(self, name: str, world: World, pod: Pod | None = None) -> None:
        """Take a name, and the pod if a Deployment made it."""
        self.name = name
        self.ledger = ReplicaLedger(world.folder)
        self.variables: Mapping[str, str] = {}
        self.in_service = pod is not None
        self._frozen = False
        self._world = world
        self._pod = pod
        self._past: list[Pod] = []
        if pod is not None:
            self.ledger.follow(pod.output, world.offset_of(pod))

    def __repr__(self) -> str:
        """Show the name and the address."""
        return f"<{self.name} {self.address}>"

    @property
    def pod(self) -> Pod:
        """Its present pod, or its last one. Raises InconclusiveError if there was none."""
        if self._pod is None:
            raise InconclusiveError(f"{self.name} was never started")
        return self._pod

    @property
    def address(self) -> str:
        """Where the gateway reaches it."""
        return f"{self.pod.ip}:{GRPC_PORT}"

    @property
    def running(self) -> bool:
        """Whether its pod lives."""
        return self._pod is not None and self._pod.running

    @property
    def serving(self) -> bool:
        """Whether it runs, is in service and answers."""
        return self.answers and self.in_service

    @property
    def answers(self) -> bool:
        """Whether it runs and is not frozen."""
        return self.running and not self._frozen

    # Verbs

    def stop(self) -> float:
        """Delete the pod: SIGTERM, and it is no longer listed, both at once."""
        with self._world.disturb("stop", self.name) as asked:
            return asked.confirmed(self._drained(self.pod.delete))

    def evict(self) -> float:
        """Have it evicted, as when its node is drained: what `stop` does, asked for through the eviction API."""
        with self._world.disturb("evict", self.name) as asked:
            return asked.confirmed(self._drained(self._evict))

    def kill(self) -> float:
        """SIGKILL. It is no longer listed once Kubernetes has noticed."""
        with self._world.disturb("kill", self.name) as asked:
            self.in_service = False
            self.pod.signal("SIGKILL", COMMAND)
            ended = self.pod.wait_until_ended()
            status = self.pod.state.get("terminated", {}).get("exitCode")
            if status != KILLED:
                raise InconclusiveError(f"{self.name} was killed and ended with status {status}")
            return asked.confirmed(ended)

    def pause(self) -> float:
        """SIGSTOP: the kernel still accepts and acknowledges, nobody answers; it stays listed."""
        with self._world.disturb("pause", self.name) as asked:
            self._frozen = True
            return asked.confirmed(self._signalled("SIGSTOP", "T"))

    def resume(self) -> float:
        """SIGCONT."""
        with self._world.disturb("resume", self.name) as asked:
            resumed = self._signalled("SIGCONT", "RSD")
            self._frozen = False
            return asked.confirmed(resumed)

    def take_readiness(self) -> float:
        """Make it not ready; it runs on, keeps its connections and is no longer listed."""
        with self._world.disturb("take readiness", self.name) as asked:
            return asked.confirmed(self._set_in_service(wanted=False))

    def give_readiness(self) -> float:
        """Make it ready, and so listed, again."""
        with self._world.disturb("give readiness", self.name) as asked:
            return asked.confirmed(self._set_in_service(wanted=True))

    def start(self, *, moved: bool = False, **variables: str) -> float:
        """Start it again, ready and listed; a pod has a new address whether or not it moved."""
        with self._world.disturb("start", self.name, moved=moved, **variables) as asked:
            if self.running:
                raise InconclusiveError(f"{self.name} was to be started and is running already")
            self.remove()
            self.launch({**self._world.replica_variables, **variables})
            self.wait_until_ready()
            return asked.confirmed(self._world.wait_until_listed())

    # What verbs are made of

    def launch(self, variables: Mapping[str, str]) -> None:
        """Start a new pod and do not wait for it; one before it is left as it is."""
        world = self._world
        name = f"{self.name}-{world.next_number()}"
        if self._pod is not None:
            self._past.append(self._pod)
        world.namespace.create(world.order_pod(name, {"INSTANCE_ID": self.name, **variables}))
        self._pod = Pod(world.namespace, world.watch, name, name)
        self.variables, self.in_service, self._frozen, self.said = variables, True, False, SERVING
        self._pod.set_condition(IN_SERVICE, true=True)

    def wait_until_ready(self) -> float:
        """Wait until Kubernetes calls it ready, and return when."""
        ready = self.pod.wait_for("Ready", within=STARTED)
        self.ledger.follow(self.pod.output, self._world.offset_of(self.pod))
        return ready

    def place(self, order_id: str) -> None:
        """Place an order straight at it, from inside the cluster."""
        self._world.probe.place({self.address: order_id})

    def leave_pod(self) -> Pod | None:
        """Part from its pod, whatever that does, and return it for the caller to remove."""
        pod, self._pod, self.in_service = self._pod, None, False
        if pod is not None:
            self._past.append(pod)
        return pod

    def remove(self) -> None:
        """Remove its pod, if there is one."""
        if pod := self.leave_pod():
            pod.remove()

    def wait_until_written(self) -> None:
        """Wait until what its ended pods wrote has been read. Raises InconclusiveError if that does not end."""
        for pod in [*self._past, *([self._pod] if self._pod else [])]:
            if pod.ended:
                pod.wait_until_read()
        self._past = [pod for pod in self._past if not pod.ended]

    def connections(self, but_from: str) -> int:
        """Return how many established connections lead to its order service, by what its kernel says (proc(5))."""
        rows = [line.split() for line in self.pod.read("/proc/net/tcp", "/proc/net/tcp6").splitlines()]
        peers = [row[2] for row in rows if row[1].endswith(f":{GRPC_PORT:04X}") and row[3] == ESTABLISHED]
        return sum(not peer.partition(":")[0].endswith(_as_proc_writes(but_from)) for peer in peers)

    def _drained(self, ask: Callable[[], None]) -> float:
        self.in_service = False
        pod = self.pod
        ask()
        ended = pod.wait_until_ended()
        status = pod.state.get("terminated", {}).get("exitCode")
        if status == KILLED:
            raise InconclusiveError(f"{self.name} did not end by itself on SIGTERM")
        return ended

    def _evict(self) -> None:
        namespace, name = self._world.namespace, self.pod.name
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        namespace.api.post(path_of("Pod", namespace.name, name, "eviction"), body)

    def _signalled(self, signal: str, states: str) -> float:
        found = self.pod.signal(signal, COMMAND)
        if not found or set(found) - set(states):
            raise InconclusiveError(f"{self.name} got {signal} and its processes are in the states {found!r}")
        return self._world.watch.wait(lambda: True, within=PROMPT, what=f"{self.name} got {signal}")

    def _set_in_service(self, *, wanted: bool) -> float:
        self.in_service = wanted
        self.pod.set_condition(IN_SERVICE, true=wanted)
        what = f"{self.name} is {'ready' if wanted else 'not ready'}"
        self._world.watch.wait(lambda: self.pod.is_so("Ready") is wanted, within=PROMPT, what=what)
        return self._world.wait_until_listed()


def _as_proc_writes(ip: str) -> str:
    """Return an IPv4 address as /proc/net/tcp writes it on a little-endian machine; ends of IPv6 rows are the same."""
    return "".join(f"{int(part):02X}" for part in reversed(ip.split(".")))
