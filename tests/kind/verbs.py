"""What only Kubernetes does with pods: readiness, evictions, Deployments, and Services that map no port."""

from typing import TYPE_CHECKING

from tests.harness.world.containers import in_parallel
from tests.kind.deployment import Deployment
from tests.kind.replica import GRPC_PORT, KindReplica

if TYPE_CHECKING:
    from tests.kind.environment import KindEnvironment

SERVICE = "order-service"

MAPPED = f"{SERVICE}-mapped"
"""The headless Service with another port than the replicas'."""

RIGHT_TARGETS = ("all", "service_port")
"""The targets of gateways that are pointed at the Service that a behaviour is about."""

MAPPED_PORT = 80
"""The port of the Service `order-service-mapped`, which a headless Service does not map to the replicas'."""

PRE_STOP = 5.0
"""Seconds of preStop beyond the minimum re-resolution interval: until every client knows who is listed."""


class ClusterVerbs:
    """The verbs of the cluster (see `tests.harness.world.capabilities.Cluster`)."""

    def __init__(self, environment: "KindEnvironment") -> None:
        self._environment = environment
        self._deployments: list[Deployment] = []

    def take_readiness(self, replica: KindReplica) -> float:
        """Make a pod not ready; it keeps running, keeps its connections and is no longer listed."""
        with self._environment.disturb("take readiness", replica.name) as verb:
            return verb.confirmed(replica.do_set_readiness(ready=False))

    def give_readiness(self, replica: KindReplica) -> float:
        """Make a pod ready, and so listed, again."""
        with self._environment.disturb("give readiness", replica.name) as verb:
            return verb.confirmed(replica.do_set_readiness(ready=True))

    def fail_probe(self, replica: KindReplica) -> float:
        """Have a pod's own readiness probe answer 503; it keeps running, keeps its connections and is unlisted."""
        with self._environment.disturb("fail probe", replica.name) as verb:
            return verb.confirmed(replica.do_fail_probe())

    def evict(self, replica: KindReplica) -> float:
        """Have a pod evicted, as when its node is drained."""
        with self._environment.disturb("evict", replica.name) as verb:
            return verb.confirmed(replica.do_evict())

    def deploy(self, *, faulty: bool = False) -> list[KindReplica]:
        """Have a Deployment run as many replicas in addition to the existing ones, or one faulty; return them."""
        environment, name = self._environment, f"{SERVICE}-faulty" if faulty else SERVICE
        with environment.disturb("deploy", name) as verb:
            deployment = Deployment.create(
                environment.namespace,
                environment.watch,
                environment.documents["Deployment", name],
                count=1 if faulty else environment.size,
                variables=environment.replica_variables,
                files=environment.replica_files(),
                pre_stop=environment.budgets.promises.min_resolution_interval + PRE_STOP,
            )
            self._deployments.append(deployment)
            new = self._adopt(deployment)
            environment.listed = [*environment.listed, *new]
            verb.confirmed(environment.wait_until_listed())
            return new

    def deploy_instead(self) -> list[KindReplica]:
        """Have a Deployment run the replicas instead of the suite; return them once only they are listed."""
        before, self._environment.listed = self._environment.listed, []
        in_parallel([replica.remove for replica in before])
        return self.deploy()

    def roll_out(self) -> float:
        """Replace the pods of the Deployment according to its strategy; return when the last old one was removed."""
        (deployment,) = self._deployments
        with self._environment.disturb("roll out", deployment.name) as verb:
            before, self._environment.listed = self._environment.listed, []
            deployment.restart()
            self._environment.listed = self._adopt(deployment)
            gone = [replica.instance.wait_until_gone() for replica in before]
            self._environment.wait_until_listed()
            return verb.confirmed(max(gone))

    def _adopt(self, deployment: Deployment) -> list[KindReplica]:
        """Create replicas for a Deployment's pods."""
        new = [KindReplica(pod.name, self._environment, pod) for pod in deployment.ready_pods()]
        self._environment.known_replicas += new
        return new

    def fresh_gateway_at_mapped_port(self) -> float:
        """Point a new gateway at a headless Service whose port is not the replicas', at the replicas' port."""
        port = MAPPED_PORT if self._environment.variant.target == "service_port" else GRPC_PORT
        mapped = {"ORDER_SERVICE_TARGET": f"dns:///{MAPPED}:{port}"}
        wrong = self._environment.variant.target not in RIGHT_TARGETS
        return self._environment.gateway_pointed({**mapped, **(self._environment.pointing() if wrong else {})})

    def clean(self) -> None:
        """Remove the Deployments."""
        deployments, self._deployments = self._deployments, []
        in_parallel([deployment.remove for deployment in deployments])

    def keep_evidence(self) -> None:
        """Nothing to do: the pods' ledgers have it all."""
