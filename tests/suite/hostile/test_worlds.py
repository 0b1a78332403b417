"""Hostile worlds: what befalls a run from outside, and what it reports of that. The gateway is right in all of them."""

import contextlib
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.harness.world.eventually import reached
from tests.suite.hostile.judging import Outcome, finish
from tests.suite.nested import started

pytestmark = pytest.mark.hostile

PATIENCE = 300.0
"""*Patience.* Seconds that a run may take, no matter what befalls it."""

SOME = "serial_calls or concurrent_calls_are_spread or regains_its_share_when"

FORK_SERVER = "tests.loopback.fork_server"


@contextlib.contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start a run of some behaviours, and yield it with the file that has its output."""
    said = folder / "said"
    chosen = (
        "-m",
        "loopback and not negative_control and not positive_control",
        "-k",
        SOME,
        f"--report={folder / 'report'}",
        *options,
    )
    with said.open("wb") as out, started(*chosen, output=out.fileno()) as run:
        try:
            yield run, said
        finally:
            run.kill()


def below(run: subprocess.Popen[str], words: str) -> list[psutil.Process]:
    """Return the processes below a run whose command line has these words."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if words in " ".join(process.cmdline()):
                    found.append(process)
    return found


def struck(folder: Path, words: str, number: signal.Signals, *options: str) -> Outcome:
    """Send a signal to a process of a run, once it has started replicas and a gateway; return what the run came to."""
    with running(folder, *options) as (run, said):
        # each of what the fork server started has its command line, as it is forked from it
        reached(lambda: len(below(run, FORK_SERVER)) >= 4, within=120, what="replicas and a gateway run")
        below(run, words)[0].send_signal(number)
        return finish(run, said, PATIENCE)


def test_a_worker_that_is_killed_makes_the_run_inconclusive(tmp_path: Path) -> None:
    """The behaviour that it judged is lost, and the verdict tells."""
    outcome = struck(tmp_path, "import sys;exec(eval(sys.stdin.readline()))", signal.SIGKILL, "-n2")

    assert outcome.status == 6
    assert "inconclusive" in outcome.words
    assert "INTERNALERROR" not in outcome.output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_fork_server_that_does_not_answer_is_replaced(tmp_path: Path, number: signal.Signals) -> None:
    """What starts gateways and replicas is killed, or stopped: the run continues with another."""
    outcome = struck(tmp_path, FORK_SERVER, number, "-n0")

    assert outcome.status == 0, outcome.output
    assert "INTERNALERROR" not in outcome.output


def test_a_full_disk_is_not_the_gateways_fault(tmp_path: Path) -> None:
    """No process of the run can write more than 16 KiB into a file: inconclusive, and in one line."""
    with running(tmp_path, "-n0") as (run, said):
        resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (16384, 16384))
        outcome = finish(run, said, PATIENCE)

    assert outcome.status == 6, outcome.output
    assert "File too large" in outcome.words
    assert "Traceback" not in outcome.output
