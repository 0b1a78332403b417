"""
`python -m tests.suite.samples`: what README and guides show of the suite's own output, written from real runs.

A page marks each sample with `<!-- sample:NAME -->` and `<!-- /sample -->`; what stands between them is written here.
The runs judge two subjects of docs/examples on loopback, on one worker, so that the first failure, which names the
cause, is always the same one; together they take a minute. tests/unit/docs/test_samples.py notices drift.
"""

import difflib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.harness.paths import ROOT
from tests.harness.report.wording import words

EXAMPLES = ROOT / "docs" / "examples"
BROKEN, FIXED = "no-policy", "with-policy"

BEHAVIOUR = "test_serial_calls_rotate_across_all_replicas"
"""The behaviour that the samples of runs show."""

CAUSE = "pick_first"
"""The cause that they show, by its name in causes.toml."""

SHORT = ("promise", "bound", "(", "most likely cause", "change")
"""How paragraphs of a behaviour begin that the README leaves out: the diagnosis above it has cause and fix."""

_SAMPLE = re.compile(r"(?<=<!-- sample:)(?P<name>[a-z-]+)(?P<open> -->\n)(?P<body>.*?)(?=<!-- /sample -->)", re.DOTALL)
_PARAGRAPH = re.compile(r" +(\(|[A-Za-z][a-z ]+: )")


@dataclass(frozen=True)
class Output:
    """What a run printed, without blanks at the ends of lines."""

    lines: tuple[str, ...]

    def block(self, behaviour: str, leave_out: tuple[str, ...] = ()) -> list[str]:
        """Return the lines about a behaviour, without the paragraphs that begin like one of `leave_out`."""
        name = words(behaviour)
        begin = next((at for at, line in enumerate(self.lines) if line.startswith(f"  {name} ")), None)
        if begin is None:
            raise SystemExit(f"the run did not judge {name!r}: look at its output, and at tests/suite/samples.py")
        indent = _indent(self.lines[begin])
        block = [self.lines[begin]]
        kept = True
        for line in self.lines[begin + 1 :]:
            if _indent(line) <= indent:
                break
            if _PARAGRAPH.match(line):
                kept = not line.lstrip().startswith(leave_out) if leave_out else True
            block += [line] if kept else []
        return block

    def diagnosis(self) -> list[str]:
        """Return the paragraph about the whole run."""
        begin = next((at for at, line in enumerate(self.lines) if line.startswith("One cause explains ")), None)
        if begin is None:
            raise SystemExit("the run has no diagnosis where tests/suite/samples.py looks for it")
        return list(itertools.takewhile(bool, self.lines[begin:]))

    def counts(self) -> list[str]:
        """Return the line that counts verdicts."""
        counted = [line for line in self.lines if re.match(r"\d+ behaviours:", line)]
        if not counted:
            raise SystemExit("the run counts no verdicts where tests/suite/samples.py looks for them")
        return counted


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" ")) if line else 0


def judged(subject: str) -> Output:
    """Judge a subject of docs/examples by the core, with any verdict."""
    with tempfile.TemporaryDirectory() as folder:
        subject_file = f"--subject={EXAMPLES.relative_to(ROOT) / subject}.toml"
        done = _command(subject_file, "--numprocesses=1", f"--report={folder}")
        if done.returncode not in {0, 1}:
            raise SystemExit(f"{subject}: exit status {done.returncode}\n{done.stdout}")
        refuse_inconclusive(Path(folder))
    return Output(tuple(line.rstrip() for line in done.stdout.splitlines()))


def refuse_inconclusive(report: Path) -> None:
    """End where a behaviour could not be judged: documents show what a run shows on a machine that has the time."""
    document = json.loads((report / "report.json").read_text(encoding="utf-8"))
    if names := [each["behaviour"] for each in document["behaviours"] if each["verdict"] == "inconclusive"]:
        raise SystemExit(f"inconclusive: {', '.join(names)}. Is the machine busy? Try again when it is not")


def _command(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603, our own command
        [sys.executable, "-m", "tests.harness.commands.command", *options],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _fenced(language: str, lines: Iterator[str] | list[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```", ""])


def the_help() -> str:
    """Return what `grpc-lb-conformance --help` prints on 80 columns."""
    return _fenced("console", ["$ grpc-lb-conformance --help", *_command("--help").stdout.rstrip().splitlines()])


def the_interface() -> str:
    """Return order.proto without its comments."""
    text = (ROOT / "services" / "proto" / "order.proto").read_text(encoding="utf-8")
    code = re.sub(r"^ *//.*\n", "", text, flags=re.MULTILINE)
    return _fenced("protobuf", re.sub(r"\n+(?=\n  )", "", code).strip().splitlines())


def the_fix() -> str:
    """Return the line of the broken subject's service config that the fixed one changes."""
    broken, fixed = ((EXAMPLES / f"{name}.toml").read_text(encoding="utf-8").splitlines() for name in (BROKEN, FIXED))
    changed = [line for line in difflib.ndiff(broken, fixed) if re.match(r"[-+] \{", line)]
    return _fenced("diff", [line[0] + line[2:] for line in changed])


STATIC: Mapping[str, Callable[[], str]] = {"help": the_help, "order-proto": the_interface, "fix": the_fix}
"""Samples that need no run of the suite."""

FROM_RUNS = ("red", "green", "failing")
"""Samples that do: the README's before and after, and one failure in full."""


def from_runs() -> dict[str, str]:
    """Judge the broken subject and the fixed one, and return the samples of both."""
    broken, fixed = judged(BROKEN), judged(FIXED)
    run = [f"$ grpc-lb-conformance --subject={BROKEN}.toml", "", *broken.diagnosis(), ""]
    red = [*run, *broken.block(BEHAVIOUR, SHORT), "", *broken.counts()]
    green = [f"$ grpc-lb-conformance --subject={FIXED}.toml", "", *fixed.block(BEHAVIOUR), "", *fixed.counts()]
    return {
        "red": _fenced("console", red),
        "green": _fenced("console", green),
        "failing": _fenced("text", [*broken.diagnosis(), "", *broken.block(BEHAVIOUR)]),
    }


def pages() -> list[Path]:
    """Return the documents that have samples."""
    every = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(page for page in every if samples_in(page))


def samples_in(page: Path) -> dict[str, str]:
    """Return the samples of a page as they stand there."""
    return {found["name"]: found["body"] for found in _SAMPLE.finditer(page.read_text(encoding="utf-8"))}


def write(samples: Mapping[str, str]) -> None:
    """Put each sample where a page marks it."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        new = _SAMPLE.sub(lambda found: f"{found['name']}{found['open']}{samples[found['name']]}", text)
        page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    write({name: make() for name, make in STATIC.items()} | from_runs())
