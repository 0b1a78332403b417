"""Capabilities: what the table says that an environment has is what its driver composes."""

from collections.abc import Iterator
from inspect import getattr_static
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.compose.environment import ComposeEnvironment
from tests.harness.plugin import fixtures
from tests.harness.world.capabilities import CAPABILITIES
from tests.kind.environment import KindEnvironment
from tests.kind.verbs import ClusterVerbs
from tests.loopback.environment import LoopbackEnvironment


def hosted(environment: str) -> set[str]:
    """Return the capabilities that an environment has, by the table."""
    return {name for name, where in CAPABILITIES.items() if environment in where.environments}


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[LoopbackEnvironment]:
    """Return an environment without any process."""
    environment = LoopbackEnvironment(tmp_path, 2)
    yield environment
    environment.end()


def test_loopback_composes_what_the_table_says(loopback: LoopbackEnvironment) -> None:
    """No more and no less."""
    assert set(loopback.capabilities) == hosted("loopback")


def test_compose_composes_what_the_table_says() -> None:
    """No more and no less."""
    project = cast("Any", SimpleNamespace(folder=Path()))

    assert set(ComposeEnvironment(project, 2).capabilities) == hosted("compose")


def test_kubernetes_composes_what_the_table_says() -> None:
    """No more and no less; a namespace of its own takes a cluster, so it is the class that is looked at."""
    assert hosted("kind") == {"cluster"}
    assert "ClusterVerbs" in KindEnvironment.__init__.__code__.co_names
    assert {"take_readiness", "evict", "roll_out"} <= set(vars(ClusterVerbs))


def test_each_capability_is_a_fixture() -> None:
    """A behaviour asks for it by that name."""
    assert {name for name in CAPABILITIES if not hasattr(fixtures, name)} == set()


def test_the_class_of_the_loopback_environment_stays_small() -> None:
    """What only some behaviours need is a part of its own."""
    public = [name for name in dir(LoopbackEnvironment) if not name.startswith("_")]
    methods = [
        name for name in public if not isinstance(getattr_static(LoopbackEnvironment, name), (str, float, bool, int))
    ]

    assert len(methods) <= 20, methods
