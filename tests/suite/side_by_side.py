"""
`python -m tests.suite.side_by_side`: runs at the same time on one machine, and whether any of them sees another.

Each must end as if it were alone, and every order in its ledgers must be one that it placed.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.harness.world.ledger import FENCE
from tests.suite.nested import finished

WITHIN = 1800.0
"""Seconds that all of them may take."""

OPTIONS = {
    "loopback": ("-m", "loopback and not extended and not negative_control and not positive_control", "-n1"),
    "compose": ("-m", "compose and not negative_control and not positive_control", "-n1"),
}


def events(files: Iterator[Path]) -> Iterator[dict[str, object]]:
    """Yield the events in these files, a line each."""
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def placed(report: Path) -> set[str]:
    """Return the ids of the orders that a run placed, by its timelines."""
    return {str(event["id"]) for event in events(report.rglob("*.jsonl")) if event.get("event") == "order"}


def arrived(report: Path) -> set[str]:
    """Return the ids of the orders that arrived at a run's replicas, by their ledgers."""
    ledgers = events(report.rglob("order-service-*.out"))
    ids = {str(event["id"]) for event in ledgers if event["event"] == "attempt"}
    return {order_id for order_id in ids if not order_id.startswith(FENCE)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Start so many runs and compare them; the exit status is 1 if one failed or saw another."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite.side_by_side", description=__doc__)
    parser.add_argument("--environment", choices=sorted(OPTIONS), default="loopback")
    parser.add_argument("--runs", type=int, default=4)
    options, more = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.runs) as pool:
        reports = [Path(folder, str(number)) for number in range(options.runs)]
        ours = [(*OPTIONS[options.environment], *more, f"--report={report}") for report in reports]
        done = list(pool.map(lambda each: finished(*each, within=WITHIN), ours))
        wrong = 0
        for report, run in zip(reports, done, strict=True):
            strange = arrived(report) - placed(report)
            others = set.union(set(), *(arrived(report) & placed(other) for other in reports if other != report))
            orders = f"{len(arrived(report))} orders arrived, {len(others)} of other runs, {len(strange)} of no run"
            sys.stdout.write(f"status {run.returncode}; {orders}; {run.stdout.strip().splitlines()[-1]}\n")
            wrong += bool(strange or others or run.returncode)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
