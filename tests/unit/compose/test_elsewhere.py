"""What runs elsewhere left is reported after a day, with what removes it, and never removed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.compose.elsewhere import Left, reported
from tests.harness.world import runs

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OTHER = "0000000000-42-89abcdef"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a folder of runs for itself."""
    monkeypatch.setattr(runs, "RUNS", tmp_path)
    return tmp_path


def left(label: str, what: str = "container", hours: float = 25) -> Left:
    """Return something that is so old."""
    return Left(label, what, NOW - timedelta(hours=hours), f"remove {what}s of {label}")


def test_what_is_older_than_a_day_is_reported_with_the_command() -> None:
    """Run by run, each command once."""
    found = [left(OTHER), left(OTHER, hours=30), left(OTHER, "network", hours=1000), left("x", hours=24.1)]

    assert reported(iter(found), NOW) == [
        f"left since 2026-10-17 20:00 UTC by run {OTHER}, which is not of this machine: 2 containers, 1 network",
        f"if that run has ended: remove containers of {OTHER}; remove networks of {OTHER}",
        "left since 2026-11-27 11:54 UTC by run x, which is not of this machine: 1 container",
        "if that run has ended: remove containers of x",
    ]


@pytest.mark.parametrize("label", ["by-hand", "kept", f"{OTHER}-kept"])
def test_what_is_there_on_purpose_is_not_reported(label: str) -> None:
    """Started by hand, or kept by --keep."""
    assert reported(iter([left(label)]), NOW) == []


def test_what_is_younger_is_not_reported() -> None:
    """A run elsewhere may well be at it."""
    assert reported(iter([left(OTHER, hours=23.9)]), NOW) == []


def test_what_is_of_a_run_of_this_machine_is_not_reported(folder: Path) -> None:
    """It is alive, or will be swept."""
    (folder / OTHER).mkdir()

    assert reported(iter([left(OTHER)]), NOW) == []


def test_of_many_runs_three_are_reported() -> None:
    """The rest is counted."""
    lines = reported((left(f"000000000{number}-1-01234567") for number in range(5)), NOW)

    assert len(lines) == 7
    assert lines[-1] == "and by 2 more runs"
