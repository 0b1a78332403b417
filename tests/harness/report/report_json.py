"""What a run leaves in its folder: report.json (report.schema.json describes it), the page and the badge."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc

from tests.harness.report.badge import write_badge
from tests.harness.report.extent import Extent, members
from tests.harness.report.folder import FILES
from tests.harness.report.html.page import render
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.result import Result
from tests.harness.report.summary import common_causes
from tests.harness.report.version import suite_version
from tests.harness.subject.kept import kept
from tests.harness.subject.subject import Subject
from tests.harness.themes import mutants

VERSION = 1


def document(
    subject: Subject,
    results: Sequence[Result],
    not_judged: Mapping[str, str],
    extent: Extent | None = None,
    *,
    from_outside: bool = False,
) -> dict[str, Any]:
    """
    Return report.json without what belongs to the run as a whole: when, how long, how many replicas, exit status.

    Without an `extent` all that applies was judged.
    """
    judged, controls = [[each for each in results if bool(each.mutant) is which] for which in (False, True)]
    met = {control.mutant for control in controls}
    return {
        "version": VERSION,
        **members([result.verdict for result in judged], not_judged, extent or Extent.whole(len(judged))),
        "grpcio": grpc.__version__,
        "suite": suite_version(),
        "subject": {**_subject(subject), "from_outside": from_outside},
        "promises": asdict(subject.promises),
        "unsupported": sorted(subject.unsupported),
        "behaviours": [asdict(result) for result in judged],
        "causes": [asdict(cause) for cause in common_causes(judged)],
        "not_judged": dict(not_judged),
        "negative_controls": [asdict(result) for result in controls],
        "mutants": {mutant.name: mutant.wrong for mutant in mutants() if mutant.name in met},
    }


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "name": subject.name,
        "language": subject.language,
        "library": subject.library,
        "tier": subject.tier,
        "known_failures": dict(subject.known_failures),
        "known_causes": dict(subject.known_causes),
        "ours": subject.ours,
        **kept(subject),
    }


def write(folder: Path, report: Mapping[str, Any]) -> None:
    """
    Write report.json, and what is made of it: the page and the badge.

    Raises OSError if there is no room, say; none of them is left then, as they would say what the run does not.
    """
    try:
        (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        (folder / "report.html").write_text(render([Saved.read(folder, folder)]), encoding="utf-8")
        write_badge(folder, report)
    except BaseException:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        raise
