"""What a busy machine excuses: a failure by no more time than it took within the window that failed."""

from collections.abc import Callable

import pytest

from tests.harness.causes.busy import Busy, too_busy
from tests.harness.evidence.taken import Taken
from tests.harness.judges.backoff import backoff_faults
from tests.harness.world.missed import Complaint, Missed, missed_of, with_missed
from tests.harness.world.verdict import SubjectWrongError
from tests.unit.helpers.story import Story

CLOCK = 1000.0
"""When the behaviours of these stories began, on the monotonic clock."""

SLACK = 0.6


def machine(until: int, *, cpu: float = 0.1, waiting: float = 0.0, used: float | None = 1.8) -> Story:
    """Return a story with CPU and waiting of the gateway, and what the machine used, each in every second."""
    story = Story().event(0.0, "began", monotonic=CLOCK, slack=SLACK, environment="loopback")
    for second in range(until + 1):
        totals = {"cpu": 5 + second * cpu, "waiting": 3 + second * waiting}
        story.event(second, "resources", pid=7, **totals, machine=None if used is None else 9000 + second * used)
    return story


def waits(story: Story, seconds: float, *at: int) -> Story:
    """Return the story with reports of how much of a second the gateway waited."""
    for second in at:
        story.event(second, "gateway late", seconds=seconds)
    return story


def loaded(until: int = 30) -> Story:
    """Return a story at load 15 on two cores: the gateway waits for 0.3 s of each second."""
    return waits(machine(until, waiting=0.3, used=2.0), 0.3, *range(1, until))


def judged(story: Story, by: float, since: float, until: float) -> Busy:
    """Return what is made of a bound that was missed in a window of the story."""
    return too_busy(story.case(), [Missed(by, CLOCK + since, CLOCK + until)])


def test_a_gateway_that_never_reconnects_is_wrong_at_load_15() -> None:
    """5.6 s are promised, and 4 s after that it still has not; the machine took 2.9 s of those 9.6 s."""
    busy = judged(loaded(), by=4.0, since=5.0, until=14.6)

    assert not busy.excuses
    assert "it took 3.25 s in that window, and the bound was missed by 4.00 s" in busy.words


def test_what_is_late_by_less_than_the_machine_took_is_not_judged() -> None:
    """0.3 s late, where 0.5 s were taken within the window."""
    story = machine(10).event(4.0, "suite late", seconds=0.5)
    busy = judged(story, by=0.3, since=3.0, until=6.3)

    assert busy.excuses
    assert "the machine was too busy: it took 0.75 s in that window" in busy.words


def test_what_the_machine_took_elsewhere_is_no_excuse() -> None:
    """0.3 s late, where 0.1 s were taken within the window, and 3 s before it."""
    story = machine(10, waiting=0.02).event(4.5, "suite late", seconds=3.0)
    calm, early = judged(story, by=0.3, since=5.0, until=9.0), judged(story, by=0.3, since=2.0, until=6.0)

    assert not calm.excuses
    assert early.excuses


def test_a_gateway_that_has_just_started_is_late_by_its_samples() -> None:
    """No pulse saw it wait: it waited for 1.8 s of its first 3 s, most of that before the first look at it."""
    story = Story().event(0.0, "began", monotonic=CLOCK, slack=SLACK, environment="loopback")
    story.event(0.2, "resources", pid=7, cpu=9.0, waiting=9.0, machine=9000.0)
    story.event(3.3, "resources", pid=8, cpu=0.1, waiting=1.8, machine=9006.0, waits={"8": 1.0, "9": 0.3, "10": 0.5})

    assert judged(story, by=0.1, since=2.3, until=2.9).excuses
    assert too_busy(story.case()).excuses


@pytest.mark.parametrize("threads", [2, 40], ids=["as many threads as cores", "many threads"])
def test_a_gateway_that_keeps_every_core_busy_is_not_starved(threads: int) -> None:
    """Its own threads are what it and the suite wait for: others used a fortieth of the machine."""
    story = waits(machine(20, cpu=1.95, waiting=threads / 2, used=2.0), 1.0, *range(1, 20))
    story.event(4.0, "suite late", seconds=0.9)

    assert judged(story, by=0.3, since=3.0, until=9.3) == Busy(excuses=False)
    assert too_busy(story.case()) == Busy(excuses=False)


def test_a_gateway_with_a_busy_thread_is_starved_by_others_all_the_same() -> None:
    """It uses 0.1 of two cores, as others keep both of them busy."""
    busy = judged(loaded(), by=0.3, since=3.0, until=6.3)

    assert busy.excuses


def test_an_older_record_without_the_use_of_the_machine_is_judged_by_what_was_waited_for() -> None:
    """Nothing is known of others, so they are not acquitted."""
    story = waits(machine(10, cpu=1.0, waiting=0.5, used=None), 0.5, 4)

    assert judged(story, by=0.3, since=3.0, until=5.0).excuses
    assert not judged(story, by=1.3, since=3.0, until=5.0).excuses


def test_a_record_without_samples_has_the_reports_of_lateness() -> None:
    """As in a cluster, where the gateway's process is not ours: who was late at the same time counts once."""
    story = Story().event(2.0, "suite late", seconds=0.5).event(2.1, "replica late", replica="a", seconds=0.5)
    taken = Taken(story.case().history)

    assert taken.seconds(0.0, 3.0) == pytest.approx(0.6)
    assert taken.seconds(1.8, 3.0) == pytest.approx(0.3)
    assert taken.seconds(1.8, 2.0) == pytest.approx(0.2)
    assert taken.lost(2.5, 3.0) == 0.0


@pytest.mark.parametrize(
    ("threads", "seconds"),
    [
        ([0.9], 3.6),
        ([0.45, 0.45], 3.6),
        ([0.125] * 8, 4 * (1 - 0.75 * 0.875**6)),
        ([0.9] * 8, 4.0),
        ([], 0.0),
    ],
    ids=[
        "one thread that works",
        "work that passes between two",
        "eight that wait a little",
        "eight that work",
        "none",
    ],
)
def test_threads_that_wait_at_the_same_time_are_not_added_up(threads: list[float], seconds: float) -> None:
    """The machine takes the time in which at least one of them waits."""
    story = machine(1)
    for second in range(2, 7):
        waits_of = {str(number): waited for number, waited in enumerate(threads)}
        totals = {"cpu": 5.1, "waiting": 3 + second * sum(threads), "machine": 9001.8 + second, "waits": waits_of}
        story.event(second, "resources", pid=7, **totals)

    assert Taken(story.case().history).seconds(2.0, 6.0) == pytest.approx(seconds)


def test_a_new_gateway_has_waited_since_it_was_started() -> None:
    """The first sample of a process holds all that it used; a JVM that starts waits most then."""
    story = machine(3, waiting=0.1, used=2.0)
    story.event(4.0, "resources", pid=8, cpu=0.3, waiting=0.7, machine=9008.0).event(4.0, "gateway late", seconds=0.7)

    assert Taken(story.case().history).seconds(3.0, 4.0) == pytest.approx(0.7)


def test_uneven_shares_are_excused_only_by_more_than_the_slack() -> None:
    """Time does not make shares uneven, unless a call or a timer was late: no bound is tighter than the slack."""
    once = machine(5).event(4.0, "suite late", seconds=0.4)
    twice = machine(5).event(4.0, "suite late", seconds=0.4)
    twice.event(5.0, "suite late", seconds=0.3)

    assert not too_busy(once.case()).excuses
    assert "it took 0.40 s in all, and each bound includes 0.60 s" in too_busy(once.case()).words
    assert too_busy(twice.case()).excuses


def test_each_complaint_counts() -> None:
    """One that the machine explains does not excuse another one."""
    missed = [Missed(0.2, CLOCK + 3.0, CLOCK + 6.0), Missed(2.0, CLOCK + 3.0, CLOCK + 6.0)]

    assert too_busy(loaded().case(), missed[:1]).excuses
    assert not too_busy(loaded().case(), missed).excuses


def _asserted(judge: Callable[[], list[str]]) -> AssertionError:
    """Return the error of a behaviour that asserts that there are no faults; what held before is not about it."""
    with pytest.raises(AssertionError) as caught:
        _assert(judge)
    return caught.value


def _assert(judge: Callable[[], list[str]]) -> None:
    assert [Complaint.of("not asserted", Missed(9.0, 0.0, 9.0))].copy()
    assert not judge()


def test_a_failed_assertion_knows_what_was_missed() -> None:
    """Its complaints have it, and an error that a judge raises; nothing else is about time."""
    missed = Missed(0.3, 1.0, 2.0)

    assert missed_of(_asserted(lambda: ["odd", Complaint.of("late", missed)])) == (missed,)
    assert missed_of(_asserted(lambda: ["odd"])) == ()
    assert missed_of(with_missed(SubjectWrongError("late"), missed)) == (missed,)
    assert missed_of(None) == ()


def test_a_gap_between_dials_is_missed_by_time() -> None:
    """By what exceeds the jitter, in the time from the first to the last dial."""
    (gap, whole) = backoff_faults({"a": [1.0, 3.5]}, [1.0], lag=0.1)

    assert isinstance(gap, Complaint)
    assert isinstance(whole, Complaint)
    assert gap.missed.by == pytest.approx(1.2)
    assert (gap.missed.since, gap.missed.until) == (1.0, 3.5)
