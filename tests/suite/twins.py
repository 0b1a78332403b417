"""
`make twins`: how often the diagnosis is true of gateways that the fault dictionary is not built from.

The mutants that are settings or a world alone exist in every language: here the Go and the Node gateway have the defect
of each, and the core judges them. Build those two first (`make build` in their folders).
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.commands.definitions import caught_by_core, is_measured, mutants_in
from tests.harness.commands.leave_one_out import Named, counts, shares
from tests.harness.evidence.report_folder import SavedRun, SavedRunError
from tests.harness.paths import ROOT
from tests.harness.report.wording import many
from tests.harness.subject.mutant import Mutant
from tests.suite.alarms import CORE, say
from tests.suite.nested import finished

ENVIRONMENT = "loopback"

LANGUAGES = ("go", "node")

WITHIN = 900.0
"""*Patience.* Seconds that one run may take."""


def twins() -> Sequence[Mutant]:
    """Return the mutants that exist in every language, and that the core declares to catch."""
    caught = caught_by_core(ENVIRONMENT)
    return [one for one in mutants_in(ENVIRONMENT) if _any_language(one) and one.name in caught]


def _any_language(mutant: Mutant) -> bool:
    return is_measured(mutant) and not (mutant.gateway or mutant.through or mutant.call or mutant.tls)


@dataclass(frozen=True)
class Outcome(Named):
    """What a run comes to: so many behaviours fail, and that is diagnosed."""

    failed: int

    @classmethod
    def of(cls, language: str, mutant: Mutant, report: Mapping[str, Any]) -> "Outcome":
        """Return what the report of its run comes to."""
        member: Mapping[str, Any] = next(iter(report["diagnosis"]), {"causes": [], "hypotheses": []})
        ranked = tuple(tuple(one["causes"]) for one in member["hypotheses"])
        failed = sum(one["verdict"] == "nonconformant" for one in report["behaviours"])
        return cls(f"{mutant.name} in {language}", (mutant.cause,), tuple(member["causes"]), ranked, failed)

    @property
    def line(self) -> str:
        """The line about it."""
        if not self.failed:
            return f"{self.mutant}: nothing fails"
        return f"{self.mutant}: {many(self.failed, 'failure')}, {self.words}"


def totals(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines about all of them."""
    failed = [one for one in outcomes if one.failed]
    yield f"{many(len(outcomes), 'twin')}, of {len(failed)} something fails"
    yield shares(counts(failed), len(failed))


def judged(language: str, mutant: Mutant, folder: Path) -> Outcome:
    """Judge one twin. Raises SavedRunError if its run leaves no report."""
    subject = ROOT / "services" / "gateways" / language / "subject.toml"
    options = ["-m", CORE, "tests/behaviours", f"--subject={subject}", f"--stand-in={mutant.name}"]
    finished(*options, f"--report={folder}", within=WITHIN)
    return Outcome.of(language, mutant, SavedRun.at(folder).document)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge them; the exit status is 1 if a run left no report."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite.twins", description=__doc__)
    parser.add_argument("--languages", nargs="*", default=LANGUAGES, choices=LANGUAGES)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these mutants alone")
    parser.add_argument("--at-once", type=int, default=1)
    options = parser.parse_args(arguments)
    kept = Path(tempfile.mkdtemp(prefix="twins-"))
    wanted = [
        (language, mutant)
        for mutant in twins()
        for language in options.languages
        if not options.only or mutant.name in options.only
    ]

    def _one(which: tuple[str, Mutant]) -> Outcome | None:
        language, mutant = which
        try:
            outcome = judged(language, mutant, kept / f"{mutant.name}-{language}")
        except SavedRunError as error:
            say(f"{mutant.name} in {language}: {error}")
            return None
        say(outcome.line)
        return outcome

    with ThreadPoolExecutor(options.at_once) as pool:
        outcomes = list(pool.map(_one, wanted))
    for line in totals([one for one in outcomes if one]):
        say(line)
    say(f"the reports: {kept}")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
