"""Where the time of a run went: what is forced counts once, and is shared by the workers."""

from pathlib import Path

import pytest

from tests.harness.commands.benchmark import Cost, costs, covered, main, table
from tests.unit.helpers.saved_report import result, save

COSTS = [Cost("test_retry.py", 4.0, 3.0), Cost("test_retry.py", 2.0, 1.0), Cost("test_recovery.py", 6.0, 5.0)]


def test_what_overlaps_is_waited_for_once() -> None:
    """Two calls at the same time are one wait; a gap between two is none."""
    assert covered([(0.0, 2.0), (1.0, 3.0), (1.5, 1.6), (5.0, 6.0)]) == pytest.approx(4.0)
    assert covered([]) == 0.0


def test_workers_share_what_is_forced() -> None:
    """Nine forced seconds are four and a half for two workers, and five for ten: one behaviour takes as long."""
    assert "2 workers took 6 s, at least 5 s were forced: 1.20 times as long, within the goal of 1.5" in table(
        COSTS, 6.0, 2
    )
    assert "1 workers took 18 s, at least 9 s were forced: 2.00 times as long, above the goal of 1.5" in table(
        COSTS, 18.0, 1
    )


def test_files_stand_with_the_longest_first() -> None:
    """Each has its runs, their seconds, what of these is forced, and the longest of that; then comes the sum."""
    rows = [line.split() for line in table(COSTS, 6.0, 2).splitlines()[1:4]]

    assert rows == [
        ["retry", "2", "6.0", "4.0", "3.0"],
        ["recovery", "1", "6.0", "5.0", "5.0"],
        ["all", "3", "12.0", "9.0", "5.0"],
    ]


def test_a_saved_run_is_read(tmp_path: Path) -> None:
    """A reply that took 0.4 s and a wait of 1.0 s from then on make 1.4 s."""
    order = {"id": "o", "sent": 100.0, "received": 100.4, "status": 200, "code": "OK", "served_by": "a", "message": ""}
    lines = [
        {"at": 0.0, "event": "began", "monotonic": 100.0},
        {"at": 0.0, "event": "order", **order},
        {"at": 0.4, "event": "waited", "ended": 101.4},
    ]
    save(tmp_path, [result(file="test_retry.py", seconds=2.0, timeline="a/timeline.jsonl")], lines)

    (cost,) = costs(tmp_path)

    assert (cost.file, cost.seconds) == ("test_retry.py", 2.0)
    assert cost.forced == pytest.approx(1.4)


def test_a_folder_without_a_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be read is told, with status 1."""
    assert main([str(tmp_path), "--workers", "2"]) == 1
    assert "does not hold a readable report" in capsys.readouterr().err
