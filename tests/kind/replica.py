"""One order service on Kubernetes: a pod that is found through the headless Service."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from tests.harness.world.fence import next_fence
from tests.harness.world.ledger import Whose
from tests.harness.world.replica import SUPERVISOR, ReplicaOfInstances
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
"""Our own condition that a replica's readiness depends on in addition to its probe: it takes and gives readiness."""

ESTABLISHED = "01"
"""The state of a connection in /proc/net/tcp."""

PROMPT = 5.0
"""Seconds until Kubernetes reports a change to a running pod."""

PROBED = 20.0
"""*Patience.* Seconds until a few probes, one per second, have failed, and Kubernetes reports it."""


class KindReplicaEnvironment(Protocol):
    """What a replica needs from its environment."""

    namespace: Namespace
    watch: Watch
    probe: Probe
    folder: Path
    records_stay: bool

    @property
    def whose(self) -> Whose:
        """What returns each attempt of a ledger with the id of its call."""

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""

    def order_pod(self, name: str, variables: Mapping[str, str]) -> dict[str, Any]:
        """Return the pod of an order service."""

    def next_number(self) -> int:
        """Return a unique number for a pod."""

    def offset_of(self, pod: Pod) -> Offset:
        """Return the offset between a pod's clock and ours."""

    def wait_until_listed(self) -> float:
        """Wait until the cluster's name server lists exactly the replicas in service, and return when."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway was disturbed."""


class KindReplica(ReplicaOfInstances[Pod]):
    """A replica whose verbs are Kubernetes'."""

    ledger: ReplicaLedger
    _environment: KindReplicaEnvironment

    def __init__(self, name: str, environment: KindReplicaEnvironment, pod: Pod | None = None) -> None:
        """Take a name, and the pod if a Deployment created it."""
        self.name = name
        self.ledger = ReplicaLedger(environment.folder, environment.whose)
        self._begin({} if pod is None else environment.replica_variables)
        self.in_service = pod is not None
        self._frozen = False
        self._environment = environment
        self._instance = pod
        self._past: list[Pod] = []
        if pod is not None:
            self.ledger.follow(pod.output, environment.offset_of(pod))

    @property
    def address(self) -> str:
        """Where the gateway reaches it."""
        return f"{self.instance.ip}:{GRPC_PORT}"

    @property
    def running(self) -> bool:
        """Whether its service is running, and so its pod."""
        return self._instance is not None and self._instance.running and not self._down

    @property
    def serving(self) -> bool:
        """Whether it is running, in service, and answers."""
        return self.answers and self.in_service

    @property
    def reachable(self) -> bool:
        """Whether an order that is placed straight at it would be answered now."""
        return self.answers

    @property
    def answers(self) -> bool:
        """Whether it is running and not frozen."""
        return self.running and not self._frozen

    # What its driver can do

    def do_stop_instance(self) -> float:
        """Delete the pod: at the same time it gets SIGTERM and is no longer listed."""
        return self._drained(self.instance.delete)

    def do_evict(self) -> float:
        """Evict it, as when its node is drained: the same as `do_stop_instance`, but through the eviction API."""
        return self._drained(self._evict)

    def do_kill_instance(self) -> float:
        """SIGKILL. It is no longer listed once Kubernetes has noticed."""
        self.in_service = False
        self.instance.signal("SIGKILL", COMMAND)
        ended = self.instance.wait_until_ended()
        status = self.instance.state.get("terminated", {}).get("exitCode")
        if status != KILLED:
            raise InconclusiveError(f"{self.name} was killed but exited with status {status}")
        return ended

    def signal_supervisor(self, signal: str) -> None:
        """Send it from within the pod."""
        if not self.instance.signal(signal, " ".join(SUPERVISOR)):
            raise InconclusiveError(f"{self.name} has no supervisor of its service")

    def do_pause(self) -> float:
        """SIGSTOP."""
        self._frozen = True
        return self._in_state("SIGSTOP", "T")

    def do_resume(self) -> float:
        """SIGCONT."""
        resumed = self._in_state("SIGCONT", "RSD")
        self._frozen = False
        return resumed

    def do_set_readiness(self, *, ready: bool) -> float:
        """Make it ready or not; it keeps running, and its connections. Return when the name server agrees."""
        self.in_service = ready
        self.instance.set_condition(IN_SERVICE, true=ready)
        what = f"{self.name} is {'ready' if ready else 'not ready'}"
        self._environment.watch.wait(lambda: self.instance.is_so("Ready") is ready, within=PROMPT, what=what)
        return self._environment.wait_until_listed()

    def do_fail_probe(self) -> float:
        """Have `/readyz` answer 503 from now on. Return when the name server agrees with what follows from that."""
        self.place(f"{next_fence()}~OK:ready=false")
        self.in_service = False
        what = f"{self.name} is not ready, as its probe answers 503"
        self._environment.watch.wait(lambda: not self.instance.is_so("Ready"), within=PROBED, what=what)
        return self._environment.wait_until_listed()

    def do_start_instance(self, variables: Mapping[str, str], *, moved: bool) -> float:  # noqa: ARG002, it always moves
        """
        Start a pod, ready and listed; it has a new address whether or not it moved.

        One that lives on without its service is removed once the new one is ready, so that its name never lists less.
        """
        before, lives_on = self.instance, self._down
        if not lives_on:
            self.remove()
        self.launch(variables)
        self.wait_until_ready()
        if lives_on:
            before.remove()
        return self._environment.wait_until_listed()

    # What verbs are made of

    def launch(self, variables: Mapping[str, str]) -> None:
        """Start a new pod without waiting for it; an earlier one is left alone."""
        environment = self._environment
        name = f"{self.name}-{environment.next_number()}"
        if self._instance is not None:
            self._past.append(self._instance)
        environment.namespace.create(environment.order_pod(name, {"INSTANCE_ID": self.name, **variables}))
        self._instance = Pod(environment.namespace, environment.watch, name, name)
        self._begin(variables)
        self.in_service, self._frozen = True, False
        self._instance.set_condition(IN_SERVICE, true=True)

    def wait_until_ready(self) -> float:
        """Wait until Kubernetes reports it ready, and return when."""
        ready = self.instance.wait_for("Ready", within=STARTED)
        self.ledger.follow(self.instance.output, self._environment.offset_of(self.instance))
        return ready

    def place(self, order_id: str) -> None:
        """Place an order straight at it, from inside the cluster."""
        self._environment.probe.place({self.straight: order_id})

    def detach_instance(self) -> Pod | None:
        """Detach from its pod, in any state, and return it for the caller to remove."""
        self.in_service = False
        if pod := super().detach_instance():
            self._past.append(pod)
        return pod

    def remove(self) -> None:
        """Remove its pod, if there is one."""
        if pod := self.detach_instance():
            pod.remove()

    def wait_until_written(self) -> None:
        """Wait until the output of its terminated pods was read. Raises InconclusiveError if it does not end."""
        for pod in [*self._past, *([self._instance] if self._instance else [])]:
            if pod.ended:
                pod.wait_until_read()
        self._past = [pod for pod in self._past if not pod.ended]

    def connections(self, but_from: str) -> int:
        """Return the number of established connections to its order service, according to its kernel (proc(5))."""
        rows = [line.split() for line in self.instance.read("/proc/net/tcp", "/proc/net/tcp6").splitlines()]
        peers = [row[2] for row in rows if row[1].endswith(f":{GRPC_PORT:04X}") and row[3] == ESTABLISHED]
        return sum(not peer.partition(":")[0].endswith(_as_proc_writes(but_from)) for peer in peers)

    def _drained(self, request_end: Callable[[], None]) -> float:
        self.in_service = False
        pod = self.instance
        request_end()
        ended = pod.wait_until_ended()
        status = pod.state.get("terminated", {}).get("exitCode")
        if status == KILLED:
            raise InconclusiveError(f"{self.name} did not exit by itself on SIGTERM")
        return ended

    def _evict(self) -> None:
        namespace, name = self._environment.namespace, self.instance.name
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        namespace.api.post(path_of("Pod", namespace.name, name, "eviction"), body)

    def _in_state(self, signal: str, states: str) -> float:
        found = self.instance.signal(signal, COMMAND)
        if not found or set(found) - set(states):
            raise InconclusiveError(f"{self.name} got {signal}, but its processes are in the states {found!r}")
        return self._environment.watch.wait(lambda: True, within=PROMPT, what=f"{self.name} got {signal}")


def _as_proc_writes(ip: str) -> str:
    """Return an IPv4 address as /proc/net/tcp writes it on a little-endian machine; ends of IPv6 rows are the same."""
    return "".join(f"{int(part):02X}" for part in reversed(ip.split(".")))
