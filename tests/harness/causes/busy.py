"""
Whether the machine can be why something failed: it took time, and the failure needs no more time than that.

What it took in the window that failed (evidence/taken.py) is added to the bound, and the failure is judged again. A
failure that is not about an amount of time may come from a call or a timer that was late. It is excused only if the
machine took more in all of the behaviour than the slack that each bound includes. Without anyone who was late by more
than starvation.py allows nothing is excused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.causes.case import Case
from tests.harness.evidence.history import Event
from tests.harness.evidence.starvation import GATEWAY
from tests.harness.evidence.taken import Taken, seconds_of
from tests.harness.world.missed import Missed


@dataclass(frozen=True)
class Busy:
    """What a busy machine means for a failure; `words` is "" where it was not busy."""

    excuses: bool
    words: str = ""


def too_busy(case: Case, missed: Sequence[Missed] = ()) -> Busy:
    """Judge a failure again with what the machine took; `missed` is all that the failure is by, if that is time."""
    machine = Taken(case.history)
    late = machine.late(case.began, float("inf"))
    if not late:
        return Busy(excuses=False)
    if not missed:
        return _without_an_amount(case, machine, max(late, key=seconds_of))
    began = next((event.members.get("monotonic", 0.0) for event in case.history.of_kind("began")), 0.0)
    amounts = [(one.by, machine.lost(one.since - began, one.until - began)) for one in missed]
    by, took = max(amounts, key=lambda amount: amount[0] - amount[1])
    if by > took:
        words = (
            f"a busy machine is not why: it took {took:.2f} s in that window, and the bound was missed by {by:.2f} s"
        )
        return Busy(excuses=False, words=words)
    lateness = f"it took {took:.2f} s in that window, and the bound was missed by {by:.2f} s"
    return Busy(excuses=True, words=f"not counted as a failure, as the machine was too busy: {lateness}")


def _without_an_amount(case: Case, machine: Taken, worst: Event) -> Busy:
    """Judge a failure that is not about an amount of time: each bound that might be behind it includes the slack."""
    ended = case.history.events[-1].at
    took, slack = machine.seconds(case.began, ended), _slack(case)
    if took <= slack:
        words = (
            f"a busy machine is not why: it took {took:.2f} s in all, and each bound includes {slack:.2f} s for that"
        )
        return Busy(excuses=False, words=words)
    return Busy(excuses=True, words=f"not counted as a failure, as the machine was too busy: {_words(worst)}")


def _slack(case: Case) -> float:
    """Return the seconds that the environment adds to a promise; 0, which excuses more, where that is not recorded."""
    return float(next((event.members.get("slack", 0.0) for event in case.history.of_kind("began")), 0.0))


def _words(late: Event) -> str:
    if late.event == GATEWAY:
        return f"the gateway waited {seconds_of(late):.2f} s out of one second for a CPU"
    who = late.members.get("replica", "the suite itself")
    return f"{who} woke {seconds_of(late):.2f} s late, and each call waits for a CPU several times"
