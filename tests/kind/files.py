"""
Files of a subject in its pod.

They come from annotations of the pod itself, through the Downward API: they need no object next to the pod, no right to
create one, and nothing that outlives the pod.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from tests.harness.subject.files import IN_CONTAINERS

VOLUME = "files"

PREFIX = "files.grpc-lb-conformance/"
"""The prefix of the annotations; a number follows."""


def add_files(pod: dict[str, Any], files: Mapping[str, bytes]) -> None:
    """Have the first container of a pod see these files, by their paths below IN_CONTAINERS."""
    if not files:
        return
    annotations = pod["metadata"].setdefault("annotations", {})
    items = []
    for number, (path, content) in enumerate(files.items()):
        annotations[f"{PREFIX}{number}"] = content.decode()
        source = {"fieldPath": f"metadata.annotations['{PREFIX}{number}']"}
        items.append({"path": str(PurePosixPath(path).relative_to(IN_CONTAINERS)), "fieldRef": source})
    pod["spec"].setdefault("volumes", []).append({"name": VOLUME, "downwardAPI": {"items": items}})
    mounts = pod["spec"]["containers"][0].setdefault("volumeMounts", [])
    mounts.append({"name": VOLUME, "mountPath": IN_CONTAINERS, "readOnly": True})
