"""How long calls waited around a fault, on loads whose replies and attempts are known."""

import math
from collections.abc import Sequence

import pytest

from tests.harness.judges.recovery import Recovery
from tests.harness.judges.waiting import SHOWN, waiting_faults
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.ledger import Attempt
from tests.harness.world.reply import Block, Reply

BUDGETS = Budgets(Promises(), slack=0.6)
"""Retries wait for 0.36 s at most."""

Call = tuple[Reply, list[Attempt]]


def _call(sent: float, took: float, *tried: str, code: str = "OK", plan: str = "") -> Call:
    """Return a call and its attempts; the last one was answered with this code, those before it failed."""
    order = f"o{sent:.2f}" + (f"~{plan}" if plan else "")
    codes = [*["UNAVAILABLE"] * (len(tried) - 1), code]
    attempts = [
        Attempt(order, replica, "GetOrder", number or None, "peer", None, outcome, sent + 0.01)
        for number, (replica, outcome) in enumerate(zip(tried, codes, strict=False))
    ]
    served_by = tried[-1] if code == "OK" else None
    return Reply(order, sent, sent + took, 200 if code == "OK" else 503, code, served_by), attempts


def _block(calls: Sequence[Call]) -> Block:
    replies, trails = zip(*calls, strict=True)
    return Block(tuple(replies), tuple(attempt for trail in trails for attempt in trail))


def _recovery(
    since: float, until: float, *, within: float = 5.6, outage: bool = False, seen: float = math.inf
) -> Recovery:
    return Recovery(0, (), 0.0, 0.0, since, within, until, outage, seen)


QUICK = [_call(number / 10, 0.01, "ab"[number % 2]) for number in range(100)]


def _of(*calls: Call, recoveries: Sequence[Recovery] = (_recovery(2.0, 8.0),)) -> list[str]:
    return waiting_faults(_block([*QUICK, *calls]), BUDGETS, *recoveries)


def test_calls_that_wait_for_nothing_have_no_fault() -> None:
    """Nor do calls of a plan that makes their replica slow."""
    assert _of() == []
    assert _of(_call(4.05, 0.61, "a", plan="OK:delay=400")) == []


def test_a_call_may_take_the_backoffs_of_its_retries() -> None:
    """One that met the fault may take 0.36 s more, and its plan once for each attempt."""
    assert _of(_call(1.95, 0.95, "a")) == []
    assert _of(_call(4.05, 0.95, "a", "b")) == []
    assert _of(_call(1.95, 1.5, "a", "b", plan="OK:delay=300")) == []
    (complaint,) = _of(_call(2.05, 1.0, "a", "b"))
    assert complaint.startswith("a call took 1.00 s with a replica connected, at most 0.96 s: <o2.05 after 1.00 s")


def test_of_what_a_call_waited_before_the_fault_was_complete_a_slack_does_not_count() -> None:
    """A killed replica may take a while to exit on a busy machine: its calls are not cut before that."""
    assert _of(_call(1.45, 1.5, "a", "b")) == []
    (complaint,) = _of(_call(1.45, 1.55, "a", "b"))
    assert complaint.startswith("a call took 1.00 s with a replica connected, at most 0.96 s: <o1.45 after 1.55 s")
    (complaint,) = _of(_call(4.05, 25.0, "a"), recoveries=[_recovery(30.0, 36.0)])
    assert complaint.startswith("a call took 25.00 s with a replica connected")


def test_a_call_that_met_no_fault_takes_no_longer_than_its_plan() -> None:
    """A gateway that holds every call while it resolves or dials serves them all, evenly, and late."""
    held = [_call(2.05 + number / 10, 3.0 - number / 10, "ab"[number % 2]) for number in range(30)]

    assert len(_of(*held)) == SHOWN + 1
    (complaint,) = _of(_call(4.05, 0.7, "a"))
    assert complaint.startswith("a call took 0.70 s with a replica connected, at most 0.60 s: ")
    assert _of(_call(7.95, 0.7, "a")) == []  # the next fault may have begun
    assert _of(_call(8.05, 3.0, "a")) == []  # nor is it known what came after


def test_in_an_outage_calls_wait_for_a_connection_but_are_not_left_over() -> None:
    """A call that is never woken is complained of although its failure is as early as any that are allowed."""
    outage = [_recovery(2.0, 3.0, outage=True)]

    assert _of(_call(0.55, 2.6, "a"), recoveries=outage) == []
    (complaint,) = _of(_call(1.05, 5.0, code="DEADLINE_EXCEEDED"), recoveries=outage)
    assert complaint.startswith("a call waited for 3.05 s after shares were even again, at most 0.96 s: <o1.05 after")


@pytest.mark.parametrize("outage", [False, True])
def test_no_call_fails_later_than_promised(*, outage: bool) -> None:
    """Whenever it was sent; what happened to a call before is no concern of this rule."""
    recoveries = [_recovery(2.0, 3.0, within=2.0, outage=outage)]

    assert _of(_call(3.95, 0.01, code="UNAVAILABLE"), recoveries=recoveries) == []
    (complaint,) = _of(_call(4.05, 0.01, code="UNAVAILABLE"), recoveries=recoveries)
    assert complaint.startswith("a call failed 2.06 s after the fault, 2.00 s is promised: <o4.05 after 0.01 s")


def test_each_fault_of_a_load_is_judged() -> None:
    """A failure counts from the last fault before it; a call that a later outage may have caught is left to that."""
    recoveries = [_recovery(1.0, 1.5, within=1.0), _recovery(4.0, 4.5, within=1.0, outage=True)]

    assert _of(_call(4.15, 0.01, code="UNAVAILABLE"), recoveries=recoveries) == []
    assert _of(_call(2.55, 1.9, "a"), recoveries=recoveries) == []
    assert len(_of(_call(1.45, 1.9, "a"), recoveries=recoveries)) == 1
    assert len(_of(_call(3.15, 0.01, code="UNAVAILABLE"), recoveries=recoveries)) == 1


def test_calls_may_fail_in_the_next_outage() -> None:
    """It begins after what was seen of the last recovery; when replicas that take long to return do is its end."""
    recoveries = [
        _recovery(1.0, 1.5, within=1.0, outage=True, seen=2.5),
        _recovery(4.0, 4.5, within=1.0, outage=True, seen=4.6),
    ]

    assert _of(_call(3.15, 0.01, code="UNAVAILABLE"), recoveries=recoveries) == []
    assert len(_of(_call(2.25, 0.01, code="UNAVAILABLE"), recoveries=recoveries)) == 1
    assert len(_of(_call(5.25, 0.01, code="UNAVAILABLE"), recoveries=recoveries)) == 1


def test_without_retries_calls_may_fail_that_the_next_fault_cuts() -> None:
    """It is confirmed up to a slack after it happened; a failure before that is one."""
    once = Budgets(Promises(max_attempts=1), slack=0.6)
    both = (_recovery(2.0, 8.0), _recovery(9.0, 9.5))
    cut, earlier = _call(8.75, 0.05, "a", code="UNAVAILABLE"), _call(8.25, 0.05, "a", code="UNAVAILABLE")

    assert waiting_faults(_block([*QUICK, cut]), once, *both) == []
    assert len(waiting_faults(_block([*QUICK, earlier]), once, *both)) == 1
    assert len(waiting_faults(_block([*QUICK, cut]), BUDGETS, *both)) == 1


def test_the_first_calls_of_a_gateway_may_be_cold() -> None:
    """After an outage a call may be left over for as long as a start is promised to take."""
    cold = Budgets(Promises(start_within=2.0), slack=0.6)
    late = _call(2.15, 8.5, "a")
    outage = _recovery(2.0, 8.0, within=9.0, outage=True)

    assert waiting_faults(_block([*QUICK, late]), cold, outage) == []
    assert len(waiting_faults(_block([*QUICK, late]), BUDGETS, outage)) == 1
