"""Waiting for a state: what is raised, when, and what it says."""

import time

import pytest

from tests.harness.world import overtime
from tests.harness.world.eventually import consistently, eventually, reached
from tests.harness.world.missed import missed_of
from tests.harness.world.overtime import measure_with
from tests.harness.world.verdict import InconclusiveError, SubjectUnusableError

SLACK = 0.5
"""Seconds that a busy machine may add to a wait."""


def _eventually_at(look_that_succeeds: int, *, within: float) -> int:
    """Return how many looks were taken until the assertion held."""
    looks = 0
    for look in eventually(within=within, every=0.01):
        with look:
            looks += 1
            assert looks >= look_that_succeeds, f"only {looks} looks so far"
    return looks


def test_what_is_so_at_once_is_looked_at_once() -> None:
    """An assertion that holds ends the wait at the first look."""
    assert _eventually_at(1, within=5) == 1


def test_what_becomes_so_in_time_raises_nothing() -> None:
    """Assertions that fail before the budget is spent leave no trace."""
    assert _eventually_at(5, within=5) == 5


def test_the_last_assertion_survives_with_a_note_of_the_wait() -> None:
    """What never becomes so raises the latest AssertionError, not the first, and says how often it was looked at."""
    looks: list[int] = []
    began = time.monotonic()

    def _wait() -> None:
        for look in eventually(within=0.15, every=0.01):
            with look:
                looks.append(len(looks) + 1)
                assert not looks, f"look {looks[-1]}"

    with pytest.raises(AssertionError, match=r"^look \d+") as caught:
        _wait()

    assert 0.15 <= time.monotonic() - began < 0.15 + SLACK
    assert len(looks) > 1
    assert str(caught.value).startswith(f"look {len(looks)}\n")
    (note,) = caught.value.__notes__
    assert note.startswith(f"Still failing after {len(looks)} checks in 0.")


def test_a_look_that_outlasts_the_time_is_no_last_one() -> None:
    """What it saw when it began may have changed since, and in time."""
    looks = 0
    for look in eventually(within=0.05):
        with look:
            looks += 1
            so = looks > 1
            time.sleep(0.1)
            assert so

    assert looks == 2


def test_a_budget_that_is_spent_at_once_still_takes_one_look() -> None:
    """With no time at all the first failure is the last one."""
    with pytest.raises(AssertionError, match="only 1 looks so far") as caught:
        _eventually_at(2, within=0)

    assert caught.value.__notes__ == ["Still failing after 1 check in 0.0 s."]


@pytest.mark.parametrize("error", [InconclusiveError("gone"), RuntimeError("broken"), KeyboardInterrupt()])
def test_another_exception_passes_at_once(error: BaseException) -> None:
    """Whatever is no AssertionError is raised at the look at which it came, without a note."""
    looks = 0

    def _wait() -> None:
        nonlocal looks
        for look in eventually(within=60):
            with look:
                looks += 1
                raise error

    with pytest.raises(type(error)) as caught:
        _wait()

    assert caught.value is error
    assert looks == 1
    assert not getattr(error, "__notes__", [])


def test_consistently_looks_on_for_its_whole_time() -> None:
    """What stays so is looked at again and again until the time is over, and raises nothing."""
    looks, began = 0, time.monotonic()
    for look in consistently(during=0.15, every=0.01):
        with look:
            looks += 1
            assert looks

    assert 0.15 <= time.monotonic() - began < 0.15 + SLACK
    assert looks > 1


@pytest.mark.parametrize("kind", [AssertionError, InconclusiveError])
def test_consistently_raises_the_first_failure(kind: type[Exception]) -> None:
    """The look at which it is no longer so is the last one, and its exception the one that is raised."""
    looks, began = 0, time.monotonic()

    def _wait() -> None:
        nonlocal looks
        for look in consistently(during=60, every=0.01):
            with look:
                looks += 1
                if looks >= 3:
                    raise kind(f"look {looks}")

    with pytest.raises(kind, match="look 3"):
        _wait()

    assert looks == 3
    assert time.monotonic() - began < SLACK


def test_reached_returns_when_it_was_seen() -> None:
    """The time returned is monotonic, and not before the look that saw it."""
    seen: list[float] = []

    def _third_look() -> bool:
        seen.append(time.monotonic())
        return len(seen) == 3

    when = reached(_third_look, within=5, what="the third look")

    assert len(seen) == 3
    assert seen[-1] <= when <= time.monotonic()


def test_reached_gives_up_as_inconclusive_and_names_what_it_waited_for() -> None:
    """A state that is not reached is no verdict on the subject; the message says what, and after how long."""
    began = time.monotonic()

    with pytest.raises(InconclusiveError, match=r"^timed out after 0\.1 s waiting for: the replica is down$"):
        reached(lambda: False, within=0.1, what="the replica is down")

    assert 0.1 <= time.monotonic() - began < 0.1 + SLACK


def test_reached_gives_up_with_the_exception_that_it_is_told() -> None:
    """A caller who knows whose fault it is names another exception, with the same words."""
    with pytest.raises(SubjectUnusableError, match=r"^timed out after 0\.0 s waiting for: the gateway listens$"):
        reached(lambda: None, within=0.0, what="the gateway listens", error=SubjectUnusableError)


def test_reached_lets_an_exception_of_its_condition_through() -> None:
    """A condition that cannot be looked at is not waited for."""
    looks = 0

    def _condition() -> bool:
        nonlocal looks
        looks += 1
        raise RuntimeError("no such process")

    with pytest.raises(RuntimeError, match="no such process"):
        reached(_condition, within=60, what="anything")

    assert looks == 1


def _on_a_busy_machine(becomes_so: float, *, taken: float, within: float = 0.1) -> AssertionError:
    """Return the error of a wait for what becomes so after as many seconds, while a machine took time."""
    began = time.monotonic()
    measure_with(lambda since: taken if since >= began else 0.0)
    try:
        with pytest.raises(AssertionError) as caught:
            _wait_until(began + becomes_so, within)
    finally:
        measure_with(None)
    return caught.value


def _wait_until(moment: float, within: float) -> None:
    looks = 0
    for look in eventually(within=within, every=0.01):
        with look:
            looks += 1
            assert time.monotonic() >= moment, f"look {looks}"


def test_what_becomes_so_after_the_bound_is_too_late_by_that() -> None:
    """A machine that took 5 s has it waited for; the verdict is that of the bound."""
    error = _on_a_busy_machine(0.4, taken=5.0, within=0.3)
    (missed,) = missed_of(error)
    checks, busy = error.__notes__

    assert 0.0 <= missed.by <= 0.1 + SLACK
    assert missed.until - missed.since == pytest.approx(0.3 + missed.by)
    assert str(error).startswith(f"look {checks.split()[3]}\n")
    assert busy == f"The machine was busy: still failing {missed.by:.2f} s after the bound, and held after that."


@pytest.mark.parametrize(("taken", "longest"), [(0.2, 0.25), (5.0, 0.4)], ids=["what it took", "the longest"])
def test_what_never_becomes_so_is_waited_for_as_long_as_a_machine_may_be_why(
    taken: float, longest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is known to be late by at least that."""
    monkeypatch.setattr(overtime, "LONGEST", 0.4)
    error = _on_a_busy_machine(60.0, taken=taken, within=0.3)
    (missed,) = missed_of(error)

    assert longest <= missed.by < longest + SLACK
    assert error.__notes__[1].endswith("s after the bound.")


def test_a_calm_machine_has_no_wait_go_on() -> None:
    """Nothing was taken, so it is wrong at its bound."""
    error = _on_a_busy_machine(60.0, taken=0.0)

    assert len(error.__notes__) == 1
    assert missed_of(error) == ()
