"""A Deployment in addition to, or instead of, the suite's own pods, where a Deployment is what is judged."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.kind.files import add_files
from tests.kind.namespace import Namespace
from tests.kind.pod import STARTED, Pod
from tests.kind.watch import Watch

ROLLOUT = 120.0
"""*Patience.* Seconds that a rollout may take in addition to the time that its pods take to exit."""

DRAINING = 30
"""Seconds that a pod has for draining after preStop."""


@dataclass
class Deployment:
    """A running Deployment; `pre_stop` is the time in seconds between a pod's deletion and SIGTERM."""

    namespace: Namespace
    watch: Watch
    name: str
    count: int
    pre_stop: int

    @classmethod
    def create(  # noqa: PLR0913, what defines a Deployment
        cls,
        namespace: Namespace,
        watch: Watch,
        manifest: Mapping[str, Any],
        *,
        count: int,
        variables: Mapping[str, str],
        files: Mapping[str, bytes],
        pre_stop: float,
    ) -> "Deployment":
        """Create it from a manifest, with variables in addition to its own, and with files; do not wait for it."""
        body = copy.deepcopy(dict(manifest))
        body["spec"]["replicas"] = count
        pod = body["spec"]["template"]["spec"]
        seconds = math.ceil(pre_stop)
        pod["terminationGracePeriodSeconds"] = seconds + DRAINING
        pod["automountServiceAccountToken"] = False
        (container,) = pod["containers"]
        container["image"] = namespace.cluster.order_image
        container["env"] += [{"name": key, "value": value} for key, value in variables.items()]
        add_files(body["spec"]["template"], files)
        container["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(seconds)]}}}
        namespace.create(body)
        return cls(namespace, watch, body["metadata"]["name"], count, seconds)

    def ready_pods(self) -> list[Pod]:
        """Wait until it is rolled out and return its pods, followed from their first line."""
        self._wait()
        pods = [Pod(self.namespace, self.watch, name, name) for name in self._names()]
        for pod in pods:
            pod.wait_for("Ready", within=STARTED)  # kubectl may know before the watch, which has the address
        return pods

    def restart(self) -> None:
        """Replace its pods according to its strategy, and wait until all are new; old ones may still be terminating."""
        self.namespace.kubectl("rollout", "restart", f"deployment/{self.name}")
        self._wait()

    def remove(self) -> None:
        """Remove it, then what it created, so that nothing recreates its pods; they terminate without preStop."""
        pods = f"--selector=deployment={self.name}"
        self.namespace.kubectl("delete", "deployment", self.name, "--cascade=orphan", "--ignore-not-found")
        self.namespace.kubectl("delete", "replicaset", pods, "--cascade=orphan")
        self.namespace.kubectl("delete", "pod", pods, "--grace-period=1", "--wait=false")

    def _wait(self) -> None:
        status = ("rollout", "status", f"deployment/{self.name}", f"--timeout={ROLLOUT:.0f}s")
        self.namespace.kubectl(*status, patience=ROLLOUT + 10)

    def _names(self) -> list[str]:
        """Return the names of its pods, excluding those that are terminating."""
        seen = {name: self.watch.look(name)["metadata"] for name in self.watch.names()}
        return [
            name
            for name, metadata in seen.items()
            if metadata.get("labels", {}).get("deployment") == self.name and "deletionTimestamp" not in metadata
        ]
