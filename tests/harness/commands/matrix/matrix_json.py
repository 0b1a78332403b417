"""docs/reference/matrix.json: what saved reports say about several gateways, short enough for the repository."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tests.harness.commands.catalogue import behaviours
from tests.harness.evidence.renamed import present_causes
from tests.harness.evidence.report_folder import SavedRunError
from tests.harness.evidence.saved_files import UNREADABLE, is_there, parsed, read
from tests.harness.harmless import harmless_members
from tests.harness.plugin.selection import ENVIRONMENTS
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.html.rows import Card, Column, Row, columns, rows
from tests.harness.report.html.text import cut
from tests.harness.report.result import overall
from tests.harness.subject.library_properties import PREFIX
from tests.harness.themes import behaviour_files
from tests.harness.world.verdict import Verdict

VERSION = 1

LEFT_OUT = "left-out.json"
"""The file in a report folder, with an entry of `runs`, if the run was impossible."""

LONGEST = 300
"""The most characters of a reason; the report has all of it."""

Entry: TypeAlias = dict[str, Any]


def collected(folders: Sequence[Path]) -> Entry:
    """
    Return the document about these report folders.

    `runs` has an entry for each gateway and environment; `behaviours` has for each behaviour its verdict in each of
    these runs: null if it was not run, a word if it holds, otherwise an object. Raises SavedRunError for a folder
    without a report, and for two about the same gateway in the same environment.
    """
    found = [entry for folder in folders for entry in _read(folder)]
    found.sort(key=lambda entry: _place(entry[0]))
    runs = [run for run, _ in found]
    _refuse_twins([(run["gateway"], run["environment"]) for run in runs])
    across = [column for _, column in found if column]
    numbers = [number for number, (_, column) in enumerate(found) if column]
    told, order = [], _order()
    for row in sorted(rows(across), key=order):
        verdicts: list[Any] = [None] * len(runs)
        for number, card in zip(numbers, row.cards, strict=True):
            verdicts[number] = _verdict(card) if card else None
        told.append({"file": row.file, "behaviour": row.behaviour, "claim": row.claim, "verdicts": verdicts})
    return {"version": VERSION, "runs": runs, "behaviours": told}


def _read(folder: Path) -> list[tuple[Entry, Column | None]]:
    try:
        entries = list(_entries(folder))
        for run, _ in entries:
            _place(run)
    except UNREADABLE as error:
        raise SavedRunError(f"{folder}: its report cannot be read: {error!r}") from None
    return entries


def _entries(folder: Path) -> Iterator[tuple[Entry, Column | None]]:
    if is_there(folder, LEFT_OUT):
        entry: Entry = harmless_members(parsed(read(folder, LEFT_OUT)))
        yield entry, None
        return
    saved = Saved.read(folder, folder)
    if selection := saved.document.get("selection"):
        raise SavedRunError(
            f"{folder}: holds a part of a run, selected by {' '.join(selection)}: the matrix needs it whole"
        )
    for column in columns([saved]):
        verdicts = [Verdict(result["verdict"]) for result in column.saved.behaviours if _is_of(result, column)]
        if verdicts:
            yield _run(column, overall(verdicts, saved.document.get("broken_off", ""))), column


def _is_of(result: Mapping[str, Any], column: Column) -> bool:
    return bool(result["environment"] == column.environment)


def _run(column: Column, verdict: str) -> Entry:
    report = column.saved.document
    subject = report["subject"]
    return {
        "gateway": cut(subject["name"], 60),
        "language": cut(subject["language"] or "", 30),
        "library": cut(subject.get("library", ""), 60),
        "tier": subject["tier"],
        "environment": column.environment,
        "verdict": verdict,
        "suite": report.get("suite", ""),
        "date": report["started"][:10],
        "seconds": round(report["seconds"]),
        "reason": "",
    }


def _place(run: Entry) -> tuple[str, str, int]:
    return run["language"], run["gateway"], ENVIRONMENTS.index(run["environment"])


def _order() -> Callable[[Row], tuple[int, int]]:
    """Return the position of a row: that of its file and function in behaviours.md, at the end if it has none."""
    functions = {(behaviour.file, behaviour.name): number for number, behaviour in enumerate(behaviours())}
    files = {file.name: number for number, file in enumerate(behaviour_files())}

    def place(row: Row) -> tuple[int, int]:
        function = row.behaviour.partition("[")[0]
        return files.get(row.file, len(files)), functions.get((row.file, function), len(functions))

    return place


def _refuse_twins(pairs: Sequence[tuple[str, str]]) -> None:
    for gateway, environment in dict.fromkeys(pairs):
        if pairs.count((gateway, environment)) > 1:
            raise SavedRunError(f"several reports are about {gateway} on {environment}: name only one of them")


def _verdict(card: Card) -> str | Entry:
    """Return the verdict, with its reasons unless it simply holds."""
    result, verdict = card.result, str(card.result["verdict"])
    if verdict == Verdict.CONFORMANT:
        return verdict
    known = card.column.saved.document["subject"].get("known_failures", {})
    named = f"{result['file']}::{result['behaviour']}"
    seen = str(result.get("seen") or "")
    reason = "" if result.get("suspects") else card.reason  # what was observed tells more than the assertion
    if verdict == Verdict.KNOWN_FAILURE:
        reason = str(known.get(named) or known.get(named.partition("[")[0]) or reason)
    elif verdict == Verdict.LIBRARY_PROPERTY:
        reason = str(result.get("expected") or reason).removeprefix(PREFIX)
    said = {"verdict": verdict, "reason": cut(reason, LONGEST), "seen": cut(seen, LONGEST)}
    suspects = present_causes(result.get("suspects") or ())
    return {name: value for name, value in {**said, "suspects": suspects}.items() if value}


def text_of(document: Entry) -> str:
    """Return the document as it is stored: a line for each run and each behaviour, so that diffs are readable."""
    parts = [f'  "{name}": [\n{_lines(document[name])}\n  ]' for name in ("runs", "behaviours")]
    return "{\n" + ",\n".join([f'  "version": {document["version"]}', *parts]) + "\n}\n"


def _lines(entries: Sequence[Entry]) -> str:
    return ",\n".join(f"    {json.dumps(entry, ensure_ascii=False)}" for entry in entries)
