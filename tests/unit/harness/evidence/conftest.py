"""Where behaviours are played."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.world.waits import play_with
from tests.unit.helpers.replayed import Running, Stage
from tests.unit.helpers.small_gateway import Gateway


@pytest.fixture
def stage(gateway: Gateway, tmp_path: Path) -> Iterator[Stage]:
    """Return where behaviours are played; whatever happens, the clock is the real one again."""
    yield Stage(Running(gateway), tmp_path)
    play_with(None)
