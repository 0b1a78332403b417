"""How many workers a run has, and what must run in the same one."""

import re
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

from tests.harness.plugin.long_waits import WORKERS, workers_for
from tests.harness.plugin.selection import ENVIRONMENTS, asked_for, subject_given
from tests.harness.subject.tables import SubjectFileError
from tests.harness.themes import mutants

_MUTANTS = {mutant.name for mutant in mutants()}


class _Together(LoadGroupScheduling):  # type: ignore[misc]  # xdist carries no types
    """
    Decides what must run in the same worker: tests that share something that takes seconds to set up.

    In containers each worker keeps a stack, and replacing the gateway in it is slow: so each mutant stays with one
    worker, and so does the subject, in two halves: what only this environment can host, and the rest. The suite's own
    tests go file by file, as some begin with a run of the suite. Grouping is by name, as marks do not work:
    pytest-xdist 3.8 puts a group into a node id that pytest 9.2 computes again.
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
    """Decide which behaviours stay together."""
    return _Together(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """
    Decide how many workers there are, unless --numprocesses does: in containers each one has containers to set up.

    It is called before pytest_configure, which reports a mistake in the subject's file.
    """
    if any(asked_for(environment, config) for environment in ENVIRONMENTS if environment != "loopback"):
        return WORKERS
    try:
        subject = subject_given(config)
    except (SubjectFileError, pytest.UsageError):
        return WORKERS
    whole = re.search(r"\bnot extended\b", config.option.markexpr) is None
    return workers_for(subject.promises, whole=whole) if subject else WORKERS
