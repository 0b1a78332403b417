"""The published matrix: what is kept of reports, what the pages say of it, and what is run for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.commands.matrix.__main__ import DOCS, main, pages, stale
from tests.harness.commands.matrix.layout import LETTERS, Layout, Mark, layout
from tests.harness.commands.matrix.matrix_json import LEFT_OUT, collected, text_of
from tests.harness.evidence.report_folder import SavedRunError
from tests.harness.subject import not_judged
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.matrix_reports import WRONG, go_run, python_run
from tests.unit.helpers.page import HOSTILE, Page
from tests.unit.helpers.saved_report import result, save


def _shown(folders: list[Path]) -> Layout:
    return layout(json.loads(text_of(collected(folders))))


def _cell(shown: Layout, words: str, gateway: str) -> list[Mark]:
    lines = {line.words: line for table in shown.tables for line in table.lines}
    return list(lines[words].cells[shown.gateways.index(gateway)])


def _notes(shown: Layout) -> dict[int, Any]:
    return {note.number: note for table in shown.tables for note in table.notes}


def test_a_gateway_is_a_column_and_its_environments_share_it(every_kind: list[Path]) -> None:
    """What is the same everywhere has no letters; what differs says where it is what."""
    shown = _shown(every_kind)

    assert list(shown.gateways) == ["Go gateway", "Python gateway"]  # by language
    assert [(mark.word, mark.where) for mark in _cell(shown, "serial", "Go gateway")] == [("holds", "")]
    assert [(mark.word, mark.where) for mark in _cell(shown, "serial", "Python gateway")] == [
        ("holds", "L"),
        ("fails", "C"),
    ]


def test_each_verdict_has_its_word(every_kind: list[Path]) -> None:
    """Reasons of the suite's own are one word without a note, others have a note."""
    shown = _shown(every_kind)
    found = {
        words: [(mark.word, len(mark.notes)) for mark in _cell(shown, words, "Python gateway")]
        for words in ("codes", "passing", "unclear", "shares", "promise", "configured", "told")
    }

    assert found == {
        "codes": [("known failure", 1)],
        "passing": [("unexpectedly passing", 1)],
        "unclear": [("inconclusive", 1)],
        "shares": [("unsupported", 0)],
        "promise": [("not promised", 0)],
        "configured": [("black box", 0)],
        "told": [("not judged", 1)],
    }
    assert _cell(shown, "shares", "Go gateway") == []  # it was not run there


def test_what_an_environment_cannot_host_is_no_verdict(every_kind: list[Path]) -> None:
    """The line says where it can be judged, and a verdict there is one on all of it."""
    shown = _shown(every_kind)
    (line,) = [line for table in shown.tables for line in table.lines if line.words == "elsewhere"]

    assert line.where == "L"
    assert [(mark.word, mark.where) for mark in _cell(shown, "elsewhere", "Python gateway")] == [("holds", "")]


def test_parameters_with_the_same_verdicts_are_one_line(every_kind: list[Path]) -> None:
    """Those that differ somewhere stand by themselves; few are named, many are counted."""
    lines = [line.words for table in _shown(every_kind).tables if table.theme == "retry" for line in table.lines]

    assert [words for words in lines if words.startswith("other code")] == [
        "other code: ABORTED, CANCELLED, UNKNOWN",
        "other code: OK",
    ]


def test_many_parameters_are_counted(tmp_path: Path) -> None:
    """A line does not name fifteen codes."""
    shown = _shown([go_run(tmp_path, "loopback", [result(f"test_code[{number}]") for number in range(15)])])

    assert [line.words for table in shown.tables for line in table.lines] == ["code (15 times)"]


def test_a_note_says_reason_evidence_cause_and_where_upstream_knows_it(every_kind: list[Path]) -> None:
    """A known failure has the reason of its file, another one what was seen."""
    shown = _shown(every_kind)
    known = _notes(shown)[_cell(shown, "codes", "Python gateway")[0].notes[0]]
    wrong = _notes(shown)[_cell(shown, "serial", "Python gateway")[1].notes[0]]

    assert (known.reason, known.seen) == ("C-core hangs, grpc/grpc#41036", "nothing came")
    assert known.links == [("grpc/grpc#41036", "https://github.com/grpc/grpc/issues/41036")]
    assert (wrong.reason, wrong.seen, wrong.suspects) == ("", WRONG["seen"], ("pick_first",))


def test_a_note_without_a_cause_has_no_raw_assertion(tmp_path: Path) -> None:
    """An assertion without words says what was measured."""
    shown = _shown([go_run(tmp_path, "loopback", [result("test_a", **{**WRONG, "seen": "", "suspects": ()})])])

    assert [note.reason for note in shown.tables[0].notes] == ["measured: 30 calls 10/10/10; bound: 10 each"]


def test_the_same_said_of_one_gateway_is_one_note(tmp_path: Path) -> None:
    """Wherever it stands; another gateway has another note."""
    both = [result(name, **WRONG) for name in ("test_a", "test_b")]
    shown = _shown([go_run(tmp_path, "loopback", both), python_run(tmp_path, "loopback", both)])

    assert [[mark.notes for mark in cell] for line in shown.tables[0].lines for cell in line.cells] == [
        [[1]],
        [[2]],
    ] * 2


def test_each_run_counts_its_verdicts(every_kind: list[Path]) -> None:
    """Holds, fails, known failures, library properties, inconclusive, not judged: by environment."""
    runs = {(run.entry["gateway"], run.entry["environment"]): run for run in _shown(every_kind).runs}

    assert runs["Python gateway", "loopback"].figures == [6, 1, 1, 0, 1, 4]
    assert runs["Python gateway", "compose"].figures == [0, 1, 0, 0, 0, 1]
    assert runs["Python gateway", "compose"].entry["verdict"] == "nonconformant"
    assert runs["Go gateway", "compose"].entry["library"] == "grpc-go 1.85.0"


def test_a_gateway_without_a_run_says_why_and_has_no_column(tmp_path: Path, every_kind: list[Path]) -> None:
    """What was left out stands among the runs; with no run at all there is nothing to show in the tables."""
    entry = {
        "gateway": "Rust gateway",
        "language": "rust",
        "library": "tonic 0.14.6",
        "tier": 2,
        "environment": "loopback",
    }
    entry |= {
        "verdict": "left out",
        "suite": "",
        "date": "2026-11-24",
        "seconds": 0,
        "reason": "make: cargo: No such file",
    }
    folder = tmp_path / "rust-loopback"
    folder.mkdir()
    (folder / LEFT_OUT).write_text(json.dumps(entry), encoding="utf-8")
    written = pages(collected([*every_kind, folder]))

    assert "Rust gateway" not in layout(collected([*every_kind, folder])).gateways
    assert "| Rust gateway | tonic 0.14.6 | loopback | not run: make: cargo: No such file |" in written["matrix.md"]
    assert "not run: make: cargo: No such file" in Page(written["matrix.html"]).words


def test_behaviours_stand_in_the_order_of_the_catalogue(tmp_path: Path) -> None:
    """Reports have them in the order in which workers were through."""
    names = ("test_one_request_makes_one_call", "test_serial_calls_rotate_across_all_replicas")
    results = [result("test_retry_backoff_grows_as_promised", file="test_retry.py"), *map(result, names)]

    assert [each["behaviour"] for each in collected([go_run(tmp_path, "loopback", results)])["behaviours"]] == [
        "test_serial_calls_rotate_across_all_replicas",
        "test_one_request_makes_one_call",
        "test_retry_backoff_grows_as_promised",
    ]


def test_two_reports_about_the_same_are_refused(tmp_path: Path) -> None:
    """One of them would silently count."""
    first, second = (go_run(tmp_path / name, "loopback", [result()]) for name in "ab")

    with pytest.raises(SavedRunError, match="several reports are about Go gateway on loopback"):
        collected([first, second])


def test_text_from_a_subject_stays_text(tmp_path: Path) -> None:
    """In both pages: no element, no link, no cell of a table, no line is made of it."""
    wrong = result(
        "test_a", verdict=Verdict.NONCONFORMANT, message=f"|{HOSTILE}[x](y)", seen=HOSTILE, suspects=["pick_first"]
    )
    folder = save(tmp_path / "r", [wrong], name=f"a | b {HOSTILE}", about={"library": HOSTILE, "language": None})
    folders = [folder, go_run(tmp_path, "loopback", [result("test_a")])]
    written = pages(collected(folders))
    page = Page(written["matrix.html"])

    assert not [element for element, _ in page.elements if element in {"script", "img", "iframe", "pre"}]
    assert not [attributes for _, attributes in page.elements if any(name.startswith("on") for name in attributes)]
    assert "<" not in written["matrix.md"].replace("\\<", "")
    assert all("\x1b" not in text and "\u202e" not in text for text in written.values())
    table = written["matrix.md"].partition("| behaviour |")[2].partition("\n\n")[0].replace("\\|", "").splitlines()
    assert {line.count("|") for line in table[1:]} == {5}


def test_the_page_is_one_file_that_loads_nothing(every_kind: list[Path]) -> None:
    """Its policy forbids all but its own style; links lead to places on it, or upstream."""
    page = Page(pages(collected(every_kind))["matrix.html"])
    links, places = page.all("href"), page.all("id")

    assert len(places) == len(set(places))
    assert {link for link in links if link.startswith("#")} <= {f"#{place}" for place in places}
    assert {link for link in links if not link.startswith(("#", "data:,"))} == {
        "https://github.com/grpc/grpc/issues/41036"
    }
    assert "script-src" not in str(page.all("content"))
    assert any(str(value).startswith("default-src 'none'") for value in page.all("content"))
    assert {element for element, _ in page.elements} & {"script", "iframe", "object"} == set()


def test_the_pages_are_what_the_kept_document_makes(tmp_path: Path, every_kind: list[Path]) -> None:
    """Written once they are fresh, edited by hand they are not, and made anew without a report they are again."""
    docs = tmp_path / "docs"
    docs.mkdir()

    assert main([*map(str, every_kind), f"--docs={docs}"]) == 0
    assert stale(docs) == []
    with (docs / "matrix.md").open("a", encoding="utf-8") as page:
        page.write("by hand\n")
    assert stale(docs) == ["docs/reference/matrix.md is stale: run `make docs`"]
    assert main([f"--docs={docs}", "--check"]) == 1
    assert main([f"--docs={docs}"]) == 0
    assert stale(docs) == []


def test_a_folder_without_a_report_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, and nothing is written."""
    assert main([str(tmp_path), f"--docs={tmp_path}"]) == 1
    assert f"{tmp_path}/report.json: cannot be read" in capsys.readouterr().err


def test_the_kept_pages_link_to_causes_that_there_are() -> None:
    """A cause that was renamed since would lead nowhere."""
    document = json.loads((DOCS / "matrix.json").read_text(encoding="utf-8"))
    named = {note.suspects for table in layout(document).tables for note in table.notes}

    assert {cause for suspects in named for cause in suspects} <= set(CAUSES)
    assert {run["environment"] for run in document["runs"]} <= set(LETTERS)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (not_judged.unsupported("ring-hash"), "unsupported"),
        (not_judged.not_promised("retries"), "not promised"),
        (not_judged.not_hosted(("loopback",), "it is so"), not_judged.NOT_HOSTED),
        (not_judged.BLACK_BOX, "black box"),
        ("retries is not promised", "not promised"),  # of 0.1.0-dev, as the next one
        ("needs another configuration, and the subject is a black box (tier 1)", "black box"),
        ("some other reason", ""),
    ],
)
def test_the_reasons_for_leaving_out_have_a_word(reason: str, word: str) -> None:
    """Each of them, and no other sentence."""
    assert not_judged.word_for(reason) == word


@pytest.mark.parametrize("broken", [{"environment": "mars"}, {"verdict": "splendid"}])
def test_a_report_of_another_making_is_told_in_one_line(tmp_path: Path, broken: dict[str, str]) -> None:
    """An environment or a verdict that the suite has not."""
    folder = go_run(tmp_path, "loopback", [result()], extra=broken)

    with pytest.raises(SavedRunError, match=f"{folder}: its report cannot be read: ValueError"):
        collected([folder])
