"""
What action.yml runs on a GitHub runner: it installs the suite, judges, and reports the verdict to the runner.

It needs nothing but Python's standard library, as nothing is installed yet. The inputs of the workflow arrive in
variables, INPUT_ and the name of the input, and never become part of a shell command.
"""

import os
import re
import secrets
import subprocess
import sys
import venv
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import Any

from tests.harness.evidence.report_shape import report_in
from tests.harness.harmless import harmless
from tests.harness.report.extent import coverage, headline
from tests.harness.report.message import abridged, gist, stated
from tests.harness.report.message import reason as in_one_line
from tests.harness.report.wording import many, words

ROOT = Path(__file__).parents[3]

INPUTS = ("subject", "gateway-command", "gateway-image", "pass-variables", "environments", "known-failures", "report")
"""Each is an option of grpc-lb-conformance; an empty one was not given."""

INTERNAL_ERROR = 3
"""pytest's exit status for an internal error."""

HOLDS = ("conformant", "known failure", "library property", "fixed upstream")

LINES = 4
"""Lines of a reason in the summary."""

ROWS = 50
"""Rows of a table in the summary; report.html has them all."""

LONGEST_CELL = 2000
"""Characters of a cell."""

LONGEST_TABLE = 400_000
"""Bytes of a table in the summary, which has two: GitHub drops a summary of more than 1 MiB."""


class InstallError(Exception):
    """The suite could not be installed; the message is the last line of pip's output."""


def main(variables: Mapping[str, str] = os.environ) -> int:
    """Install, judge and report; return the exit status of the judgement."""
    workspace = Path(variables["GITHUB_WORKSPACE"])
    folder = workspace / (variables.get("INPUT_REPORT") or "report")
    earlier = written(folder)
    try:
        command = install(Path(variables["RUNNER_TEMP"]) / "grpc-lb-conformance", lock_for(variables))
        status, output = judge([str(command), *arguments(variables)], workspace)
    except InstallError as error:
        status, output = INTERNAL_ERROR, f"the suite cannot be installed: {error}"
    # if this run never began, an earlier step's report is still there, and is not about it
    report = agreeing(read(folder), status) if written(folder) != earlier else None
    verdict = report["verdict"] if report else "not judged"
    paths = {"report": str(folder), "badge": str(folder / "badge.svg")} if report else {}
    append(variables["GITHUB_OUTPUT"], outputs({"verdict": verdict, "exit-status": str(status), **paths}))
    append(variables["GITHUB_STEP_SUMMARY"], summary(report) if report else unjudged(status, output))
    sys.stdout.write(annotation(status, line(report) if report else f"not judged, exit status {status}: {output}"))
    return status


def arguments(variables: Mapping[str, str]) -> list[str]:
    """Return the command options for the inputs."""
    given = {name: variables.get(f"INPUT_{name.upper().replace('-', '_')}", "") for name in INPUTS}
    extended = variables.get("INPUT_EXTENDED", "")
    others = {"": [], "false": [], "true": ["--extended"]}.get(extended, [f"--extended={extended}"])  # rejected there
    return [f"--{name}={value}" for name, value in given.items() if value] + others


def lock_for(variables: Mapping[str, str]) -> str:
    """Return the lock file with what these inputs need: pytest-kind, under GPL-3.0, is only for kind."""
    where = {name.strip() for name in variables.get("INPUT_ENVIRONMENTS", "").split(",")}
    return "requirements-kind.txt" if "kind" in where else "requirements.txt"


def install(folder: Path, lock: str = "requirements.txt", package: Path = ROOT) -> Path:
    """
    Install this checkout, or its wheel, and what it needs; return the command. Raises InstallError.

    All that is downloaded has a hash in a lock file, and nothing but the suite is built, by a locked backend.
    """
    venv.create(folder, clear=True, with_pip=True)
    pip = (str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check")
    needed = [lock, *(["requirements-build.txt"] if package.is_dir() else [])]
    for options in (
        ("--require-hashes", "--only-binary=:all:", *(f"--requirement={ROOT / name}" for name in needed)),
        ("--no-deps", "--no-build-isolation", "--no-index", str(package)),
    ):
        done = subprocess.run([*pip, *options], stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603, our own pip
        if done.returncode:
            raise InstallError((done.stderr.strip().splitlines() or ["pip failed without output"])[-1])
    return folder / "bin" / "grpc-lb-conformance"


def judge(command: Sequence[str], workspace: Path) -> tuple[int, str]:
    """Run the suite in the workspace, passing on its output; return its exit status and its last line."""
    last: deque[str] = deque(["no output"], maxlen=1)
    pause = secrets.token_hex(16)  # a gateway's output must not be treated as commands to the runner
    sys.stdout.write(f"::stop-commands::{pause}\n")
    with subprocess.Popen(  # noqa: S603, our own command
        command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        for printed in run.stdout or ():
            sys.stdout.write(printed)
            sys.stdout.flush()
            last.extend([printed.strip()] if printed.strip() else [])
    sys.stdout.write(f"::{pause}::\n")
    return run.returncode, last[0]


def read(folder: Path) -> dict[str, Any] | None:
    """Return the report of the run, None if there is none that can be read."""
    try:
        return report_in(folder)
    except (OSError, ValueError):
        return None


def written(folder: Path) -> tuple[int, int] | None:
    """Return which report.json is there, None if there is none; each run that has begun writes another."""
    try:
        found = (folder / "report.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def agreeing(report: dict[str, Any] | None, status: int) -> dict[str, Any] | None:
    """Return a report that agrees with the exit status: what broke after it was written makes it inconclusive."""
    if report and status and report["verdict"] == "conformant":
        return {**report, "verdict": "inconclusive", "reason": f"the run ended with exit status {status}"}
    return report


def line(report: Mapping[str, Any]) -> str:
    """Return the verdict in one line, with the most likely cause of most failures."""
    wrong = failing(report)
    why = f" ({report['reason']})" if report.get("reason") else ""
    verdict = f"{report['subject']['name']} is {report['verdict']}{why}: {counts(report)}"
    for diagnosis in report["diagnosis"]:
        if diagnosis["explained"]:
            return f"{verdict}. {diagnosis['sentence']}"
    for cause, _, _ in causes(report, wrong):
        return f"{verdict}. Most likely cause: {cause}"
    return f"{verdict}. {reason(wrong[0])}" if wrong else verdict


def failing(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of the behaviours that fail the run; known failures do not."""
    return [row for row in report["behaviours"] if row["verdict"] not in HOLDS]


def causes(report: Mapping[str, Any], wrong: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return the causes of these rows, the most frequent first: the sentence, the fix, and what it explains."""
    explained = [
        (
            cause["cause"],
            cause["remedy"],
            [row for row in wrong if row["id"] in (*cause["behaviours"], *cause["agree"])],
        )
        for cause in report["causes"]
    ]
    named = [(*cause, "; ".join(words(row["behaviour"]) for row in rows)) for *cause, rows in explained]
    return [(cause, remedy, behaviours) for cause, remedy, behaviours in named if behaviours]


def counts(report: Mapping[str, Any]) -> str:
    """Return the number of behaviours by verdict, and how much of what applies they are."""
    verdicts = Counter(row["verdict"] for row in report["behaviours"])
    judged = [f"{number} {verdict}" for verdict, number in verdicts.most_common()]
    return f"{', '.join([many(len(report['behaviours']), 'behaviour'), *judged])}; {coverage(report)}"


def reason(row: Mapping[str, Any]) -> str:
    """Return why a behaviour failed or could not be judged; of a long message, the beginning and the end."""
    lines = str(row["seen"]).splitlines() or stated(row["message"])
    if not row["seen"] and not gist(row["message"]):  # an assertion without words: what it measured, or expected
        lines = [in_one_line(row), *lines]
    return "\n".join(abridged([line for line in lines if line], LINES)) or str(row["verdict"])


def summary(report: Mapping[str, Any]) -> str:
    """
    Return the page of the step: counts, the causes with their fixes, and the failures.

    In HTML, and escaped: output of a gateway must not be rendered as Markdown.
    """
    wrong = failing(report)
    name, verdict, seconds = report["subject"]["name"], headline(report), report["seconds"]
    rows = [(words(row["behaviour"]), row["environment"], row["verdict"], reason(row)) for row in wrong]
    return "\n".join(
        [
            f"<h2>{text(name)}: {text(verdict)}</h2>",
            f"<p>{text(counts(report))}; {seconds:.0f} s</p>",
            *(f"<p><b>{text(diagnosis['sentence'])}</b></p>" for diagnosis in report["diagnosis"]),
            *table(("most likely cause", "fix", "behaviours"), causes(report, wrong)),
            *table(("behaviour", "environment", "verdict", "observed"), rows),
            "",
        ]
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Return a table without empty lines, after which Markdown would begin; nothing if there are no rows."""
    written = [f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in rows[:ROWS]]
    sizes = accumulate(len(encoded(line)) + 1 for line in written)
    shown = [line for line, size in zip(written, sizes, strict=True) if size <= LONGEST_TABLE]
    if shown:
        yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
        yield from shown
        yield "</table>"
    if len(rows) > len(shown):
        yield f"<p>and {len(rows) - len(shown)} more in report.html</p>"


def text(plain: str) -> str:
    """Return plain text as one line of HTML, harmless; of a long one the beginning."""
    cut = plain if len(plain) <= LONGEST_CELL else f"{plain[:LONGEST_CELL]}…"
    return "<br>".join(escape(row) for row in harmless(cut).split("\n") if row.strip())


def unjudged(status: int, output: str) -> str:
    """Return the page of a step that judged nothing."""
    return f"<h2>not judged</h2>\n<p>exit status {status}: {text(output)}</p>\n"


def outputs(values: Mapping[str, str]) -> str:
    """Return lines for GITHUB_OUTPUT, in the format that keeps a value from being read as another output."""
    end = secrets.token_hex(16)
    return "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items())


def annotation(status: int, message: str) -> str:
    """Return the command that shows a message at the top of the run's page: an error unless the status is 0."""
    kind = "error" if status else "notice"
    escaped = re.sub("[%\r\n]", lambda found: f"%{ord(found[0]):02X}", encoded(harmless(message)).decode())
    return f"::{kind} title=grpc-lb-conformance::{escaped}\n"


def append(file: str, content: str) -> None:
    """Append to a file of the runner."""
    with Path(file).open("ab") as out:
        out.write(encoded(content))


def encoded(content: str) -> bytes:
    """Return it in UTF-8, which has no place for half of a surrogate pair: a reply of a gateway may hold one."""
    return content.encode(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
