"""A real run is recorded, carried elsewhere and judged again: the same verdicts, unless the promises are others."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.harness.paths import REFERENCE_DOCS
from tests.suite.nested import finished

CHOSEN = """
(lost_connection or draining or unresponsive_replica or max_attempts or grows or every_kind)
and not (slow_resolution or naive_rotation or wrong_service or one_more or one_fewer or no_backoff)
"""
"""
Behaviours that look at the name server, at loads, at frozen replicas and at attempts, with a mutant or two each, and
one whose mutants only the checks of every behaviour convict.
"""

PROMISES = """
[subject]
name = "promises more"
tier = 2
[loopback]
command = ["./gateway"]
[promises]
max_attempts = 4
initial_backoff = 0.1
call_timeout = 1.5
reconnects_within = 0.5
min_resolution_interval = 0.5
"""


def report(folder: Path) -> dict[str, Any]:
    """Return what a run has left."""
    document: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return document


def rows(folder: Path) -> dict[str, tuple[str, str, str]]:
    """Return verdict, measure and message of each behaviour and each negative control."""
    document = report(folder)
    every = document["behaviours"] + document["negative_controls"]
    return {row["id"]: (row["verdict"], row["measured"], row["message"]) for row in every}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of a run, carried to another place."""
    folder = tmp_path_factory.mktemp("run")
    done = finished(
        "-m",
        "loopback and not extended and not positive_control",
        "-k",
        " ".join(CHOSEN.split()),
        "-n0",
        f"--report={folder / 'report'}",
    )
    assert done.returncode == 0, done.stdout
    carried = Path(shutil.move(folder / "report", folder / "carried"))
    shutil.rmtree(carried / "loopback")  # logs and ledgers: a replay needs none of them
    return carried


def test_a_replay_comes_to_the_same_verdicts(recorded: Path, tmp_path: Path) -> None:
    """Each verdict, measure and message is the same, mutants included, and the replay tells what it is."""
    done = finished(f"--replay={recorded}", f"--report={tmp_path / 'report'}")
    again = report(tmp_path / "report")

    assert done.returncode == 0
    assert rows(tmp_path / "report") == rows(recorded)
    assert len(again["negative_controls"]) > len(again["behaviours"]) > 4
    assert f"replayed from {recorded} ({report(recorded)['started']})" in " ".join(done.stdout.split())
    assert again["price"] == report(recorded)["price"]
    assert again["replayed"] == {"from": str(recorded), "started": report(recorded)["started"]}
    assert not (tmp_path / "report" / "loopback").exists()


def test_every_line_of_every_timeline_is_as_the_schema_says(recorded: Path) -> None:
    """What a real run writes is what docs/reference/timeline.schema.json publishes."""
    schema = Draft202012Validator(json.loads((REFERENCE_DOCS / "timeline.schema.json").read_text(encoding="utf-8")))
    files = list(recorded.glob("behaviours/*/timeline.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]

    assert len(files) == len(rows(recorded))
    assert {line["event"] for line in lines} >= {"replica connection_opened", "dns query", "waited", "operation"}
    assert [error.message for line in lines for error in schema.iter_errors(line)] == []


def test_a_replay_can_be_replayed(recorded: Path, tmp_path: Path) -> None:
    """The report of a replay has all that the first one had."""
    finished(f"--replay={recorded}", f"--report={tmp_path / 'one'}")
    done = finished(f"--replay={tmp_path / 'one'}", f"--report={tmp_path / 'two'}")

    assert done.returncode == 0
    assert rows(tmp_path / "two") == rows(recorded)


def test_other_promises_change_the_verdict(recorded: Path, tmp_path: Path) -> None:
    """With --subject the record is judged by that file's promises, and what differs is printed."""
    file = tmp_path / "subject.toml"
    file.write_text(PROMISES, encoding="utf-8")
    done = finished(
        f"--replay={recorded}", f"--subject={file}", f"--report={tmp_path / 'report'}", f"--compare={recorded}"
    )
    verdicts = {name: verdict for name, (verdict, *_) in rows(tmp_path / "report").items()}
    wrong = {name.partition("::")[2].partition("[")[0] for name in verdicts if verdicts[name] == "nonconformant"}

    assert done.returncode == 1
    assert wrong == {"test_a_retryable_code_is_retried_up_to_max_attempts", "test_retry_backoff_grows_as_promised"}
    assert "conformant -> nonconformant" in done.stdout


def test_the_replayed_folder_is_left_alone(recorded: Path) -> None:
    """A replay that would write over what it replays takes another folder."""
    before = sorted(recorded.rglob("*"))
    done = finished(f"--replay={recorded}", f"--report={recorded}", "-k", "draining")
    (other,) = recorded.parent.glob("carried-*")

    assert done.returncode == 0
    assert sorted(recorded.rglob("*")) == before
    assert rows(other)


def test_nothing_to_replay_is_told_so(tmp_path: Path) -> None:
    """Exit status 4: a folder without a report is named."""
    done = finished(f"--replay={tmp_path}", f"--report={tmp_path / 'report'}")

    assert done.returncode == 4
    assert f"ERROR: {tmp_path / 'report.json'}: cannot be read: No such file or directory" in done.stdout
