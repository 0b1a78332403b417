"""
`python -m tests.suite.alarms --runs=300 --at-once=4`: judge a right gateway again and again, and count false alarms.

Runs next to each other are what makes the machine busy. A behaviour that fails is a false alarm; one that could not be
judged is counted, too. The reports of runs with either are kept.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.harness.world.verdict import Verdict
from tests.suite.nested import finished

WITHIN = 1800.0
"""*Patience.* Seconds that one run may take."""

JUDGED = "loopback and not negative_control and not positive_control"
CORE = f"{JUDGED} and not extended"


def against(report: dict[str, Any]) -> dict[str, list[str]]:
    """Return the behaviours of a report that failed or could not be judged, by their verdict."""
    found: dict[str, list[str]] = {}
    for behaviour in report["behaviours"]:
        if Verdict(behaviour["verdict"]) in (Verdict.NONCONFORMANT, Verdict.INCONCLUSIVE):
            found.setdefault(behaviour["verdict"], []).append(behaviour["behaviour"])
    return found


@dataclass
class Tally:
    """How runs ended: the verdicts, the loads, the seconds, and which behaviours failed or could not be judged."""

    verdicts: Counter[str] = field(default_factory=Counter)
    against: Counter[str] = field(default_factory=Counter)
    loads: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, report: dict[str, Any], load: float) -> str:
        """Count a run, and return the line about it."""
        found = against(report)
        self.verdicts[report["verdict"]] += 1
        self.against.update(f"{verdict}: {name}" for verdict, names in found.items() for name in names)
        self.loads.append(load)
        self.seconds.append(report["seconds"])
        return f"{report['verdict']} in {report['seconds']:.0f} s at a load of {load:.0f}; {found or 'all holds'}"

    @property
    def lines(self) -> list[str]:
        """The lines about all of them."""
        loads = sorted(self.loads)
        tenth = len(loads) // 10
        low, high = loads[tenth], loads[-1 - tenth]
        return [
            f"{len(loads)} runs: " + ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.items()),
            f"load {loads[0]:.0f} to {loads[-1]:.0f}; median {median(loads):.0f}, 80 % from {low:.0f} to {high:.0f}",
            f"{median(self.seconds):.0f} s (median), {max(self.seconds):.0f} s (longest)",
            *(f"{count} times {what}" for what, count in self.against.most_common()),
        ]


class Runs:
    """Runs with the same options, several of them at a time."""

    def __init__(self, options: Sequence[str], kept: Path) -> None:
        self.tally = Tally()
        self.ended_otherwise = 0
        self._options, self._kept, self._lock = options, kept, threading.Lock()

    def one(self, number: int) -> None:
        """Make a run and count it; keep its report unless it is conformant."""
        folder = self._kept / str(number)
        done = finished(*self._options, f"--report={folder}", within=WITHIN)
        load = os.getloadavg()[1]  # of five minutes: a run takes some of them
        with self._lock:
            try:
                report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                self.ended_otherwise += 1
                say(f"run {number}: status {done.returncode}, no report\n{done.stdout[-2000:]}")
                return
            say(f"run {number}: {self.tally.add(report, load)}")
        if report["verdict"] == "conformant":
            shutil.rmtree(folder)


def say(line: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the runs and print the totals; the exit status is 1 if a run accused the gateway, or wrote no report."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite.alarms", description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="with the extended behaviours")
    options, more = parser.parse_known_args(arguments)
    kept = Path(tempfile.mkdtemp(prefix="alarms-"))
    runs = Runs(["-m", JUDGED if options.whole else CORE, "tests/behaviours", *more], kept)
    with ThreadPoolExecutor(options.at_once) as pool:
        list(pool.map(runs.one, range(1, options.runs + 1)))
    for line in runs.tally.lines if runs.tally.verdicts else []:
        say(line)
    say(f"{runs.ended_otherwise} runs without a report; reports of those that were not conformant: {kept}")
    return 1 if runs.ended_otherwise or Verdict.NONCONFORMANT in runs.tally.verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
