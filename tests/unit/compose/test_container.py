"""What a container of Compose is created with."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.compose import container
from tests.compose.container import Launch, Project


def test_a_container_inherits_nothing_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its variables are the service's and the launch's: none of the shell's, and no proxy of Docker's settings."""
    created: dict[str, Any] = {}
    endpoint = SimpleNamespace(create_endpoint_config=lambda **_: {})
    containers = SimpleNamespace(create=lambda *_, **options: created.update(options))
    monkeypatch.setattr(container, "engine", lambda: SimpleNamespace(containers=containers, api=endpoint))
    monkeypatch.setenv("API_TOKEN", "secret")
    services = {"gateway": {"image": "acme", "environment": {"A": "1"}, "labels": {}}}
    Launch("gateway", "gateway", 1, {"B": "2"}).create(Project("p", tmp_path, services, tmp_path))

    assert created["environment"] == {"A": "1", "B": "2"}
    assert created["use_config_proxy"] is False
