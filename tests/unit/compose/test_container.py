"""What a container of Compose is created with."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.compose import container
from tests.compose.container import Launch, Project
from tests.harness.paths import ROOT


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


def test_a_judged_container_is_limited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As compose.yaml has it for the gateway: memory, processes, rights and log; a ledger has no limit."""
    created: dict[str, dict[str, Any]] = {}
    endpoint = SimpleNamespace(create_endpoint_config=lambda **_: {})
    containers = SimpleNamespace(create=lambda *_, **options: created.update({options["name"]: options}))
    monkeypatch.setattr(container, "engine", lambda: SimpleNamespace(containers=containers, api=endpoint))
    services = _services((ROOT / "tests" / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    for name in services:
        Launch(name, name, 1, {}).create(Project("p", tmp_path, services, tmp_path))
    gateway, order = created["p-gateway-1"], created["p-order-service-1"]

    assert (gateway["mem_limit"], gateway["memswap_limit"], gateway["pids_limit"]) == (2 << 30, 2 << 30, 4096)
    assert gateway["security_opt"] == order["security_opt"] == ["no-new-privileges:true"]
    assert gateway["log_config"]["Config"] == {"max-size": "64m", "max-file": "2"}
    assert not order["log_config"]["Config"]
    assert "mem_limit" not in order


def _services(text: str) -> dict[str, dict[str, Any]]:
    """Return the services of a compose file, as Compose resolves them."""
    services: dict[str, dict[str, Any]] = yaml.safe_load(text.replace(": 2g", f": {2 << 30}"))["services"]
    return {name: {**model, "image": name, "labels": {}} for name, model in services.items()}
