"""How a run ends that a signal interrupts: everything is taken down, whatever comes meanwhile."""

import os
import signal
from pathlib import Path

import pytest

from tests.harness.world import runs
from tests.harness.world.eventually import reached
from tests.unit.helpers.inner_run import started

SUITE = """
import pathlib, time, pytest

HERE = pathlib.Path(__file__).parent

@pytest.fixture(scope="session")
def world():
    yield
    (HERE / "ending").touch()
    for _ in range(600):
        if (HERE / "go").exists():
            break
        time.sleep(0.05)
    (HERE / "ended").touch()

def test_that_takes_long(world):
    (HERE / "up").touch()  # here: a fixture that is interrupted before its yield is not taken down
    time.sleep({seconds})
"""

WORDS = "still removing what this run started; a third signal leaves that to the next run"


@pytest.mark.parametrize(
    ("sent", "again"),
    [
        (signal.SIGINT, None),
        (signal.SIGTERM, None),
        (signal.SIGHUP, None),
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGHUP, signal.SIGTERM),
    ],
)
def test_a_signal_takes_the_run_down(tmp_path: Path, sent: signal.Signals, again: signal.Signals | None) -> None:
    """Once, and a second one does not break that; the exit status is that of an interrupted run."""
    with started(tmp_path, SUITE.format(seconds=600)) as run:
        reached((tmp_path / "up").exists, within=30, what="the world is up")
        run.send_signal(sent)
        reached((tmp_path / "ending").exists, within=30, what="the world is being taken down")
        if again is not None:
            run.send_signal(again)
        (tmp_path / "go").touch()
        said, _ = run.communicate(timeout=30)

    assert (tmp_path / "ended").exists()
    assert run.returncode == pytest.ExitCode.INTERRUPTED
    assert (WORDS in said) == (again is not None)


def test_a_third_signal_leaves_the_rest_to_the_next_run(tmp_path: Path) -> None:
    """So nobody has to kill it."""
    with started(tmp_path, SUITE.format(seconds=600)) as run:
        reached((tmp_path / "up").exists, within=30, what="the world is up")
        run.send_signal(signal.SIGTERM)
        reached((tmp_path / "ending").exists, within=30, what="the world is being taken down")
        said = _said_until(run.stdout.fileno() if run.stdout else -1, WORDS, lambda: run.send_signal(signal.SIGTERM))
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=30)

    assert WORDS in said
    assert not (tmp_path / "ended").exists()


def _said_until(descriptor: int, words: str, send: object) -> str:
    """Send a signal, and read until these words were said."""
    assert callable(send)
    send()
    said = b""
    while words.encode() not in said:
        said += os.read(descriptor, 4096)
    return said.decode(errors="replace")


def test_a_hangup_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """As nohup wants it: the run outlives the terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = started(tmp_path, SUITE.format(seconds=0.5))
    finally:
        signal.signal(signal.SIGHUP, before)
    with run:
        reached((tmp_path / "up").exists, within=30, what="the world is up")
        run.send_signal(signal.SIGHUP)
        (tmp_path / "go").touch()
        run.communicate(timeout=30)

    assert run.returncode == 0


def test_nothing_of_a_run_is_left_in_the_folder_of_runs(tmp_path: Path) -> None:
    """Neither after its end nor after it was interrupted."""
    with started(tmp_path, SUITE.format(seconds=600)) as run:
        reached((tmp_path / "up").exists, within=30, what="the world is up")
        during = [path.name for path in runs.RUNS.glob(f"*-{run.pid}-*")]
        run.send_signal(signal.SIGINT)
        (tmp_path / "go").touch()
        run.communicate(timeout=30)

    assert len(during) == 1
    assert list(runs.RUNS.glob(f"*-{run.pid}-*")) == []
