"""
What action.yml runs on a GitHub runner: it installs the suite, judges, and says the verdict where the runner looks.

Needs Python's standard library alone, as nothing is installed yet. What the user wrote into the workflow comes in
variables, INPUT_ and the name of the input, and is never part of a shell's command.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import venv
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tests.harness.report.wording import words

ROOT = Path(__file__).parents[3]

INPUTS = ("subject", "gateway-command", "gateway-image", "environments", "known-failures", "report")
"""Each is an option of grpc-lb-conformance; one that is empty was not given."""

VERDICTS = (0, 1, 6)
"""The exit statuses that stand for a verdict; with others nothing was judged, or not all of it."""

INTERNAL_ERROR = 3
"""pytest's exit status for it."""

HOLDS = ("conformant", "known failure")

ROWS = 50
"""Rows of a table in the summary, which GitHub cuts off at 1 MiB; report.html has them all."""


class InstallError(Exception):
    """The suite could not be installed; the message is what pip said last."""


def main(variables: Mapping[str, str] = os.environ) -> int:
    """Install, judge and tell; return the exit status of the judgement."""
    workspace = Path(variables["GITHUB_WORKSPACE"])
    folder = workspace / (variables.get("INPUT_REPORT") or "report")
    (folder / "report.json").unlink(missing_ok=True)  # of an earlier step: it must not be taken for this one's
    try:
        command = install(Path(variables["RUNNER_TEMP"]) / "grpc-lb-conformance")
        status, said = judge([str(command), *arguments(variables)], workspace)
    except InstallError as error:
        status, said = INTERNAL_ERROR, f"the suite cannot be installed: {error}"
    report = read(folder) if status in VERDICTS else None
    verdict = report["verdict"] if report else "not judged"
    written = {"report": str(folder), "badge": str(folder / "badge.svg")} if report else {}
    append(variables["GITHUB_OUTPUT"], outputs({"verdict": verdict, "exit-status": str(status), **written}))
    append(variables["GITHUB_STEP_SUMMARY"], summary(report) if report else unjudged(status, said))
    sys.stdout.write(annotation(status, line(report) if report else f"not judged, exit status {status}: {said}"))
    return status


def arguments(variables: Mapping[str, str]) -> list[str]:
    """Return the options of the command that the inputs stand for."""
    given = {name: variables.get(f"INPUT_{name.upper().replace('-', '_')}", "") for name in INPUTS}
    extended = variables.get("INPUT_EXTENDED", "")
    others = {"": [], "false": [], "true": ["--extended"]}.get(extended, [f"--extended={extended}"])  # refused there
    return [f"--{name}={value}" for name, value in given.items() if value] + others


def install(folder: Path, package: Path = ROOT) -> Path:
    """Install this checkout or its wheel, in the versions of the lock file; return the command. Raises InstallError."""
    venv.create(folder, clear=True, with_pip=True)
    pins = folder / "pins.txt"
    pins.write_text(unhashed((ROOT / "requirements.txt").read_text(encoding="utf-8")), encoding="utf-8")
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--constraint", str(pins)]
    done = subprocess.run([*pip, str(package)], stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603, our own pip
    if done.returncode:
        raise InstallError((done.stderr.strip().splitlines() or ["pip failed without a word"])[-1])
    return folder / "bin" / "grpc-lb-conformance"


def unhashed(lock: str) -> str:
    """Return a lock file as constraints: pip takes no hashes beside a folder, which has none."""
    return "".join(f"{each.removesuffix(chr(92)).rstrip()}\n" for each in lock.splitlines() if "--hash=" not in each)


def judge(command: Sequence[str], workspace: Path) -> tuple[int, str]:
    """Run the suite in the workspace, showing what it says; return its exit status and its last line."""
    last: deque[str] = deque(["it said nothing"], maxlen=1)
    pause = secrets.token_hex(16)  # what a gateway writes must not be taken for a command to the runner
    sys.stdout.write(f"::stop-commands::{pause}\n")
    with subprocess.Popen(  # noqa: S603, our own command
        command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        for each in run.stdout or ():
            sys.stdout.write(each)
            sys.stdout.flush()
            last.extend([each.strip()] if each.strip() else [])
    sys.stdout.write(f"::{pause}::\n")
    return run.returncode, last[0]


def read(folder: Path) -> dict[str, Any] | None:
    """Return the report of the run, None if it wrote none."""
    file = folder / "report.json"
    report: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return report


def line(report: Mapping[str, Any]) -> str:
    """Return the verdict in one line, with the most likely cause of most of what does not hold."""
    wrong = failing(report)
    said = f"{report['subject']['name']} is {report['verdict']}: {counts(report)}"
    for cause, _, _ in causes(report, wrong):
        return f"{said}. Most likely: {cause}"
    return f"{said}. {reason(wrong[0])}" if wrong else said


def failing(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of the behaviours that fail the run: known failures do not."""
    return [row for row in report["behaviours"] if row["verdict"] not in HOLDS]


def causes(report: Mapping[str, Any], wrong: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return the causes of these rows, the most frequent first: in words, what mends it, and what it explains."""
    explained = [
        (each["cause"], each["remedy"], [row for row in wrong if row["id"] in (*each["behaviours"], *each["agree"])])
        for each in report["causes"]
    ]
    named = [(*cause, "; ".join(words(row["behaviour"]) for row in rows)) for *cause, rows in explained]
    return [(cause, remedy, behaviours) for cause, remedy, behaviours in named if behaviours]


def counts(report: Mapping[str, Any]) -> str:
    """Return how many behaviours there were, by verdict."""
    each = Counter(row["verdict"] for row in report["behaviours"])
    judged = ", ".join(f"{number} {verdict}" for verdict, number in each.most_common())
    return f"{len(report['behaviours'])} behaviours, {judged}; {len(report['not_judged'])} not judged"


def reason(row: Mapping[str, Any]) -> str:
    """Return why a behaviour does not hold, or could not be judged: of a long message what it begins and ends with."""
    first, *others = str(row["seen"] or row["message"] or row["verdict"]).splitlines()
    return "\n".join([first, *others] if len(others) < 3 else [first, "…", others[-1]])


def summary(report: Mapping[str, Any]) -> str:
    """
    Return the page of the step: counts, the causes with what mends them, and what does not hold.

    In HTML, and escaped: what comes from a gateway is not Markdown of ours.
    """
    wrong = failing(report)
    name, verdict, seconds = report["subject"]["name"], report["verdict"], report["seconds"]
    rows = [(words(row["behaviour"]), row["environment"], row["verdict"], reason(row)) for row in wrong]
    return "\n".join(
        [
            f"<h2>{text(name)}: {text(verdict)}</h2>",
            f"<p>{text(counts(report))}; {seconds:.0f} s</p>",
            *table(("most likely cause", "set", "behaviours"), causes(report, wrong)),
            *table(("behaviour", "environment", "verdict", "seen"), rows),
            "",
        ]
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Return a table without an empty line, behind which Markdown would begin; nothing where there is no row."""
    if rows:
        yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
        yield from (f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in rows[:ROWS])
        yield "</table>"
    if len(rows) > ROWS:
        yield f"<p>and {len(rows) - ROWS} more, in report.html</p>"


def text(said: str) -> str:
    """Return a text as HTML on one line."""
    return "<br>".join(escape(each) for each in said.splitlines() if each.strip())


def unjudged(status: int, said: str) -> str:
    """Return the page of a step that has judged nothing."""
    return f"<h2>not judged</h2>\n<p>exit status {status}: {text(said)}</p>\n"


def outputs(values: Mapping[str, str]) -> str:
    """Return lines for GITHUB_OUTPUT, in the form in which no value can pass for another output."""
    end = secrets.token_hex(16)
    return "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items())


def annotation(status: int, said: str) -> str:
    """Return the command that shows a line at the top of the run's page: an error unless the status is 0."""
    kind = "error" if status else "notice"
    escaped = re.sub("[%\r\n]", lambda found: f"%{ord(found[0]):02X}", said)
    return f"::{kind} title=grpc-lb-conformance::{escaped}\n"


def append(file: str, said: str) -> None:
    """Add to a file of the runner's."""
    with Path(file).open("a", encoding="utf-8") as out:
        out.write(said)


if __name__ == "__main__":
    sys.exit(main())
