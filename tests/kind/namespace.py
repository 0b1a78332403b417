"""
A namespace of a run: what is created in it, what is kept of it, and its removal.

It is one that the run creates, or one that it was given (--kube-namespaces), of which only the run's objects are
removed. Each object carries the label of its run.
"""

import contextlib
import copy
import json
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.compose.docker import RUN_LABEL
from tests.harness.world.eventually import reached
from tests.kind.api import Api, path_of
from tests.kind.kubectl import COMMAND_PATIENCE, Cluster, KubernetesError

REMOVING = 90.0
"""Seconds that the objects of a run may take to disappear."""

MASK = "(not shown)"
"""In place of a value in a report."""


@dataclass(frozen=True)
class Namespace:
    """
    A namespace of this run; the output of its pods is kept in `folder`.

    `label` is the run's, and `given` tells that the namespace existed before.
    """

    cluster: Cluster
    name: str
    folder: Path
    api: Api
    label: str
    given: bool = False

    def command(self, *arguments: str) -> list[str]:
        """Return the arguments of a kubectl command in this namespace."""
        return self.cluster.command(f"--namespace={self.name}", *arguments)

    def kubectl(self, *arguments: str, given: str = "", patience: float = COMMAND_PATIENCE) -> str:
        """Run kubectl in this namespace. Raises KubernetesError."""
        return self.cluster.kubectl(f"--namespace={self.name}", *arguments, given=given, patience=patience)

    def create(self, *manifests: dict[str, Any]) -> list[dict[str, Any]]:
        """Create these objects, with the label of this run, and return them. Raises KubernetesError."""
        return [
            self.api.post(path_of(manifest["kind"], self.name), _labelled(manifest, self.label))
            for manifest in manifests
        ]

    def open(self) -> None:
        """Create it, or see that it is empty, and wait until it can hold pods. Raises KubernetesError."""
        if self.given:
            self._check_empty()
        else:
            metadata = {"name": self.name, "labels": {RUN_LABEL: self.label}}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            self.cluster.kubectl("create", "--filename=-", given=json.dumps(body))
        # each pod needs it, and a controller creates it shortly after the namespace
        account = ("get", "serviceaccount", "default", "--ignore-not-found", "--output=name")
        reached(lambda: self.kubectl(*account), within=COMMAND_PATIENCE, what=f"{self.name} has a service account")

    def _check_empty(self) -> None:
        found = json.loads(self.kubectl("get", "pods,services", "--output=json"))["items"]
        if not found:
            return
        labels = sorted({str(item["metadata"].get("labels", {}).get(RUN_LABEL, "")) for item in found})
        whose = f"run {', '.join(labels)} is using it, or left something there" if any(labels) else "it is in use"
        one = f"{found[0]['kind'].lower()} {found[0]['metadata']['name']}"
        raise KubernetesError(
            f"namespace {self.name!r} of --kube-namespaces is not empty (it holds {one}): {whose}. Give each run "
            "namespaces for itself"
        )

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
        """Remove it with everything in it, without waiting for that; if it was given, remove the objects in it."""
        if self.given:
            remove_objects(self.cluster, self.name, self.label)
        else:
            self.cluster.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--wait=false")

    def look_around(self) -> list[str]:
        """Return the commands to inspect it, and to remove what is kept."""
        remove = self.cluster.command("delete", "namespace", self.name)
        commands = (
            self.command("get", "all,endpointslices", "--output=wide"),
            self.command("logs", "--follow", "--selector=app", "--prefix", "--max-log-requests=20"),
            self.command("delete", _KINDS, f"--selector={RUN_LABEL}={self.label}") if self.given else remove,
        )
        return [shlex.join(command) for command in commands]


_KINDS = "deployments,services,pods"
"""What a run creates in a namespace; a Deployment's ReplicaSets and pods go with it."""


def remove_objects(cluster: Cluster, namespace: str, label: str) -> None:
    """Remove the objects of one run from a namespace, and wait until they are removed. Raises KubernetesError."""
    selector, patience = f"--selector={RUN_LABEL}={label}", f"--timeout={REMOVING:.0f}s"
    within = (
        f"--namespace={namespace}",
        "delete",
        _KINDS,
        selector,
        "--ignore-not-found",
        "--grace-period=1",
        patience,
    )
    cluster.kubectl(*within, patience=REMOVING + 10)


def _labelled(manifest: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return an object with the label of a run, which a Deployment's pods get too."""
    body = copy.deepcopy(dict(manifest))
    template = body.get("spec", {}).get("template")
    for part in (body, *([template] if template else [])):
        part["metadata"]["labels"] = {**part["metadata"].get("labels", {}), RUN_LABEL: label}
    return body


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
