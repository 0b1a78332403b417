"""Reports of earlier versions are read with today's words."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from tests.harness.evidence.renamed import MUTANTS
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.report.compare import comparison
from tests.harness.report.html.report_folder import Saved
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.saved_report import result, save


def _older(folder: Path) -> Path:
    """Return a report folder in which a known failure that holds is called "mended"."""
    file = save(folder, [result(verdict=Verdict.UNEXPECTEDLY_PASSING)]) / "report.json"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"unexpectedly passing"', '"mended"'), encoding="utf-8")
    assert json.loads(file.read_text(encoding="utf-8"))["behaviours"][0]["verdict"] == "mended"
    return folder


def test_the_page_says_it_as_today(tmp_path: Path) -> None:
    """What page and matrix read has today's verdict."""
    saved = Saved.read(_older(tmp_path), tmp_path)

    assert [row["verdict"] for row in saved.behaviours] == ["unexpectedly passing"]


def test_the_same_verdict_by_another_word_is_no_difference(tmp_path: Path) -> None:
    """--compare with such a report finds nothing changed."""
    now = result(verdict=Verdict.UNEXPECTEDLY_PASSING)
    lines = comparison(SavedRun.at(_older(tmp_path)), [now], {}, whole=True, width=80).splitlines()

    assert asdict(now)["verdict"] == "unexpectedly passing"
    assert lines[-1] == "verdicts in both runs: 1; nothing differs"


def test_the_page_finds_an_older_report_under_todays_names(tmp_path: Path) -> None:
    """Behaviours, the causes that name them, what was not judged, and mutants."""
    old, present = (
        f"tests/{name}::test_x[loopback]" for name in ("test_liveness.py", "behaviours/keepalive/test_keepalive.py")
    )
    mutant, renamed = next(iter(MUTANTS.items()))
    folder = save(tmp_path, [replace(result("test_x"), id=old, file="test_liveness.py")], not_judged={old: "no"})
    file = folder / "report.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document |= {"causes": [{"behaviours": [old], "agree": []}], "mutants": {mutant: "is wrong"}}
    file.write_text(json.dumps(document), encoding="utf-8")

    saved = Saved.read(folder, tmp_path).document

    assert [(row["id"], row["file"]) for row in saved["behaviours"]] == [(present, "test_keepalive.py")]
    assert [(cause["behaviours"], cause["agree"]) for cause in saved["causes"]] == [([present], [])]
    assert saved["not_judged"] == {present: "no"}
    assert saved["mutants"] == {renamed: "is wrong"}
