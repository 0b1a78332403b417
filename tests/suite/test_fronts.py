"""The examples of subjects with other fronts, judged as by a user: right ones hold, wrong ones fail by their cause."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.harness.paths import ROOT
from tests.suite.nested import finished

EXAMPLES = ROOT / "docs" / "examples" / "fronts"

BALANCING = "serial_calls_rotate or concurrent_calls_are_spread or each_replica_has_exactly_one"
RETRIES = "a_retryable_code_is_retried"

CONFORMANT, NONCONFORMANT = 0, 1


def judged(example: str, behaviours: str, folder: Path) -> tuple[int, str]:
    """Return the exit status and the words, in one line, of a run that judges an example by some behaviours."""
    subject = EXAMPLES / f"{example}.toml"
    options = [f"--subject={subject}", f"--report={folder}", "-n0", "-m", "loopback", "-k", behaviours]
    done = finished(*options, within=180)
    if "the machine was too busy" in " ".join(done.stdout.split()):
        pytest.skip("the machine was too busy to judge it")
    return done.returncode, " ".join(done.stdout.split())


@pytest.mark.parametrize("example", ["grpc", "grpc-stream", "stdio", "self"])
def test_an_example_keeps_what_it_promises(example: str, tmp_path: Path) -> None:
    """Its calls are spread; where they are ordered, they are retried, too."""
    pytest.importorskip("grpc_tools")
    status, words = judged(
        example, BALANCING if example == "self" else f"{BALANCING} or {RETRIES}", tmp_path / "report"
    )

    assert status == CONFORMANT, words
    assert f"correlation: {'arrivals' if example == 'self' else 'request bytes'}" in words


@pytest.mark.parametrize("example", ["grpc-no-balancing", "stdio-no-balancing", "self-no-balancing"])
def test_an_example_without_a_policy_is_told_so(example: str, tmp_path: Path) -> None:
    """Through each front."""
    pytest.importorskip("grpc_tools")
    status, words = judged(example, "each_replica_has_exactly_one", tmp_path / "report")

    assert status == NONCONFORMANT, words
    assert "round_robin is not in effect" in words


@pytest.mark.parametrize("example", ["grpc-no-retries", "stdio-no-retries"])
def test_an_example_without_retries_is_told_so(example: str, tmp_path: Path) -> None:
    """Where calls are ordered."""
    pytest.importorskip("grpc_tools")
    status, words = judged(example, RETRIES, tmp_path / "report")

    assert status == NONCONFORMANT, words
    assert "No retry policy is in effect" in words


CARRIES = '"cart": "{id}", "quantity": 1'
"""What is in the request of an example."""


@pytest.mark.parametrize(
    ("carries", "found"),
    [
        ('"cart": "{number}"', "number in request bytes"),
        ('"quantity": {number}', "number in request bytes"),
        ('"quantity": 1', "serial"),
    ],
)
def test_an_example_is_judged_by_less_than_its_id(carries: str, found: str, tmp_path: Path) -> None:
    """By a number, as a text or an integer, and with calls one at a time that carry nothing: both are told apart."""
    pytest.importorskip("grpc_tools")
    folder = shutil.copytree(EXAMPLES, tmp_path / "examples")
    for example, status in (("grpc", CONFORMANT), ("grpc-no-retries", NONCONFORMANT)):
        file = folder / f"{example}.toml"
        file.write_text(file.read_text(encoding="utf-8").replace(CARRIES, carries), encoding="utf-8")
        judged_as, words = judged(str(file.with_suffix("")), f"{BALANCING} or {RETRIES}", tmp_path / example)

        assert judged_as == status, words
        assert f"correlation: {found}" in words


@pytest.mark.parametrize("example", ["grpc-no-retries", "stdio-no-retries", "self-no-balancing"])
def test_a_replay_comes_to_the_same_verdicts_and_causes(example: str, tmp_path: Path) -> None:
    """A report tells how the subject is called, and which method is judged."""
    pytest.importorskip("grpc_tools")
    judged(example, f"{BALANCING} or {RETRIES}", tmp_path / "report")
    finished(f"--replay={tmp_path / 'report'}", f"--report={tmp_path / 'again'}", within=180)

    assert _concluded(tmp_path / "again") == _concluded(tmp_path / "report")


def _concluded(folder: Path) -> list[dict[str, Any]]:
    """Return all of a report about each behaviour but how long it took."""
    rows = json.loads((folder / "report.json").read_text(encoding="utf-8"))["behaviours"]
    return [{name: value for name, value in row.items() if name not in {"seconds", "timeline"}} for row in rows]
