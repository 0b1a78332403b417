"""
`python -m tests.suite.flakes --runs=100 --busy=4`: the unit tests again and again, until the first flake.

Each run has another order, by the number of the run; every second one has busy loops next to it, as on a machine
that others use too. A test that fails in one of them is a defect: in what it tests, or in the test.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from tests.harness.paths import ROOT

LONGEST = 900.0
"""*Patience.* Seconds that one run may take."""

BUSY = "while True: pass"


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep as many processors busy, or make as many processes wait for one, while the block runs."""
    loops = [subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True) for _ in range(count)]  # noqa: S603, our own
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def run(number: int, busy: int, options: Sequence[str]) -> tuple[int, float]:
    """Run the unit tests in the order of this number; return pytest's exit status and the seconds that it took."""
    shuffled = ("-p", "randomly", f"--randomly-seed={number}", "--randomly-dont-reset-seed")
    command = [sys.executable, "-m", "pytest", "tests/unit", "--quiet", "--exitfirst", *shuffled]
    began = time.monotonic()
    with busy_loops(busy):
        done = subprocess.run([*command, *options], cwd=ROOT, timeout=LONGEST, check=False)  # noqa: S603, our own pytest
    return done.returncode, time.monotonic() - began


def main(arguments: Sequence[str]) -> int:
    """Run until the first flake, or as often as requested; return the exit status of the last run."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite.flakes", description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="how often (default 100)")
    parser.add_argument("--busy", type=int, default=4, help="busy loops next to every second run (default 4)")
    parser.add_argument("--first", type=int, default=1, help="the number of the first run (default 1): to repeat one")
    given, others = parser.parse_known_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the busy loops end too
    for number in range(given.first, given.first + given.runs):
        busy = given.busy if number % 2 == 0 else 0
        status, seconds = run(number, busy, others)
        load = os.getloadavg()[0]
        sys.stdout.write(f"run {number}: status {status}, {seconds:.0f} s, {busy} busy loops, load {load:.1f}\n")
        sys.stdout.flush()
        if status:
            sys.stdout.write(f"again: python -m tests.suite.flakes --runs=1 --first={number} --busy={given.busy}\n")
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
