"""What is expected to fail: failures that the subject's file calls known, and what its gRPC library does."""

from collections.abc import Sequence

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.evidence.renamed import present_causes, present_key
from tests.harness.plugin.applying import cases_of_the_suite
from tests.harness.plugin.expected import EXPECTED, Expected
from tests.harness.plugin.kinds import own_parameter
from tests.harness.plugin.selection import COLLECTED, SUBJECT, behaviours_of_the_suite, keys_of, run_of
from tests.harness.subject.subject import Subject
from tests.harness.suggestion import did_you_mean


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("conformance", "what is judged")
    text = "count what the gateway's gRPC library is known to do wrong as failures"
    group.addoption("--strict-library", action="store_true", help=text)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark them. Raises UsageError for one that is not a behaviour, unless this is a worker: its controller does."""
    subject = config.stash[SUBJECT]
    if not hasattr(config, "workerinput"):
        _check(subject, config.stash[COLLECTED])
    every = _of_the_library(subject) if not config.getoption("--strict-library") else {}
    every.update(_of_the_subject(subject))  # what it knows itself comes first
    for item in items:
        run = run_of(item)
        known = next((every[key] for key in reversed(keys_of(item)) if key in every), None)
        if run and not run.instead and known:
            item.stash[EXPECTED] = known
            item.add_marker(known.mark)


def _of_the_library(subject: Subject) -> dict[str, Expected]:
    return {
        key: Expected(row.words, row.cause, row, subject.ours)
        for row in subject.library_properties
        for key in row.behaviours
    }


def _of_the_subject(subject: Subject) -> dict[str, Expected]:
    return {
        present_key(listed): Expected(reason, "".join(present_causes([subject.known_causes.get(listed, "")])))
        for listed, reason in subject.known_failures.items()
    }


class _InController:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Check them before any behaviour starts. Raises UsageError."""
        _check(self._config.stash[SUBJECT], {key for node_id in ids for key in _keys(node_id)})


def _keys(node_id: str) -> list[str]:
    """Return the names under which a behaviour may be listed, by its id."""
    path, _, function = node_id.partition("@")[0].partition("::")
    name = f"{path.rpartition('/')[2]}::{function.partition('[')[0]}"
    own = own_parameter(node_id)
    return [name, f"{name}[{own}]"] if own else [name]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have a mistake in them reported by the process that people see."""
    session.config.pluginmanager.register(_InController(session.config), "check of known failures")


def _check(subject: Subject, collected: set[str]) -> None:
    """Refuse a name, a parameter or a cause that does not exist. Raises UsageError."""
    listed = [present_key(key) for key in subject.known_failures]
    known = collected | behaviours_of_the_suite()
    for key in listed:
        if key.partition("[")[0] not in known:
            raise pytest.UsageError(f"[known_failures] {key!r} is not a behaviour{did_you_mean(key, known)}")
    with_case = [key for key in listed if "[" in key]
    every = collected | cases_of_the_suite() if with_case else set()
    for key in with_case:
        if key not in every:
            name = key.partition("[")[0]
            near = did_you_mean(key, [other for other in every if other.startswith(f"{name}[")] or [name])
            raise pytest.UsageError(f"[known_failures] {key!r} is not a case of that behaviour{near}")
    for cause in present_causes(subject.known_causes.values()):
        if cause not in CAUSES:
            raise pytest.UsageError(f"[known_failures] {cause!r} is not a cause{did_you_mean(cause, CAUSES)}")
