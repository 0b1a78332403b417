"""Replay with bounds and judges of today: what the record covers is judged, the rest is inconclusive."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.judges.recovery import recovery
from tests.harness.world.eventually import consistently, eventually, reached
from tests.harness.world.missed import Missed, missed_of
from tests.harness.world.verdict import SubjectWrongError
from tests.unit.helpers.replayed import Stage, inconclusive

# Bounds


def _question(within: float) -> Callable[[Any], bool]:
    return lambda world: world.wait_for_query(since=100.0, within=within) is not None


def test_a_question_that_came_is_judged_by_todays_bound(stage: Stage) -> None:
    """What was seen 2 s after is in time within 5 s and within 3 s, and too late within 1 s."""
    stage.running.asked_at = 102.0
    assert stage.live(_question(5.0))

    assert stage.replayed(_question(3.0))
    assert stage.replayed(_question(7.0))
    assert not stage.replayed(_question(1.0))


def test_a_question_that_never_came_is_not_known_to_come_later(stage: Stage) -> None:
    """Within a shorter bound it never came either; within a longer one nobody knows."""
    assert not stage.live(_question(2.0))

    assert not stage.replayed(_question(1.0))
    with inconclusive("was recorded with a bound of 2.0 s; now it is 5.0 s"):
        stage.replayed(_question(5.0))


def _recovered(within: float) -> Callable[[Any], float]:
    def behaviour(world: Any) -> float:  # noqa: ANN401, live or replayed
        with world.orders().load(rate=50.0) as load:
            reached(lambda: len(load.replies) >= 5, within=5, what="some calls are answered")
            return recovery(load, since=load.started, over=["a"], within=within).even_after

    return behaviour


def test_recovery_is_judged_by_todays_bound(stage: Stage) -> None:
    """A load that was even in time is so again; that it was not in time for a shorter promise is a verdict."""
    live = stage.live(_recovered(5.0))

    assert stage.replayed(_recovered(5.0)) == live
    with pytest.raises(AssertionError, match=r"shares became even 0\.\d\d s after the fault; -1.00 s is promised"):
        stage.replayed(_recovered(-1.0))


def _never(within: float) -> Callable[[Any], None]:
    def behaviour(world: Any) -> None:  # noqa: ANN401, live or replayed
        with world.orders().load(rate=50.0) as load:
            recovery(load, since=load.started, over=["b"], within=within)

    return behaviour


def test_a_load_that_never_got_even_is_wrong_in_the_same_words(stage: Stage) -> None:
    """Complaint and note are those of the run; a shorter bound is no excuse, and what a longer one gives is unknown."""
    with pytest.raises(AssertionError, match="shares are not even over b") as live:
        stage.live(_never(0.2))
    with pytest.raises(AssertionError) as again:
        stage.replayed(_never(0.2))

    assert str(again.value) == str(live.value)
    assert again.value.__notes__ == live.value.__notes__
    with pytest.raises(AssertionError, match="shares are not even over b"):
        stage.replayed(_never(0.1))
    with inconclusive(r"The recording covers 0\.\d s of a wait of 9\.\d s: shares are even over b"):
        stage.replayed(_never(9.0))


# Judges


def _waits(says_yes: Callable[[int], bool], within: float = 2.0) -> Callable[[Any], None]:
    """Return a behaviour that waits until the judge says yes to a number of orders that were served."""

    def behaviour(world: Any) -> None:  # noqa: ANN401, live or replayed
        with world.orders().load(rate=50.0) as load:
            for look in eventually(within=within):
                with look:
                    count = len(load.replies)
                    if not says_yes(count):
                        raise SubjectWrongError(f"only {count}")
            world.scale(3)

    return behaviour


def test_a_judge_that_is_content_with_less_still_is(stage: Stage) -> None:
    """Where the judge said yes in the end, one that would have said it earlier does too."""
    stage.live(_waits(lambda count: count >= 5))

    stage.replayed(_waits(lambda count: count >= 2))


def test_a_judge_that_wants_more_than_was_waited_for_cannot_tell(stage: Stage) -> None:
    """A no where there was a yes is looked at again with all that came before the next fault, and then nobody knows."""
    stage.live(_waits(lambda count: count >= 5))

    with inconclusive(r"^only \d+\. The recording covers"):
        stage.replayed(_waits(lambda count: count >= 500))


def test_a_judge_that_now_says_no_in_time_is_a_verdict(stage: Stage) -> None:
    """A no at all that was recorded, for as long as is promised, is wrong."""
    stage.live(_waits(lambda count: count >= 20))

    with pytest.raises(AssertionError, match="only"):
        stage.replayed(_waits(lambda count: count >= 20, within=0.01))


def _watches(during: float, highest: int) -> Callable[[Any], None]:
    def behaviour(world: Any) -> None:  # noqa: ANN401, live or replayed
        for look in consistently(during=during):
            with look:
                block = world.orders().place(1)
                assert len(block.replies) <= highest, "too many"

    return behaviour


def test_what_stayed_so_stays_so_for_as_long_as_it_was_watched(stage: Stage) -> None:
    """A shorter time is covered by the record, a longer one is not; a judge that sees a fault now says so."""
    stage.live(_watches(0.3, highest=1))

    stage.replayed(_watches(0.3, highest=1))
    stage.replayed(_watches(0.1, highest=1))
    with inconclusive(r"The recording covers 0\.\d s of a wait of 9\.0 s"):
        stage.replayed(_watches(9.0, highest=1))
    with pytest.raises(AssertionError, match="too many"):
        stage.replayed(_watches(0.3, highest=0))


# Busy machines


def _misses(stage: Stage, behaviour: Callable[[Any], None], *, live: bool) -> tuple[Missed, list[str]]:
    with pytest.raises(AssertionError) as caught:
        (stage.live if live else stage.replayed)(behaviour)
    (missed,) = missed_of(caught.value)
    return missed, caught.value.__notes__


def _late(stage: Stage, within: float, *, calls: int) -> Callable[[Any], None]:
    """Return a behaviour that waits for a number of calls while the suite was late."""

    def behaviour(world: Any) -> None:  # noqa: ANN401, live or replayed
        with world.orders().load(rate=50.0) as load:
            for look in eventually(within=within):
                with look:
                    stage.running.timeline.record("suite late", seconds=0.9)
                    assert len(load.replies) >= calls

    return behaviour


def test_by_how_much_a_busy_machine_had_a_bound_missed_is_in_the_record(stage: Stage) -> None:
    """What held after the bound is wrong again, by the same; a shorter bound was missed by more."""
    live, notes = _misses(stage, _late(stage, 0.3, calls=20), live=True)
    again, same = _misses(stage, _late(stage, 0.3, calls=20), live=False)
    shorter, _ = _misses(stage, _late(stage, 0.2, calls=20), live=False)

    assert notes == same
    assert notes[1].endswith("after the bound, and held after that.")
    assert again.by == live.by
    assert again.since == pytest.approx(live.since, abs=1e-3)
    assert shorter.by == pytest.approx(live.by + 0.1)
