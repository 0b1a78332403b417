"""How much memory a run takes when its gateway floods it."""

from pathlib import Path

import pytest

from tests.suite.memory import FLOODS, MOST, peak


@pytest.mark.parametrize(("gateway", "statuses"), [("", {0}), *((flood, {0, 1, 6}) for flood in FLOODS)])
def test_no_gateway_can_fill_the_memory(gateway: str, statuses: set[int], tmp_path: Path) -> None:
    """A right one takes no more than the floods may; `python -m tests.suite.memory` measures whole core runs."""
    mebibytes, status = peak(tmp_path, gateway, ["-k", "serial_calls or concurrent_calls_are_spread"])

    assert status in statuses
    assert mebibytes <= MOST
