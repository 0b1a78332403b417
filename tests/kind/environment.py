"""
The Kubernetes environment: pods of a headless Service, found through the cluster's own name server.

The suite creates each pod individually, from the templates in manifests.yaml, as each has its own name and variables;
where a rollout is judged it creates the Deployment. Kubernetes lists a pod from when it is ready until it is deleted or
seen to have terminated. A verb that changes what is listed returns once the name server, queried from inside, agrees.
"""

import copy
import dataclasses
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.harness.subject.placeholders import places_in_a_container
from tests.harness.world.containers import (
    CONTAINER_DELAY,
    CertificatesInContainers,
    in_parallel,
    pointing_at,
    restart_services,
)
from tests.harness.world.environment import Environment
from tests.harness.world.eventually import reached
from tests.harness.world.fence import PATIENCE as WRITTEN
from tests.harness.world.ledger import FENCE, Ledger
from tests.harness.world.readiness import once_serving
from tests.harness.world.replica import SUPERVISOR, Replica, report_all_serving
from tests.harness.world.verdict import InconclusiveError
from tests.kind.clock import ORDERS, Offset
from tests.kind.files import add_files
from tests.kind.gateway import KindGateway
from tests.kind.namespace import Namespace
from tests.kind.pod import Pod, pod_of
from tests.kind.probe import Probe
from tests.kind.replica import COMMAND, GRPC_PORT, IN_SERVICE, KindReplica
from tests.kind.verbs import MAPPED, RIGHT_TARGETS, SERVICE, ClusterVerbs
from tests.kind.watch import Watch

MANIFESTS = Path(__file__).with_name("manifests.yaml")
WRONG_SERVICES = Path(__file__).with_name("wrong-services.yaml")

SLACK = 2.0
"""Seconds that a busy two-core machine and Kubernetes may add to any promise (docs/reference/environments.md)."""

LISTED = 60.0
"""*Patience.* Seconds until the name server knows about a change; if answers are cached, after up to 30 s."""

FROZEN_AND_READY = 120
"""Failed probes, one per second, before a replica that does not answer counts as not ready."""

PROBE_FAILURES = "PROBE_FAILURES"
"""The variable of a replica with another number of them: not its process, but its pod is configured by it."""

_TARGETS = {
    "one": f"dns:///order-service-cluster-ip:{GRPC_PORT}",
    "unready_too": f"dns:///order-service-unready-too:{GRPC_PORT}",
}
"""What the gateway of a mutant is pointed at."""


class KindEnvironment(Environment):
    """Gateway and replicas as pods of one namespace."""

    name = "kind"
    slack = SLACK
    ledger_delay = CONTAINER_DELAY
    keeps_gateway = True

    def __init__(self, namespace: Namespace, size: int) -> None:
        """Use an existing namespace."""
        super().__init__(size)
        self.namespace, self.folder = namespace, namespace.folder
        self.documents = {
            (document["kind"], document["metadata"]["name"]): document
            for file in (MANIFESTS, WRONG_SERVICES)
            for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        }
        namespace.create(*self._services())
        self.watch = Watch(namespace)
        self.probe = Probe(namespace, self.watch)
        self.listed: list[KindReplica] = []
        self.known_replicas: list[KindReplica] = []  # the first `size` of them are the ones that `restore` brings back
        self._started = 0
        self._certificates = CertificatesInContainers(namespace.folder / "tls")
        self._names = {SERVICE}  # those of the Services under which the replicas are listed
        self.cluster = ClusterVerbs(self)
        self.capabilities = {"cluster": self.cluster}

    def _services(self) -> list[dict[str, Any]]:
        return [
            document
            for (kind, name), document in self.documents.items()
            if kind == "Service" and name.startswith(SERVICE)
        ]

    # The world

    def _tls_variables(self, mode: str) -> dict[str, str]:
        return self._certificates.replica_variables(mode, self.variant.subject.backend.name, MAPPED)

    def replica_files(self) -> Mapping[str, bytes]:
        """Return the certificates of every order service, by their paths; none in plaintext."""
        return self._certificates.replica_files(self.variant.subject.backend.name) if self.tls else {}

    def _list_under(self, name: str) -> None:
        """Have a headless Service of this name, too."""
        if name not in self._names:
            document = copy.deepcopy(self.documents["Service", SERVICE])
            document["metadata"]["name"] = name
            self.namespace.create(document)
            self._names.add(name)

    @property
    def replicas(self) -> list[KindReplica]:
        """The replicas that currently belong to the service."""
        return self.listed

    @property
    def known(self) -> list[KindReplica]:
        """Every replica that ever existed."""
        return self.known_replicas

    def _gateway_output(self) -> dict[str, Path]:
        return {"stdout": self.folder / "gateway.out", "stderr": self.folder / "gateway.log"}

    def next_number(self) -> int:
        """Return a unique number for a pod."""
        self._started += 1
        return self._started

    def order_pod(self, name: str, variables: Mapping[str, str]) -> dict[str, Any]:
        """
        Return the pod of an order service: the Deployment's, without anything that would undo a verb.

        It is not restarted, it can be frozen without being killed or unlisted, its process receives every signal, and
        can be ended while the pod lives on, and its readiness also depends on us.
        """
        own = {key: value for key, value in variables.items() if key != PROBE_FAILURES}
        pod = pod_of(self.documents["Deployment", SERVICE]["spec"]["template"], name, own)
        pod["spec"].update(restartPolicy="Never", shareProcessNamespace=True)
        pod["spec"]["readinessGates"] = [{"conditionType": IN_SERVICE}]
        (container,) = pod["spec"]["containers"]
        container["image"], container["command"] = self.namespace.cluster.order_image, list(SUPERVISOR)
        container["readinessProbe"]["failureThreshold"] = int(variables.get(PROBE_FAILURES, FROZEN_AND_READY))
        del container["livenessProbe"], container["lifecycle"], pod["metadata"]["labels"]["deployment"]
        add_files(pod, self.replica_files())
        return pod

    def restore_replicas(self) -> None:
        """Bring back the full set of replicas, ready, listed and with the variant's variables."""
        self._list_under(self.variant.subject.backend.name)
        while len(self.known_replicas) < self.size:
            self._new_replica()
        self.listed, extra = self.known_replicas[: self.size], self.known_replicas[self.size :]
        stale = [
            replica for replica in self.listed if not replica.serving or replica.variables != self.replica_variables
        ]
        gone = [pod for replica in (*extra, *stale) if (pod := replica.detach_instance())]
        if stale:
            self._disturbed = True
        launches = [partial(replica.launch, self.replica_variables) for replica in stale]
        self.cluster.clean()
        in_parallel([*(pod.remove for pod in gone), *launches])
        for replica in stale:
            replica.wait_until_ready()
        report_all_serving(self.listed)
        self.wait_until_listed()

    def _new_replica(self) -> KindReplica:
        replica = KindReplica(f"{SERVICE}-{len(self.known_replicas) + 1}", self)
        self.known_replicas.append(replica)
        return replica

    def _launch(self, replicas: Sequence[KindReplica], variables: Mapping[str, str]) -> None:
        """Start a pod for each and wait until all are ready; earlier pods are left alone."""
        in_parallel([partial(replica.launch, variables) for replica in replicas])
        for replica in replicas:
            replica.wait_until_ready()

    def wait_until_listed(self, *also: Pod) -> float:
        """Wait until the name server lists exactly the replicas in service, and the pods in `also`; return when."""
        wanted = sorted(
            [*(replica.instance.ip for replica in self.listed if replica.in_service), *(pod.ip for pod in also)]
        )

        def _listed() -> bool:
            return all(answer == wanted for name in self._judged_names() for answer in self.probe.addresses(name))

        what = f"the cluster's name server lists {', '.join(wanted) or 'nothing'} as {SERVICE}"
        listed = reached(_listed, within=LISTED, what=what, every=0.05)
        self.timeline.record("resolved", listed, addresses=wanted)  # inside; the gateway's queries cannot be seen
        return listed

    def _judged_names(self) -> set[str]:
        """Return the names that have to list the replicas: the order service's, and the one that the subject dials."""
        return {SERVICE, self.variant.subject.backend.name}

    def scale(self, count: int) -> float:
        """Run `count` replicas; a new one is listed once it is ready, an extra one is unlisted before it terminates."""
        with self.disturb("scale", self.name, count=count) as verb:
            kept, extra = self.replicas[:count], self.replicas[count:]
            new = [self._new_replica() for _ in range(count - len(kept))]
            self._launch(new, self.replica_variables)
            self.listed = [*kept, *new]
            for replica in extra:
                replica.stop()
            return verb.confirmed(self.wait_until_listed())

    def replace(self, old: Replica) -> float:
        """Start a replica, take `old` out of service, and stop it once it is unlisted; return when it had exited."""
        with self.disturb("replace", old.name) as verb:
            (before,) = [replica for replica in self.replicas if replica is old]
            new = self._new_replica()
            self._launch([new], self.replica_variables)
            self.listed = [new if replica is old else replica for replica in self.replicas]
            self.cluster.take_readiness(before)
            return verb.confirmed(before.stop())

    def restart_replicas(self, *, moved: bool = False, **variables: str) -> float:
        """
        Kill all replicas, restart them with these variables, always at new addresses; return when all are listed.

        If moved, the new pods are ready before the old ones are killed: otherwise the name does not exist for a while,
        and the resolver's own backoff comes into play.
        """
        with self.disturb("restart", self.name, moved=moved, **variables) as verb:
            wanted = {**self.replica_variables, **variables}
            if self.records_stay and not moved:
                return verb.confirmed(restart_services(self.replicas, wanted))
            before = [replica.instance for replica in self.replicas]
            if not moved:
                in_parallel([pod.remove for pod in before])
            self._launch(self.replicas, wanted)
            if moved:
                self.wait_until_listed(*before)
                in_parallel([partial(pod.signal, "SIGKILL", COMMAND) for pod in before])
                in_parallel([pod.wait_until_ended for pod in before])
                in_parallel([pod.remove for pod in before])
            return verb.confirmed(self.wait_until_listed())

    def connections(self) -> dict[str, int]:
        """Return how many established connections, excluding the suite's own, lead to each replica, by its name."""
        return {replica.name: replica.connections(but_from=self.probe.ip) for replica in self.replicas}

    def fence(self) -> None:
        """Read every ledger up to now. Raises InconclusiveError if a fence does not appear in one."""
        fenced = [replica for replica in self.known_replicas if replica.answers]
        orders = {replica.straight: f"{FENCE}{replica.name}-{time.monotonic_ns()}" for replica in fenced}
        self.probe.place(orders)
        for replica in fenced:
            reached(
                partial(_written_or_ended, replica, orders[replica.straight]),
                within=WRITTEN,
                what=f"the fence is in {replica.name}'s ledger",
            )
        for replica in self.known_replicas:
            replica.wait_until_written()

    def offset_of(self, pod: Pod) -> Offset:
        """Return the offset between a pod's clock and ours: none in a kind cluster, which shares this kernel."""
        if not self.namespace.cluster.forwarded:
            return Offset()
        self._own_calls.one_clock = False
        raw, bounds = Ledger(pod.output), []
        for _ in range(ORDERS):
            order_id, sent = f"{FENCE}clock-{time.monotonic_ns()}", time.monotonic()
            self.probe.place({f"{pod.ip}:{GRPC_PORT + bool(self.tls)}": order_id})  # KindReplica.straight
            answered = time.monotonic()
            reached(partial(raw.has, order_id), within=WRITTEN, what=f"the fence is in {pod.name}'s ledger")
            (arrived,) = [event["monotonic"] for event in raw.events() if event.get("id") == order_id]
            bounds.append((sent, answered, arrived))
        offset = Offset.between(bounds)
        self.timeline.record("clock", pod=pod.name, **dataclasses.asdict(offset))
        return offset

    # The gateway

    def fresh_gateway(self) -> float:
        """Replace the gateway with a new pod that has served no call yet; return when it listened."""
        return self.gateway_pointed(self.pointing())

    def gateway_pointed(self, pointing: Mapping[str, str]) -> float:
        """Replace the gateway with a new pod with this target; return when it listened."""
        before = self.seat.leave()
        with self.disturb("fresh gateway", "gateway") as verb:
            judged = self.variant.subject
            places = places_in_a_container(pointing, judged.backend)
            complete, files = self._certificates.filled(self.tls, judged.files, places)
            subject = judged.placed(complete)
            variables = self._variables_of_gateway({**pointing, **self._certificates.variables(self.tls)}, subject)
            pod = pod_of(
                self.documents["Deployment", "gateway"]["spec"]["template"],
                f"gateway-{self.next_number()}",
                {**variables, "HTTP_ADDRESS": "0.0.0.0:4000"},
            )
            add_files(pod, files)
            pod["spec"]["restartPolicy"] = "Never"
            pod["spec"]["containers"][0]["image"] = self.namespace.cluster.gateway_image
            if subject.image_command:
                pod["spec"]["containers"][0]["args"] = list(subject.image_command)
            with ThreadPoolExecutor() as pool:
                ended = pool.submit(before.end) if before is not None else None
                gateway = self.seat.gateway = KindGateway(self.namespace, self.watch, pod)
                if ended is not None:
                    ended.result()
            return verb.confirmed(once_serving(gateway, subject, gateway.listened))

    def pointing(self) -> dict[str, str]:
        """Return the variables that point a gateway at the target of a mutant, none for the real service."""
        target = self.variant.target
        if target in RIGHT_TARGETS:
            return pointing_at(self.variant.subject.backend)
        if target == "frozen":
            return {"ORDER_SERVICE_TARGET": "ipv4:" + ",".join(replica.address for replica in self.replicas)}
        if target in _TARGETS:
            return {"ORDER_SERVICE_TARGET": _TARGETS[target]}
        raise InconclusiveError(f"Kubernetes has no target {target!r}")

    # The end

    def end(self) -> None:
        """Disconnect from the cluster; a second call does nothing. Everything else goes with the namespace."""
        if isinstance(gateway := self.seat.last(), KindGateway):
            gateway.let_go()
        self._certificates.remove()
        self.probe.close()
        self.watch.close()
        super().end()


def _written_or_ended(replica: KindReplica, order_id: str) -> bool:
    return replica.ledger.has(order_id) or not replica.running
