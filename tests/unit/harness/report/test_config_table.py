"""The one service config of a run, as report.json, terminal and page show it: whole, so that it can be copied."""

import json
from pathlib import Path

import pytest

from services.gateway.channel import SERVICE_CONFIG
from tests.harness.checks.exercised import CONFIGURED
from tests.harness.report.report_json import document
from tests.harness.report.result import Result
from tests.harness.report.table import config_table
from tests.harness.subject.subject import Subject
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.page import page_of
from tests.unit.helpers.saved_report import result, save

WIDTH = 80


def failed(cause: str, *, configured: bool = False) -> Result:
    """Return a behaviour that fails for a cause."""
    seen = {CONFIGURED: configured}
    return result(f"test_{cause}", verdict=Verdict.NONCONFORMANT, cause=cause, suspects=(cause,), exercised=seen)


def of_run(folder: Path, *results: Result) -> dict[str, object] | None:
    """Return the service config of a run with these results."""
    found: dict[str, object] | None = document(Subject(name="x", folder=folder), results, {})["service_config"]
    return found


def test_the_table_has_it_in_one_line(tmp_path: Path) -> None:
    """However narrow the terminal is: a wrapped one could not be copied."""
    table = config_table(of_run(tmp_path, failed("pick_first"), failed("no_retry_policy")), WIDTH)
    (line,) = [line for line in table.splitlines() if line.startswith("{")]

    assert json.loads(line) == SERVICE_CONFIG
    assert "one service config with what is promised, which fixes pick first, no retry policy:" in " ".join(
        table.split()
    )
    assert "…\n" not in table


def test_the_page_has_it_as_a_block(tmp_path: Path) -> None:
    """Which one click selects, as there is no script."""
    page = page_of(save(tmp_path, [failed("pick_first")]))
    text = page.words[page.words.index('{\n  "load') : page.words.rindex("\n}") + 2]

    assert json.loads(text) == SERVICE_CONFIG
    assert "service-config" in page.all("id")


@pytest.mark.parametrize(
    "row",
    [failed("pick_first", configured=True), failed("long_resolution_interval"), result()],
    ids=["configured", "no config fixes it", "holds"],
)
def test_a_run_without_such_a_cause_has_none(tmp_path: Path, row: Result) -> None:
    """What a behaviour configured itself is not fixed in the gateway's own config."""
    assert of_run(tmp_path, row) is None
    assert config_table(None, WIDTH) == ""
    assert "service-config" not in page_of(save(tmp_path, [row])).all("id")
