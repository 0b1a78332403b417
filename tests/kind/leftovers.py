"""
What a run leaves on Kubernetes: clusters, namespaces, objects in given namespaces, images on nodes of others' clusters.

A run notes each before it exists (tests/harness/world/runs.py), and the next run removes those of dead runs. That may
fail, as the cluster may not be the one that is used now: then the note stays for a later run.
"""

import contextlib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.compose.docker import IMAGES, RUN_LABEL, DockerError, command, engine, engine_errors, engine_host
from tests.compose.elsewhere import Left, reported
from tests.harness.world.runs import Run, dead_runs
from tests.kind.kubectl import Cluster, KubernetesError, run
from tests.kind.namespace import remove_objects

NODE_LABEL = "io.x-k8s.kind.cluster"
"""kind's label on its nodes: the name of their cluster."""

PREFIX = "grpc-lb-"
"""The prefix of the names of clusters that runs create for themselves; their label follows."""


def clusters(kind: Path) -> list[str]:
    """Return the names of kind's clusters on this machine. Raises KubernetesError if Docker does not respond."""
    try:
        command("version", "--format", "{{.Server.Version}}")
    except DockerError as error:
        raise KubernetesError(f"kind needs Docker: {error}") from None
    return run([str(kind), "get", "clusters", "--quiet"]).split()


# What is on the engine: clusters, and nodes


def cluster_note() -> str:
    """Return the note that the cluster which a run created for itself may be left."""
    return f"kind cluster on {engine_host()}"


def nodes_note(name: str) -> str:
    """Return the note that images of a run may be left on the nodes of a kind cluster."""
    return f"kind nodes on {engine_host()}: {name}"


def sweep_engine(kind: Path) -> None:
    """Remove the clusters of dead runs, and their images from the nodes of others."""
    with _dead(cluster_note()) as runs:
        there = clusters(kind) if runs else []
        for earlier in runs:
            with contextlib.suppress(KubernetesError):
                if (name := f"{PREFIX}{earlier.label}") in there:
                    run([str(kind), "delete", "cluster", f"--name={name}"])
                earlier.done(cluster_note())
    with _dead(nodes_note("")) as runs:
        there = clusters(kind) if runs else []
        for earlier in runs:
            for name in _after(nodes_note(""), earlier):
                with contextlib.suppress(KubernetesError, DockerError):
                    if name in there:
                        unload(kind, name, earlier.label)
                    earlier.done(nodes_note(name))


def unload(kind: Path, name: str, label: str) -> None:
    """Remove the images of a run from the nodes of a kind cluster. Raises KubernetesError or DockerError."""
    for node in run([str(kind), "get", "nodes", f"--name={name}"]).split():
        # not crictl: it removes an image with all its names, and another run may have the same image under its own
        ctr = ("exec", node, "ctr", "--namespace=k8s.io", "images")
        if references := references_of(command(*ctr, "ls"), label):
            command(*ctr, "rm", *references)


def references_of(listed: str, label: str) -> list[str]:
    """Return the names of a run's images in a node's list, with those that containerd and kind gave the same images."""
    rows = [(words[0], words[2]) for words in (line.split() for line in listed.splitlines()[1:]) if len(words) > 2]
    ours = [
        reference for reference, _ in rows if reference in {f"docker.io/library/{image}:{label}" for image in IMAGES}
    ]
    digests = {digest for reference, digest in rows if reference in ours}
    same = [reference for reference, digest in rows if digest in digests and reference not in ours]
    imported = [reference for reference in same if reference.startswith(("import-", "sha256:"))]
    return ours + (imported if imported == same else [])  # another run has it


# What is in a cluster: namespaces, and objects in given ones


def namespaces_note(cluster: Cluster) -> str:
    """Return the note that namespaces of a run may be left on a cluster."""
    return f"namespaces at {cluster.server()}"


def objects_note(cluster: Cluster, namespace: str) -> str:
    """Return the note that objects of a run may be left in a given namespace of a cluster."""
    return f"objects at {cluster.server()}: {namespace}"


def sweep_namespaces(cluster: Cluster) -> None:
    """Remove the namespaces of dead runs."""
    note = namespaces_note(cluster)
    with _dead(note) as runs:
        for earlier in runs:
            with contextlib.suppress(KubernetesError):
                _delete_namespaces(cluster, earlier.label)
                earlier.done(note)


def sweep_objects(cluster: Cluster, namespace: str) -> None:
    """Remove what dead runs left in a given namespace."""
    note = objects_note(cluster, namespace)
    with _dead(note) as runs:
        for earlier in runs:
            with contextlib.suppress(KubernetesError):
                remove_objects(cluster, namespace, earlier.label)
                earlier.done(note)


def remove_namespaces(cluster: Cluster, label: str) -> None:
    """Remove every namespace of one run and wait until they are removed. Raises KubernetesError."""
    _delete_namespaces(cluster, label)
    gone = ("--for=delete", "--timeout=120s")
    cluster.kubectl("wait", "namespace", f"--selector={RUN_LABEL}={label}", *gone, patience=130)


def _delete_namespaces(cluster: Cluster, label: str) -> None:
    found = json.loads(cluster.kubectl("get", "namespaces", f"--selector={RUN_LABEL}={label}", "--output=json"))[
        "items"
    ]
    names = [namespace["metadata"]["name"] for namespace in found]
    if names:
        cluster.kubectl("delete", "namespace", *names, "--ignore-not-found", "--wait=false")


# What runs elsewhere left


def elsewhere(cluster: Cluster) -> list[str]:
    """Return the lines about namespaces that runs elsewhere left on a cluster. Raises KubernetesError."""
    found = json.loads(cluster.kubectl("get", "namespaces", f"--selector={RUN_LABEL}", "--output=json"))["items"]
    return reported((_left(cluster, item["metadata"]) for item in found), datetime.now(UTC))


def _left(cluster: Cluster, metadata: Mapping[str, Any]) -> Left:
    label = metadata["labels"][RUN_LABEL]
    remove = shlex.join(cluster.command("delete", "namespaces", f"--selector={RUN_LABEL}={label}"))
    return Left(label, "namespace", datetime.fromisoformat(metadata["creationTimestamp"]), remove)


def clusters_elsewhere() -> list[str]:
    """Return the lines about kind clusters that runs elsewhere left on this engine. Raises DockerError."""
    with engine_errors("looking for what other runs left"):
        nodes = engine().api.containers(all=True, filters={"label": NODE_LABEL})
    return reported(_clusters(nodes), datetime.now(UTC))


def _clusters(nodes: Iterable[Mapping[str, Any]]) -> Iterator[Left]:
    for node in nodes:
        name = node["Labels"][NODE_LABEL]
        if name.startswith(PREFIX):
            since = datetime.fromtimestamp(node["Created"], UTC)
            yield Left(name.removeprefix(PREFIX), "node of kind", since, f"kind delete cluster --name={name}")


@contextlib.contextmanager
def _dead(note: str) -> Iterator[list[Run]]:
    """Yield the dead runs with a note that starts like this."""
    with dead_runs() as runs:
        yield [earlier for earlier in runs if any(its.startswith(note) for its in earlier.notes)]


def _after(start: str, earlier: Run) -> list[str]:
    return [note.removeprefix(start) for note in earlier.notes if note.startswith(start)]
