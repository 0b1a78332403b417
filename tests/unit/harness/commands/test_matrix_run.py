"""What is run for the published matrix, and what is said of what was not."""

from pathlib import Path

import pytest

from tests.harness.commands.matrix.layout import LETTERS
from tests.harness.commands.matrix.matrix_json import collected
from tests.harness.commands.matrix.run import ON_KUBERNETES, Planned, judge, planned, status_of
from tests.harness.paths import ROOT
from tests.harness.subject.subject import Subject
from tests.unit.helpers.saved_report import result, save


def test_what_there_is_to_run_comes_from_the_subject_files() -> None:
    """Loopback for who has a command that can be pointed at our name server, Compose for who has an image."""
    runs = {run.name: run for run in planned()}
    folders = {file.parent.name for file in ROOT.glob("services/gateways/*/subject.toml")}

    assert {run.gateway for run in runs.values()} == {*folders, "gateway"}
    assert all(not run.subject.reason_against(run.environment) for run in runs.values())
    assert {f"gateway-{environment}" for environment in LETTERS} <= set(runs)
    assert {run.gateway for run in runs.values() if run.environment == "kind"} == ON_KUBERNETES


@pytest.mark.parametrize(
    ("tier", "where", "chosen"),
    [
        (1, "loopback", "loopback and not extended"),
        (2, "loopback", "loopback"),
        (1, "compose", "compose"),
        (2, "kind", "kind"),
    ],
)
def test_a_black_box_is_spared_what_is_extended(tmp_path: Path, tier: int, where: str, chosen: str) -> None:
    """On loopback; containers leave it out by themselves."""
    assert Planned(tmp_path, Subject("a", tmp_path, tier=tier), where).chosen == chosen


def _planned(folder: Path, makefile: str = "") -> Planned:
    """Return a run of a gateway whose Makefile has these lines."""
    (folder / "gateway").mkdir()
    if makefile:
        (folder / "gateway" / "Makefile").write_text(makefile, encoding="utf-8")
    subject = Subject(
        "Rust gateway", folder / "gateway", language="rust", tier=2, command=("./gateway",), library="tonic 0.14"
    )
    return Planned(folder / "gateway" / "subject.toml", subject, "loopback")


def test_a_missing_tool_leaves_a_run_out_and_says_so(tmp_path: Path) -> None:
    """The folder holds what the pages need, and no report of an earlier run."""
    run = _planned(tmp_path, "build:\n\tno-such-cargo build\n")
    folder = save(tmp_path / "report", [result()])

    verdict = judge(run, folder, [])

    assert verdict.startswith("left out: `make build` failed: make")
    assert "no-such-cargo" in verdict
    entry = collected([folder])["runs"][0]
    assert (entry["gateway"], entry["library"], entry["environment"]) == ("Rust gateway", "tonic 0.14", "loopback")
    assert entry["reason"] in verdict
    assert not (folder / "report.json").exists()


def test_a_usage_error_leaves_a_run_out_in_the_words_of_pytest(tmp_path: Path) -> None:
    """The line that pytest says to people."""
    run = _planned(tmp_path)
    run.file.write_text("[subjekt]\n", encoding="utf-8")

    verdict = judge(run, tmp_path / "report", [])

    assert verdict == f"left out: {run.file}: unknown section: 'subjekt'; did you mean 'subject'?"


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["conformant", "conformant"], 0),
        (["conformant", "inconclusive", "nonconformant"], 1),
        (["conformant", "inconclusive"], 6),
        (["conformant", "left out: no cargo"], 6),
        ([], 6),
    ],
)
def test_the_exit_status_is_that_of_a_run_over_all(verdicts: list[str], status: int) -> None:
    """Wrong beats "could not judge", and that beats right; what was left out was not judged."""
    assert status_of(verdicts) == status
