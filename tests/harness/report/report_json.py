"""What a run leaves in its folder: report.json (report.schema.json describes it), the page and the badge."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc

from tests.harness.report.badge import write_badge
from tests.harness.report.html.page import render
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.result import Result, overall
from tests.harness.report.summary import common_causes
from tests.harness.report.version import suite_version
from tests.harness.subject.subject import Subject
from tests.harness.themes import mutants

VERSION = 1

FILES = ("report.json", "report.html", "badge.json", "badge.svg", "junit.xml")
"""What each run replaces at the top of its folder."""


def document(
    subject: Subject, results: Sequence[Result], not_judged: Mapping[str, str], *, from_outside: bool = False
) -> dict[str, Any]:
    """Return report.json without what belongs to the run as a whole: when, how long, how many replicas, exit status."""
    judged = [result for result in results if not result.mutant]
    controls = [result for result in results if result.mutant]
    met = {control.mutant for control in controls}
    return {
        "version": VERSION,
        "verdict": overall([result.verdict for result in judged]),
        "grpcio": grpc.__version__,
        "suite": suite_version(),
        "subject": {
            "name": subject.name,
            "language": subject.language,
            "library": subject.library,
            "tier": subject.tier,
            "from_outside": from_outside,
            "known_failures": dict(subject.known_failures),
        },
        "promises": asdict(subject.promises),
        "unsupported": sorted(subject.unsupported),
        "behaviours": [asdict(result) for result in judged],
        "causes": [asdict(cause) for cause in common_causes(judged)],
        "not_judged": dict(not_judged),
        "negative_controls": [asdict(result) for result in controls],
        "mutants": {mutant.name: mutant.wrong for mutant in mutants() if mutant.name in met},
    }


def write(folder: Path, report: Mapping[str, Any]) -> None:
    """Write report.json, and what is made of it: the page and the badge."""
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(render([Saved.read(folder, folder)]), encoding="utf-8")
    write_badge(folder, report)
