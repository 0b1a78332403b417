"""What a run keeps of its namespace."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import yaml

from tests.kind.kubectl import Cluster
from tests.kind.namespace import MASK, Namespace

if TYPE_CHECKING:
    from tests.kind.api import Api

PODS = {
    "items": [
        {
            "metadata": {"name": "gateway-1"},
            "spec": {
                "initContainers": [{"name": "a", "env": [{"name": "TOKEN", "value": "my secret"}]}],
                "containers": [
                    {
                        "name": "b",
                        "env": [
                            {"name": "TOKEN", "value": "my secret"},
                            {"name": "HTTP_ADDRESS", "value": "0.0.0.0:4000"},
                            {"name": "INSTANCE_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        ],
                    },
                    {"name": "c"},
                ],
            },
            "status": {"message": "\x1b\u0085 ended"},
        }
    ]
}


def test_pods_are_kept_without_the_values_that_a_subject_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its variables may hold secrets: the names stay, and everything else."""
    given: list[tuple[str, ...]] = []

    def _kubectl(_: Cluster, *arguments: str, **__: object) -> str:
        given.append(arguments)
        return json.dumps(PODS) if "--output=json" in arguments else "TOKEN"

    monkeypatch.setattr(Cluster, "kubectl", _kubectl)
    Namespace(Cluster("x"), "grpc-lb-1", tmp_path, cast("Api", None), "a-run").save({"TOKEN": "my secret"})
    text = (tmp_path / "pods.yaml").read_text(encoding="utf-8")
    kept = yaml.safe_load(text)

    assert "my secret" not in text
    assert "\x1b" not in text
    assert kept == json.loads(json.dumps(PODS).replace("my secret", MASK))
    assert len(given) == 3
