"""What has to meet the same worker, where a run has several."""

from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

from tests.harness.plugin.selection import ENVIRONMENTS
from tests.harness.themes import mutants

_MUTANTS = {mutant.name for mutant in mutants()}


class _Together(LoadGroupScheduling):  # type: ignore[misc]  # xdist carries no types
    """
    Says what has to meet the same worker: what shares something that takes seconds to make.

    In containers each worker keeps a stack, and what takes long is another gateway in it: so each mutant stays with one
    worker, and so does the subject, in two halves, what only this environment can host and the rest. The suite's own
    tests go file by file, as some begin with a run of the suite. By name, as marks do not do it: pytest-xdist 3.8 puts
    a group into a node id that pytest 9.2 computes anew.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        environment, *others = nodeid.partition("[")[2].rstrip("]").split("-")
        if environment == "loopback":
            return str(super()._split_scope(nodeid))
        if environment not in ENVIRONMENTS:
            return file
        half = "own" if file.startswith(f"tests/{environment}/") else "shared"
        return f"{environment}, {others[0] if others and others[0] in _MUTANTS else half}"


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadGroupScheduling | None:  # noqa: ANN401, xdist's own
    """Say which behaviours stay together."""
    return _Together(config, log) if config.getvalue("dist") == "loadgroup" else None
