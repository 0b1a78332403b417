"""
`python -m tests.suite.memory`: how much memory a run takes, against a right gateway and against floods.

What is measured is the largest process of a run: the one that judges, with --numprocesses=0, unless one of its children
is larger. The exit status is 1 if a run takes more than MOST.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.harness.paths import ROOT
from tests.suite.nested import started

MOST = 256
"""MiB that any run may take, no matter what its gateway does."""

CORE = "loopback and not extended and not negative_control and not positive_control"

FLOODS = {
    "reconnects": "opens a new channel, and so new connections, for each call",
    "shouts": "writes a line of 200 MB",
    "endless_body": "answers with bodies that never end",
}
"""Hostile subjects (tests/suite/hostile), and what they do."""

SUBJECT = """
[subject]
name = "{gateway}"
[loopback]
command = ["python", "-m", "tests.suite.hostile", "{gateway}"]
[environment]
PYTHONPATH = "{root}"
[promises]
call_timeout = 1.5
min_resolution_interval = 0.5
reconnects_within = 0.5
"""


def peak(folder: Path, gateway: str = "", options: Sequence[str] = ()) -> tuple[int, int]:
    """Return the MiB that a core run took, and its exit status; against the reference gateway, or a flood."""
    subject = []
    if gateway:
        (folder / "subject.toml").write_text(SUBJECT.format(gateway=gateway, root=ROOT), encoding="utf-8")
        subject = [f"--subject={folder / 'subject.toml'}"]
    run = started("-m", CORE, "-n0", "-q", f"--report={folder / 'report'}", *subject, *options)
    _, status, usage = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)  # or it would wait for the process again
    return usage.ru_maxrss >> 10, run.returncode


def main() -> int:
    """Measure all of them."""
    found = []
    for gateway, words in {"": "reference gateway", **FLOODS}.items():
        with tempfile.TemporaryDirectory() as folder:
            mebibytes, status = peak(Path(folder), gateway)
        found.append(mebibytes)
        sys.stdout.write(f"{mebibytes:4} MiB, exit status {status}: {words}\n")
    return int(max(found) > MOST)


if __name__ == "__main__":
    sys.exit(main())
