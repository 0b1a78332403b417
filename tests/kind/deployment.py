"""A Deployment beside or instead of the suite's own pods, where it is the Deployment that is looked at."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.kind.namespace import Namespace
from tests.kind.pod import Pod
from tests.kind.watch import Watch

ROLLOUT = 120.0
"""*Patience.* Seconds that a rollout may take beyond what its pods take to end."""

DRAINING = 30
"""Seconds that a pod has for its drain once preStop is over."""


@dataclass
class Deployment:
    """A running Deployment; `pre_stop` is the time in seconds between being told to end and SIGTERM."""

    namespace: Namespace
    watch: Watch
    name: str
    count: int
    pre_stop: int

    @classmethod
    def create(  # noqa: PLR0913, what a Deployment is made of
        cls,
        namespace: Namespace,
        watch: Watch,
        manifest: Mapping[str, Any],
        *,
        count: int,
        variables: Mapping[str, str],
        pre_stop: float,
    ) -> "Deployment":
        """Create it of a manifest, with these variables on top of the manifest's, and do not wait for it."""
        body = copy.deepcopy(dict(manifest))
        body["spec"]["replicas"] = count
        pod = body["spec"]["template"]["spec"]
        seconds = math.ceil(pre_stop)
        pod["terminationGracePeriodSeconds"] = seconds + DRAINING
        pod["automountServiceAccountToken"] = False
        (container,) = pod["containers"]
        container["image"] = namespace.cluster.order_image
        container["env"] += [{"name": key, "value": value} for key, value in variables.items()]
        container["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(seconds)]}}}
        namespace.create(body)
        return cls(namespace, watch, body["metadata"]["name"], count, seconds)

    def ready_pods(self) -> list[Pod]:
        """Wait until it is rolled out and return its pods, followed from their first line."""
        self._wait()
        return [Pod(self.namespace, self.watch, name, name) for name in self._names()]

    def restart(self) -> None:
        """Replace its pods as its strategy says, and wait until all are replaced; the old ones may still be ending."""
        self.namespace.kubectl("rollout", "restart", f"deployment/{self.name}")
        self._wait()

    def remove(self) -> None:
        """Remove it, then what it made, so that nothing makes its pods anew; they are told to end without preStop."""
        pods = f"--selector=deployment={self.name}"
        self.namespace.kubectl("delete", "deployment", self.name, "--cascade=orphan", "--ignore-not-found")
        self.namespace.kubectl("delete", "replicaset", pods, "--cascade=orphan")
        self.namespace.kubectl("delete", "pod", pods, "--grace-period=1", "--wait=false")

    def _wait(self) -> None:
        status = ("rollout", "status", f"deployment/{self.name}", f"--timeout={ROLLOUT:.0f}s")
        self.namespace.kubectl(*status, patience=ROLLOUT + 10)

    def _names(self) -> list[str]:
        """Return the names of its pods, those left out that are being ended."""
        seen = {name: self.watch.look(name)["metadata"] for name in self.watch.names()}
        return [
            name
            for name, metadata in seen.items()
            if metadata.get("labels", {}).get("deployment") == self.name and "deletionTimestamp" not in metadata
        ]
