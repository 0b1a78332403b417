"""Whoever measures others knows how late it is itself, and says nothing against them then."""

import queue

import pytest

from tests.harness.pulse import Pulse, too_busy
from tests.unit.story import Story


def late(seconds: float, *, at: float = 2.0, replica: str = "a") -> Story:
    """Return a story in which a replica was woken late."""
    return Story().event(at, "replica late", replica=replica, seconds=seconds)


def test_a_replica_that_is_woken_late_is_too_busy() -> None:
    """The worst is named."""
    story = late(0.31).event(2.1, "suite late", seconds=0.3)

    assert "a was woken 0.31 s late" in too_busy(story.case())


@pytest.mark.parametrize("story", [late(0.9, at=0.9), Story()], ids=["before", "never"])
def test_what_was_before_judging_is_nothing(story: Story) -> None:
    """Lateness while the world was restored, or none at all, leaves the verdict alone."""
    assert not too_busy(story.case())


def test_a_replica_that_was_frozen_is_late_on_purpose() -> None:
    """It tells so when it runs on; another one that is late at that time counts."""
    frozen = late(1.5).verb(1.2, "pause", "a").verb(1.9, "resume", "a")

    assert not too_busy(frozen.case())
    assert "b was woken 0.50 s late" in too_busy(frozen.event(2.2, "replica late", replica="b", seconds=0.5).case())


def test_the_pulse_tells_when_it_was_kept_from_running() -> None:
    """A look that comes 0.8 s after it was due is told of, one that comes 0.2 s after it is not."""
    told: queue.SimpleQueue[float] = queue.SimpleQueue()
    times = iter([10.0, 10.3, 10.3, 11.2])  # begun, looked 0.2 s late, looked 0.8 s late
    pulse = Pulse(told.put, lambda: next(times, 11.2))
    late = told.get(timeout=10.0)
    pulse.stop()

    assert late == pytest.approx(0.8)
    assert told.empty()
