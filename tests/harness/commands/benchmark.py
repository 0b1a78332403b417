"""
`python -m tests.harness.commands.benchmark REPORT --workers N`: where the time of a run went, per file and in total.

*Forced* is the time in which a behaviour could do nothing but wait: for a reply, or for a state that the promises leave
time for. No faster CPU makes it shorter. N workers wait for N behaviours in parallel, so a run takes at least the sum
of the forced times divided by N, and at least that of its longest behaviour. The rest is work: starting processes,
placing orders, judging.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.evidence.history import History
from tests.harness.evidence.report_folder import SavedRun, SavedRunError
from tests.harness.evidence.saved_files import UNREADABLE

ROW = "{:<18} {:>5} {:>9} {:>9} {:>9}"

GOAL = 1.5
"""A run should take at most this many times its forced time."""


@dataclass(frozen=True)
class Cost:
    """How long one run of a behaviour took, and how much of that was forced, in seconds."""

    file: str
    seconds: float
    forced: float


def forced(history: History) -> float:
    """Return the seconds in which a behaviour waited, for replies or for a state; overlaps count once."""
    began = sum(event.members["monotonic"] for event in history.of_kind("began"))  # one event; ends are on its clock
    spans = [(call.sent, call.received) for call in history.calls]
    spans += [(wait.at, wait.members["ended"] - began) for wait in history.of_kind("waited")]
    return covered(spans)


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return how many seconds are within at least one span."""
    total, reached = 0.0, -float("inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def costs(folder: Path) -> list[Cost]:
    """Return the cost of each behaviour and control of a saved run. Raises SavedRunError, OSError or ValueError."""
    saved = SavedRun.at(folder)
    rows = saved.document["behaviours"] + saved.document["negative_controls"]
    return [
        Cost(row["file"], row["seconds"], forced(History.in_text(saved.read(row["timeline"]))))
        for row in rows
        if row["timeline"]
    ]


def table(every: Sequence[Cost], seconds: float, workers: int) -> str:
    """Return the lines that show where the time went, and whether that meets the goal."""
    files = defaultdict(list)
    for cost in every:
        files[cost.file].append(cost)
    lines = [ROW.format("file", "runs", "seconds", "forced", "longest")]
    for name, here in sorted(files.items(), key=lambda pair: -sum(cost.seconds for cost in pair[1])):
        lines.append(_row(name.removeprefix("test_").removesuffix(".py"), here))
    lines.append(_row("all", every))
    least = max(sum(cost.forced for cost in every) / workers, max((cost.forced for cost in every), default=0.0))
    share = seconds / least if least else float("inf")
    verdict = "within" if share <= GOAL else "above"
    took = f"{workers} workers took {seconds:.0f} s, at least {least:.0f} s were forced"
    return "\n".join([*lines, "", f"{took}: {share:.2f} times as long, {verdict} the goal of {GOAL}"])


def _row(name: str, here: Sequence[Cost]) -> str:
    sums = (sum(cost.seconds for cost in here), sum(cost.forced for cost in here))
    longest = max((cost.forced for cost in here), default=0.0)
    return ROW.format(name, len(here), *(f"{number:.1f}" for number in (*sums, longest)))


def main(arguments: Sequence[str]) -> int:
    """Print the table of a saved run; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.commands.benchmark", description=__doc__)
    parser.add_argument("report", type=Path, help="the report folder of a finished run")
    parser.add_argument("--workers", type=int, required=True, help="how many workers it had")
    given = parser.parse_args(arguments)
    try:
        seconds = SavedRun.at(given.report).document["seconds"]
        every = costs(given.report)
    except (SavedRunError, *UNREADABLE) as error:
        sys.stderr.write(f"{given.report} does not hold a readable report: {error}\n")
        return 1
    sys.stdout.write(table(every, seconds, given.workers) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
