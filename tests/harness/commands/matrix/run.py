"""
`python -m tests.harness.commands.matrix.run`: judge every gateway of this repository, wherever it can run, in turn.

The subject files decide what runs: a [loopback] command, a [compose] image. Each is an ordinary run of the suite with a
separate report folder, and a nonconformant one does not stop the others. If a run is impossible, because a tool is
missing, say, the folder holds the reason (left-out.json), and the pages show it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.harness.commands.matrix.layout import NOT_RUN
from tests.harness.commands.matrix.matrix_json import LEFT_OUT
from tests.harness.harmless import harmless
from tests.harness.paths import ROOT
from tests.harness.plugin.selection import ENVIRONMENTS, REFERENCE
from tests.harness.report.ending import INCONCLUSIVE
from tests.harness.report.folder import ForeignFolderError, mark
from tests.harness.report.html.text import first_line
from tests.harness.report.version import suite_version
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError

ON_KUBERNETES = frozenset({"gateway", "go"})
"""The gateways that are judged on Kubernetes too: a cluster for each takes minutes, and two libraries are enough."""

VERDICTS = {0: "conformant", 1: "nonconformant", INCONCLUSIVE: "inconclusive"}
"""The exit statuses of runs that reached a verdict."""


@dataclass(frozen=True)
class Planned:
    """One run: a gateway, by the folder of its subject file, in an environment."""

    file: Path
    subject: Subject
    environment: str

    @property
    def gateway(self) -> str:
        """The name of its folder."""
        return self.subject.folder.name

    @property
    def name(self) -> str:
        """The name of its report folder."""
        return f"{self.gateway}-{self.environment}"

    @property
    def chosen(self) -> str:
        """
        The expression for `-m`.

        Containers skip extended behaviours anyway. On loopback black boxes skip them too: few of them apply, and with a
        minimum re-resolution interval of 30 s, which a black box has no way to lower, they take minutes.
        """
        return (
            "loopback and not extended"
            if (self.environment, self.subject.tier) == ("loopback", 1)
            else self.environment
        )


def planned(root: Path = ROOT) -> Iterator[Planned]:
    """Yield every run of this repository's gateways. Raises SubjectFileError."""
    for file in (root / REFERENCE.relative_to(ROOT), *sorted(root.glob("services/gateways/*/subject.toml"))):
        subject = Subject.from_file(file)
        for environment in ENVIRONMENTS:
            wanted = environment != "kind" or subject.folder.name in ON_KUBERNETES
            if wanted and not subject.reason_against(environment):
                yield Planned(file, subject, environment)


def judge(run: Planned, folder: Path, options: Sequence[str]) -> str:
    """Make the run, its report in this folder; return the verdict, or "left out: …"."""
    try:
        _empty(folder)
    except ForeignFolderError:
        return f"{NOT_RUN}: {folder} is neither empty nor a report of this suite"
    reason = _built(run, folder) if run.environment == "loopback" else ""
    if not reason:
        status = _logged([sys.executable, "-m", "pytest", *_arguments(run, folder), *options], folder / "run.log")
        if status in VERDICTS and (folder / "report.json").exists():
            return VERDICTS[status]
        reason = _complaint(folder / "run.log") or f"pytest exited with status {status}"
    _leave_out(run, folder, reason)
    return f"{NOT_RUN}: {reason}"


def _empty(folder: Path) -> None:
    """Remove the result of an earlier run, so that it cannot be mistaken for this one's. Raises ForeignFolderError."""
    mark(folder)  # the logs of this run are in it before the suite takes it
    for name in ("report.json", LEFT_OUT):
        (folder / name).unlink(missing_ok=True)


def _arguments(run: Planned, folder: Path) -> list[str]:
    return ["-m", run.chosen, f"--subject={run.file}", f"--report={folder}"]


def _built(run: Planned, folder: Path) -> str:
    """Build what runs on loopback; return why that failed, "" if it did not."""
    if not (run.subject.folder / "Makefile").exists():
        return ""
    status = _logged(["make", "-C", str(run.subject.folder), "build"], folder / "build.log")
    return f"`make build` failed: {_complaint(folder / 'build.log')}" if status else ""


def _logged(command: Sequence[str], log: Path) -> int:
    """Run a command with all its output in a log, and return its exit status."""
    with log.open("w", encoding="utf-8") as output:
        try:
            return subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False).returncode  # noqa: S603, our own commands
        except OSError as error:
            output.write(f"{command[0]}: {error.strerror}\n")
            return 127


def _complaint(log: Path) -> str:
    """Return the line that names what went wrong: pytest's own, or the first about an error from make's tools."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    told = [line for line in lines if line.startswith("ERROR: ")]
    told = told or [line for line in lines if "error" in line.lower() or "not found" in line or "No such file" in line]
    return first_line("\n".join(told or lines[-1:])).removeprefix("ERROR: ")


def _leave_out(run: Planned, folder: Path, reason: str) -> None:
    subject = run.subject
    entry = {
        "gateway": subject.name,
        "language": subject.language,
        "library": subject.library,
        "tier": subject.tier,
        "environment": run.environment,
        "verdict": NOT_RUN,
        "suite": suite_version(),
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": 0,
        "reason": reason,
    }
    (folder / LEFT_OUT).write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")


def status_of(verdicts: Sequence[str]) -> int:
    """Return the exit status, as of a single run; what was left out counts as not judged."""
    if VERDICTS[1] in verdicts:
        return 1
    return 0 if verdicts and all(verdict == VERDICTS[0] for verdict in verdicts) else INCONCLUSIVE


def main(arguments: Sequence[str]) -> int:
    """Judge all of them, report each verdict when it is known, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.commands.matrix.run", description=__doc__)
    parser.add_argument(
        "--reports", type=Path, default=ROOT / "report-matrix", metavar="DIR", help="where the reports go"
    )
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help='gateways or runs: "go", "go-compose"')
    parser.add_argument("--list", action="store_true", help="list the runs, and run nothing")
    parser.add_argument("options", nargs="*", metavar="OPTION", help="for pytest, after --")
    given = parser.parse_args(arguments)
    try:
        every = list(planned())
    except SubjectFileError as error:
        parser.error(str(error))
    known = {name for run in every for name in (run.gateway, run.name)}
    if unknown := set(given.only) - known:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; must be among {', '.join(sorted(known))}")
    chosen = [run for run in every if not given.only or {run.gateway, run.name} & set(given.only)]
    if given.list:
        sys.stdout.writelines(f"{run.name}: pytest {' '.join(_arguments(run, Path(run.name)))}\n" for run in chosen)
        return 0
    return status_of([_told(run, given.reports.resolve() / run.name, given.options) for run in chosen])


def _told(run: Planned, folder: Path, options: Sequence[str]) -> str:
    sys.stdout.write(f"{run.name}: running, see {folder / 'run.log'}\n")
    sys.stdout.flush()
    began = time.monotonic()
    verdict = judge(run, folder, options)
    sys.stdout.write(f"{run.name}: {harmless(verdict)}, {time.monotonic() - began:.0f} s\n")
    sys.stdout.flush()
    return verdict


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
