"""What a run leaves in its folder: report.json (report.schema.json describes it), the page and the badge."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc

from tests.harness.causes.one_config import one_config
from tests.harness.checks.exercised import CONFIGURED
from tests.harness.price.bill import Priced, bill
from tests.harness.report.badge import write_badge
from tests.harness.report.by_its_calls import library_seen, speaking
from tests.harness.report.diagnosed import diagnoses, undiagnosed
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
from tests.harness.world.verdict import Verdict

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
    met, spoken = {control.mutant for control in controls}, speaking(subject, judged)
    causes = _causes(spoken, judged, not_judged)
    return {
        "version": VERSION,
        **causes,
        **members([result.verdict for result in judged], not_judged, extent or Extent.whole(len(judged))),
        "grpcio": grpc.__version__,
        "suite": suite_version(),
        "subject": {**_subject(subject), "library_seen": library_seen(judged), "from_outside": from_outside},
        "promises": asdict(subject.promises),
        "unsupported": sorted(subject.unsupported),
        "behaviours": [asdict(result) for result in judged],
        "service_config": _service_config(spoken, judged, causes["causes"]),
        "price": _price(spoken, judged),
        "not_judged": dict(not_judged),
        "negative_controls": [asdict(result) for result in controls],
        "mutants": {mutant.name: mutant.wrong for mutant in mutants() if mutant.name in met},
    }


def _causes(subject: Subject, results: Sequence[Result], not_judged: Mapping[str, str]) -> dict[str, Any]:
    """Return what causes the failures: of the run as a whole, and grouped."""
    language, method = subject.settings_language, subject.judged_method
    try:
        found = diagnoses(results, not_judged)
        diagnosis = [one.member(subject) for one in found]
        causes = common_causes(results, found, language=language, method=method)
    except Exception as error:  # noqa: BLE001, a bug there must cost neither the verdicts nor their evidence
        diagnosis, causes = [undiagnosed(error)], common_causes(results)
    return {"diagnosis": diagnosis, "causes": [asdict(cause) for cause in causes]}


def _service_config(
    subject: Subject, judged: Sequence[Result], causes: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Return the service config that fixes the causes of a run; what a behaviour configured itself needs none."""
    own = {result.id for result in judged if not (result.exercised or {}).get(CONFIGURED)}
    suspects = [name for cause in causes if own & {*cause["behaviours"], *cause["agree"]} for name in cause["suspects"]]
    every_method = subject.service is not None and not subject.judged_method
    method = None if every_method else subject.judged_method
    found = one_config(suspects, subject.promises, subject.settings_language, method)
    return asdict(found) if found else None


def _price(subject: Subject, judged: Sequence[Result]) -> dict[str, Any] | None:
    """Return what the judged behaviours cost together; one that is inconclusive tells nothing about the subject."""
    priced = [
        Priced(result.id, result.environment, str(result.verdict), result.price)
        for result in judged
        if result.price is not None and result.verdict is not Verdict.INCONCLUSIVE
    ]
    return bill(priced, subject.promises, subject.settings_language, subject.judged_method)


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "name": subject.name,
        "language": subject.language,
        "library": subject.library,
        "library_from": subject.library_from,
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
