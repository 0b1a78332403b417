"""The failures that the subject's file calls known: they are expected, and strictly so."""

from collections.abc import Iterable, Sequence

import pytest

from tests.harness.evidence.renamed import present_key
from tests.harness.plugin.selection import COLLECTED, SUBJECT, behaviours_of_the_suite, keys_of, run_of
from tests.harness.suggestion import did_you_mean


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark them. Raises UsageError for one that is not a behaviour, unless this is a worker: its controller does."""
    known = config.stash[SUBJECT].known_failures
    if not hasattr(config, "workerinput"):
        _check(known, config.stash[COLLECTED])
    for listed, reason in known.items():
        key = present_key(listed)
        for item in items:
            run = run_of(item)
            if run and not run.instead and key in keys_of(item):
                item.add_marker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


class _InController:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Check them before any behaviour starts. Raises UsageError."""
        collected = {node_id.partition("[")[0].rpartition("/")[2] for node_id in ids}
        _check(self._config.stash[SUBJECT].known_failures, collected)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have a mistake in them reported by the process that people see."""
    session.config.pluginmanager.register(_InController(session.config), "check of known failures")


def _check(listed: Iterable[str], collected: set[str]) -> None:
    known = collected | behaviours_of_the_suite()
    for key in map(present_key, listed):
        if key.partition("[")[0] not in known:
            raise pytest.UsageError(f"[known_failures] {key!r} is not a behaviour{did_you_mean(key, known)}")
