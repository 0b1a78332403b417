"""What runs in the same worker: the groups themselves, and that pytest-xdist still forms groups as we tell it."""

import json
from pathlib import Path

import pytest
from xdist.scheduler import LoadGroupScheduling

from tests.harness.plugin.scheduling import _Together
from tests.unit.helpers.inner_run import run

EIGHT = '''
import json
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(8))
def test_notes_its_worker(number, worker_id):
    """Of the suite itself: no environment is in its name."""
    Path(f"worker-{number}.json").write_text(json.dumps(worker_id))
'''
"""Tests of one file, each of which leaves the name of the worker that ran it."""


def scope(nodeid: str) -> str:
    """Return the group of a test."""
    return _Together._split_scope(object.__new__(_Together), nodeid)


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        (
            "tests/behaviours/retry/test_retry.py::test_a[loopback]",
            "tests/behaviours/retry/test_retry.py::test_a[loopback]",
        ),
        ("tests/behaviours/retry/test_retry.py::test_a[compose]", "compose, shared"),
        ("tests/behaviours/retry/test_retry.py::test_a[compose-ABORTED]", "compose, shared"),
        ("tests/behaviours/retry/test_retry.py::test_a[compose-pick_first]", "compose, pick_first"),
        ("tests/behaviours/retry/test_retry.py::test_a[kind-pick_first-ABORTED]", "kind, pick_first"),
        ("tests/kind/test_kind.py::test_a[kind]", "kind, own"),
        ("tests/unit/test_a.py::test_a[1-2]", "tests/unit/test_a.py"),
        ("tests/unit/test_a.py::test_a", "tests/unit/test_a.py"),
    ],
)
def test_what_shares_something_slow_stays_together(nodeid: str, group: str) -> None:
    """Behaviours on loopback go where there is room; in containers a mutant, or half of the subject, is one group."""
    assert scope(nodeid) == group


@pytest.mark.parametrize(
    ("options", "workers"), [([], 1), (["-p", "no:tests.harness.plugin.scheduling"], 2)], ids=["ours", "xdist's own"]
)
def test_xdist_forms_the_groups_that_it_is_told(tmp_path: Path, options: list[str], workers: int) -> None:
    """
    A file of the suite's own tests stays with one worker; without our scheduler two share it.

    `_split_scope` is a private method of pytest-xdist: a release that renames it would silently ignore ours.
    """
    outcome = run(tmp_path, EIGHT, "-n2", "--dist=loadgroup", *options)
    ran = {json.loads(file.read_text(encoding="utf-8")) for file in tmp_path.glob("worker-*.json")}

    assert outcome.status == 0
    assert len(ran) == workers


def test_the_private_method_is_the_one_that_xdist_has() -> None:
    """Named, so that a rename is the first thing one reads."""
    assert "_split_scope" in vars(LoadGroupScheduling)
