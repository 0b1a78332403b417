"""The examples of subjects with other fronts, judged as by a user: right ones hold, wrong ones fail by their cause."""

from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.suite.nested import finished

EXAMPLES = ROOT / "docs" / "examples" / "fronts"

BALANCING = "serial_calls_rotate or concurrent_calls_are_spread or each_replica_has_exactly_one"
RETRIES = "a_retryable_code_is_retried"

CONFORMANT, NONCONFORMANT = 0, 1


def judged(example: str, behaviours: str, folder: Path) -> tuple[int, str]:
    """Return the exit status and the words, in one line, of a run that judges an example by some behaviours."""
    options = [f"--subject={EXAMPLES / example}.toml", f"--report={folder}", "-n0", "-m", "loopback", "-k", behaviours]
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
