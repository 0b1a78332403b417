"""A namespace of a run: what is created in it, what is kept of it, and its removal."""

import contextlib
import json
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.compose.docker import RUN_LABEL
from tests.harness.world.eventually import reached
from tests.kind.api import Api, path_of
from tests.kind.kubectl import COMMAND_PATIENCE, Cluster, KubernetesError

MASK = "(not shown)"
"""In place of a value in a report."""


@dataclass(frozen=True)
class Namespace:
    """A namespace of this run; the output of its pods is kept in `folder`."""

    cluster: Cluster
    name: str
    folder: Path
    api: Api

    def command(self, *arguments: str) -> list[str]:
        """Return the arguments of a kubectl command in this namespace."""
        return self.cluster.command(f"--namespace={self.name}", *arguments)

    def kubectl(self, *arguments: str, given: str = "", patience: float = COMMAND_PATIENCE) -> str:
        """Run kubectl in this namespace. Raises KubernetesError."""
        return self.cluster.kubectl(f"--namespace={self.name}", *arguments, given=given, patience=patience)

    def create(self, *manifests: dict[str, Any]) -> list[dict[str, Any]]:
        """Create these objects and return them. Raises KubernetesError."""
        return [self.api.post(path_of(manifest["kind"], self.name), manifest) for manifest in manifests]

    def open(self, label: str) -> None:
        """Create it, with the label of this run, and wait until it can hold pods. Raises KubernetesError."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name, "labels": {RUN_LABEL: label}}}
        self.cluster.kubectl("create", "--filename=-", given=json.dumps(body))
        # each pod needs it, and a controller creates it shortly after the namespace
        account = ("get", "serviceaccount", "default", "--ignore-not-found", "--output=name")
        reached(lambda: self.kubectl(*account), within=COMMAND_PATIENCE, what=f"{self.name} has a service account")

    def save(self, masked: Collection[str] = ()) -> None:
        """Save what the cluster reports about it: events, and its objects, without the values of `masked` variables."""
        for name, arguments in {
            "events.txt": ("get", "events", "--sort-by=.metadata.creationTimestamp"),
            "pods.yaml": ("get", "pods", "--output=json"),
            "objects.txt": ("get", "all,endpointslices", "--output=wide"),
        }.items():
            with contextlib.suppress(KubernetesError):  # evidence for people, as far as it exists
                text = self.kubectl(*arguments)
                text = _without_values(text, masked) if name.endswith(".yaml") else text
                (self.folder / name).write_text(text.rstrip() + "\n", encoding="utf-8")

    def remove(self) -> None:
        """Remove it with everything in it, without waiting for that."""
        self.cluster.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--wait=false")

    def look_around(self) -> list[str]:
        """Return the commands to inspect it, and to remove it."""
        commands = (
            self.command("get", "all,endpointslices", "--output=wide"),
            self.command("logs", "--follow", "--selector=app", "--prefix", "--max-log-requests=20"),
            self.cluster.command("delete", "namespace", self.name),
        )
        return [shlex.join(command) for command in commands]


def _without_values(pods: str, names: Collection[str]) -> str:
    """Return a list of pods, given in JSON, as YAML with the values of these variables masked: they may be secrets."""
    document = json.loads(pods)
    containers = [
        container
        for pod in document["items"]
        for kind in ("containers", "initContainers")
        for container in pod["spec"].get(kind, ())
    ]
    for variable in (variable for container in containers for variable in container.get("env", ())):
        if variable["name"] in names:
            variable["value"] = MASK
    text: str = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    return text
