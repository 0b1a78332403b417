"""Whoever measures others knows how late it is itself, and says nothing against them then."""

import contextlib
import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.causes.busy import Busy, too_busy
from tests.harness.evidence.starvation import KEPT_WAITING, Pulse, waited
from tests.harness.world.eventually import reached
from tests.unit.helpers.story import Story


def late(seconds: float, *, at: float = 2.0, replica: str = "a") -> Story:
    """Return a story in which a replica was woken late."""
    return Story().event(at, "replica late", replica=replica, seconds=seconds)


def test_a_replica_that_is_woken_late_is_too_busy() -> None:
    """The worst is named."""
    story = late(0.31).event(2.1, "suite late", seconds=0.3)

    busy = too_busy(story.case())

    assert busy.excuses
    assert "a woke 0.31 s late" in busy.words


@pytest.mark.parametrize("story", [late(0.9, at=0.9), Story()], ids=["before", "never"])
def test_what_was_before_judging_is_nothing(story: Story) -> None:
    """Lateness while the world was restored, or none at all, leaves the verdict alone."""
    assert too_busy(story.case()) == Busy(excuses=False)


def test_a_replica_that_was_frozen_is_late_on_purpose() -> None:
    """It tells so when it runs on; another one that is late at that time counts."""
    frozen = late(1.5).verb(1.2, "pause", "a").verb(1.9, "resume", "a")

    assert too_busy(frozen.case()) == Busy(excuses=False)
    assert "b woke 0.50 s late" in too_busy(frozen.event(2.2, "replica late", replica="b", seconds=0.5).case()).words


def test_the_pulse_tells_when_it_was_kept_from_running() -> None:
    """A look that comes 0.8 s after it was due is told of, one that comes 0.2 s after it is not."""
    told: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
    times = iter([10.0, 10.3, 10.3, 11.2])  # begun, looked 0.2 s late, looked 0.8 s late
    pulse = Pulse(lambda who, late: told.put((who, late)), lambda: next(times, 11.2))
    who, late = told.get(timeout=10.0)
    pulse.stop()

    assert who == "suite late"
    assert late == pytest.approx(0.8)
    assert told.empty()


def test_a_gateway_that_waits_for_a_processor_is_too_busy() -> None:
    """However soon sleeping processes are woken."""
    story = Story().event(2.0, "gateway late", seconds=0.4)

    assert "the gateway waited 0.40 s out of one second for a CPU" in too_busy(story.case()).words


def test_what_threads_wait_for_a_processor_is_counted_for_all_of_them() -> None:
    """Processes that are bound to one processor, and are never done, keep each other waiting; this one is idle."""
    with contextlib.ExitStack() as stack:
        one, two = (stack.enter_context(_bound_to_one_processor()) for _ in range(2))
        reached(lambda: waited(one.pid) + waited(two.pid) > 0.5, within=20, what="two processes have waited")
        told: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        pulse = Pulse(lambda who, late: told.put((who, late)), gateway=lambda: one.pid)
        stack.callback(pulse.stop)

        reached(lambda: not told.empty(), within=20, what="the pulse has told of it")
    who, seconds = told.get()

    assert who == "gateway late"
    assert seconds > KEPT_WAITING


def test_a_process_that_is_gone_waits_no_more() -> None:
    """Its threads are not there to be read."""
    with _bound_to_one_processor() as process:
        pid = process.pid

    assert waited(pid) == 0


def test_a_process_that_ends_while_its_threads_are_listed_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's glob looks whether a folder is there, and then opens it."""

    def gone(*_: object) -> Iterator[Path]:
        yield Path("/proc/0/task/0/schedstat")
        raise FileNotFoundError

    monkeypatch.setattr(Path, "glob", gone)

    assert waited(os.getpid()) == 0


@contextlib.contextmanager
def _bound_to_one_processor() -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process that is never done, on the first processor that this one may use."""
    first = min(os.sched_getaffinity(0))
    source = f"import os; os.sched_setaffinity(0, [{first}])\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", source])  # noqa: S603, our own line
    try:
        yield process
    finally:
        process.kill()
        process.wait()
