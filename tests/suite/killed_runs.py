"""
`python -m tests.suite.killed_runs`: kill runs at random moments, and count what is left of them after the next run.

A run is killed with SIGKILL after half a second to fifteen, every second time together with all processes that carry
its label, as when a job is cancelled. On loopback, two of four have a gateway that hides: a wrapper starts it in
another session, without the label. Then another run takes place, and nothing of the killed one may be left: processes,
listeners, folders, control groups, temporary files, containers, networks, images, clusters.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.harness.paths import ROOT
from tests.harness.world.runs import LABEL
from tests.suite.nested import finished, started
from tests.suite.traces import Traces, processes, traces_of

SHORTEST, LONGEST = 0.5, 15.0
"""Seconds after which a run is killed."""

WITHIN = 600.0
"""Seconds that the next run may take."""

KILLED = {
    "loopback": ("-m", "loopback and not extended"),
    "compose": ("-m", "compose and not negative_control and not positive_control"),
    "kind": ("-m", "kind and not negative_control and not positive_control"),
}
NEXT = {
    "loopback": ("--collect-only", "-n0", "tests/unit/harness/world/test_tally.py"),
    "compose": ("-m", "compose and not negative_control and not positive_control", "-k", "serial_calls_rotate", "-n0"),
    "kind": ("-m", "kind and not negative_control and not positive_control", "-k", "serial_calls_rotate", "-n0"),
}
"""The options of the runs that are killed, and of those that come next."""


REFERENCE = ROOT / "services" / "gateway" / "subject.toml"

HIDES = f"env -u {LABEL} setsid python -m services.gateway & wait"
"""The command of a gateway that is in another session than its wrapper, and does not carry the label of the run."""


def hidden(folder: Path) -> Path:
    """Return the subject file of the reference gateway, but with a command that hides."""
    text = REFERENCE.read_text(encoding="utf-8")
    text = text.replace('["python", "-m", "services.gateway"]', json.dumps(["sh", "-c", HIDES]))
    file = folder / "hidden.toml"
    file.write_text(text.replace('"../.."', json.dumps(str(ROOT))), encoding="utf-8")
    return file


def killed(environment: str, after: float, folder: Path, *more: str, everything: bool) -> Traces:
    """Start a run, kill it after so many seconds, if so with all that carries its label, and return its traces."""
    temporary = folder / "temporary"
    temporary.mkdir()
    with started(*KILLED[environment], *more, f"--report={folder / 'report'}", temporary=temporary) as run:
        time.sleep(after)  # the moment is what is drawn by lot
        traces = traces_of(run)
        traces.temporary = temporary
        run.send_signal(signal.SIGKILL)
        if everything:
            for process in processes(traces.label) if traces.label else ():
                _kill(process)
    return traces


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


class Counts:
    """Of how many runs something was left, by kind."""

    def __init__(self, environment: str, more: Sequence[str]) -> None:
        self.without_label = 0
        self.right_after, self.after_next = Counter[str](), Counter[str]()
        self._environment, self._more = environment, more

    def add(self, number: int, after: float) -> None:
        """Kill a run and look at what is left, before and after the next one."""
        engine = self._environment != "loopback"
        with tempfile.TemporaryDirectory() as folder:
            subject = [f"--subject={hidden(Path(folder))}"] if number % 4 > 1 and not engine else []
            options = (*self._more, *subject)
            traces = killed(self._environment, after, Path(folder), *options, everything=bool(number % 2))
            self.without_label += not traces.label
            self.right_after.update(traces.left(engine=engine).keys())
            done = finished(*NEXT[self._environment], *self._more, f"--report={folder}/next", within=WITHIN)
            left = traces.left(engine=engine)
        if done.returncode != 0:
            say(f"run {number}: the next run exited with status {done.returncode}\n{done.stdout}")
            self.after_next["next runs that failed"] += 1
        say(f"run {number}, killed after {after:.1f} s: left after the next run: {left or 'nothing'}")
        self.after_next.update(left.keys())


def say(line: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill so many runs and print the counts; the exit status is 1 if anything was left of any."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite.killed_runs", description=__doc__)
    parser.add_argument("--environment", choices=sorted(KILLED), default="loopback")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--longest", type=float, default=LONGEST, help="seconds after which it is killed at the latest")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311, no secret
    options, more = parser.parse_known_args(arguments)
    lot, counts = random.Random(options.seed), Counts(options.environment, more)  # noqa: S311, no secret
    say(f"{options.runs} runs on {options.environment}, seed {options.seed}")
    for number in range(options.runs):
        counts.add(number, lot.uniform(SHORTEST, options.longest))
    say(f"killed before they had started anything: {counts.without_label}")
    say(f"of how many something was left right after: {dict(counts.right_after) or 'none'}")
    say(f"of how many something was left after the next run: {dict(counts.after_next) or 'none'}")
    return 1 if counts.after_next else 0


if __name__ == "__main__":
    sys.exit(main())
