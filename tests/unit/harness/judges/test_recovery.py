"""Recovery as a measured quantity, on loads whose replies are known."""

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.harness.judges.recovery import (
    ROUNDS,
    Recovery,
    failures_allowed,
    failures_but_cut,
    first_window,
    fresh_block_faults,
    recovery,
    turn_faults,
)
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.ledger import Attempt
from tests.harness.world.load import Load
from tests.harness.world.orders import Orders
from tests.harness.world.reply import Block, Reply

ABC = ["a", "b", "c"]


def _reply(number: int, served_by: str | None, *, took: float = 0.01, began: float = 0.0) -> Reply:
    """Return the reply to an order that was sent `number` tenths of a second after `began`."""
    sent = began + number / 10
    if served_by is None:
        return Reply(f"o{number}", sent, sent + took, 503, "UNAVAILABLE", message="HTTP 503: no")
    return Reply(f"o{number}", sent, sent + took, 200, "OK", served_by)


def _replies(served: Sequence[str | None]) -> list[Reply]:
    return [_reply(number, served_by) for number, served_by in enumerate(served)]


def _orders() -> Orders:
    return Orders(lambda: "http://127.0.0.1", lambda _: [], patience=1.0)


class RecordedLoad(Load):
    """A load that sends nothing: each look at it shows `more` replies more."""

    def __init__(self, replies: Sequence[Reply], *, more: int = 1000) -> None:
        super().__init__(_orders(), 10.0, "", 0)
        self._recorded = list(replies)
        self._more = more
        self._shown = 0

    def look(self) -> tuple[list[Reply], list[float]]:
        """Return some more of the recorded replies with each look."""
        self._shown += self._more
        return self._recorded[: self._shown], []


def test_a_load_that_stays_even_has_recovered_at_once() -> None:
    """Without a failure nothing failed, the last failure is 0 and the first window begins with the first call."""
    load = RecordedLoad(_replies(ABC * 5))

    measured = recovery(load, since=0.0, over=ABC, within=1.0)

    assert measured == Recovery(
        calls=15,
        failed=(),
        last_failure=0.0,
        even_after=measured.even_after,
        since=0.0,
        within=1.0,
        until=measured.until,
        seen=measured.seen,
    )
    assert measured.seen >= measured.until
    assert (measured.even_after, measured.until) == pytest.approx((0.01, 1.11))
    assert str(measured) == "0 of 15 calls failed; even after 0.01 s"


def test_failures_and_the_first_even_window_are_measured_from_the_fault() -> None:
    """Calls before the fault are left out; the last failure counts by its answer, the even window by its first call."""
    replies = [*_replies(["c"] * 10), _reply(10, None), _reply(11, "a"), _reply(12, None, took=0.25)]
    replies += [_reply(13 + number, name) for number, name in enumerate(["a", "b"] * 6)]
    load = RecordedLoad(replies)

    measured = recovery(load, since=1.0, over=["a", "b"], within=1.0)

    assert measured.calls == 15
    assert [reply.id for reply in measured.failed] == ["o10", "o12"]
    assert measured.last_failure == pytest.approx(0.2 + 0.25)
    assert measured.even_after == pytest.approx(0.31)
    assert str(measured) == "2 of 15 calls failed, the last after 0.45 s; even after 0.31 s"


def test_recovery_is_waited_for() -> None:
    """A window that is not there yet is looked for again until its last call is answered."""
    load = RecordedLoad(_replies([*["a", "b"] * 4, *ABC * 4]), more=4)

    measured = recovery(load, since=0.0, over=ABC, within=10.0)

    assert measured.even_after == pytest.approx(0.51)  # from there 4 calls of a, 5 of b, 3 of c
    assert measured.calls == 20


def test_a_load_that_never_gets_even_is_wrong_in_words() -> None:
    """After its time the subject is wrong: the message says over whom, and how the latest calls were shared."""
    served = [*ABC * 5, *["a", "b", None, "a"] * 3]
    began = time.monotonic()

    with pytest.raises(AssertionError) as caught:
        recovery(RecordedLoad(_replies(served)), since=1.5, over=ABC, within=0.1)

    message = str(caught.value).splitlines()[0]
    assert message.startswith("shares are not even over a, b, c: of the latest 12 calls, {")
    for share in ("'a': 6", "'b': 3", "'c': 0", "'UNAVAILABLE': 3"):
        assert share in message
    assert caught.value.__notes__[0].startswith("Still failing after ")
    window = 4 * 3 / 10.0 + 0.2  # one may still be on its way when the time is over
    assert 0.1 + window <= time.monotonic() - began < 1.1 + window


def test_a_load_that_gets_even_too_late_is_wrong_in_words() -> None:
    """A window that is there, but began later than promised, is told with both times."""
    load = RecordedLoad([*_replies(["a", "b"] * 4), *(_reply(8 + n, name) for n, name in enumerate(ABC * 4))])

    with pytest.raises(AssertionError, match=r"^shares became even 0\.51 s after the fault; 0\.40 s is promised$"):
        recovery(load, since=0.0, over=ABC, within=0.4)


def test_calls_that_were_held_are_even_once_they_are_served() -> None:
    """A window counts by its answers: all calls of 2 s were held, and then served in turn."""
    held = [_reply(number, ABC[number % 3], took=2.0 - number / 10) for number in range(20)]
    later = [_reply(number, ABC[number % 3]) for number in range(20, 32)]

    assert first_window(held, [], 0.0, ABC) == pytest.approx((0.8 + 1.2, 2.0))
    assert first_window([*held, *later], [], 0.0, ABC) == pytest.approx((2.0, 2.0))
    with pytest.raises(AssertionError, match=r"shares became even 2\.00 s after the fault; 1\.50 s is promised"):
        recovery(RecordedLoad([*held, *later]), since=0.0, over=ABC, within=1.5)


def test_a_planned_delay_is_no_waiting() -> None:
    """An order that makes its replica take 300 ms is answered in time after 310 ms."""
    delayed = [
        replace(_reply(number, ABC[number % 3], took=0.31), id=f"o{number}~OK:delay=300") for number in range(12)
    ]

    assert first_window(delayed, [], 0.0, ABC) == pytest.approx((0.01, 1.41))


def test_an_unanswered_order_is_served_by_none() -> None:
    """Calls of every third order hang, and the others are even over two: no window, until orders no longer hang."""
    served = [_reply(number, "ab"[number % 3]) for number in range(30) if number % 3 < 2]
    hanging = [number / 10 for number in range(2, 30, 3)]

    assert first_window(served, hanging, 0.0, ["a", "b"]) is None
    assert first_window(served, [], 0.0, ["a", "b"]) is not None
    moved = [_reply(30 + number, "ab"[number % 2]) for number in range(8)]
    assert first_window([*served, *moved], hanging, 0.0, ["a", "b"]) == pytest.approx((3.01, 3.71))


def test_without_even_shares_calls_in_a_row_are_enough() -> None:
    """Where a policy promises no even shares ten calls in a row are served by anyone; an unanswered one is not."""
    served = [_reply(number, None if number < 5 else "a") for number in range(20)]

    assert first_window(served, [], 0.0, ()) == pytest.approx((0.51, 1.41))
    assert first_window(served[:14], [], 0.0, ()) is None
    assert first_window(served[:16], [0.95], 0.0, ()) is None
    with pytest.raises(AssertionError, match=r"calls were served again 0\.51 s after"):
        recovery(RecordedLoad(served), since=0.0, over=(), within=0.4)


def test_a_load_without_an_answer_is_wrong_in_words() -> None:
    """Where nothing at all was answered after the fault, the message says that of the latest 0 calls."""
    with pytest.raises(AssertionError, match=r"^shares are not even over a: of the latest 0 calls, \{'a': 0\}"):
        recovery(RecordedLoad([]), since=0.0, over=["a"], within=0.0)


class RecordedOrders(Orders):
    """Orders that are not sent: a serial block has the given replicas as servers, and takes so many seconds."""

    def __init__(self, served: Sequence[str | None], seconds: float = 0.1) -> None:
        super().__init__(lambda: "http://127.0.0.1", lambda _: [], patience=1.0)
        self._served = served
        self._seconds = seconds
        self.placed = 0

    def place(self, count: int = 1, **_: object) -> Block:
        """Return the first `count` orders as a block."""
        self.placed += count
        replies = [_reply(number, name) for number, name in enumerate(self._served[:count])]
        scale = self._seconds / (replies[-1].received - replies[0].sent)
        replies = [replace(reply, sent=reply.sent * scale, received=reply.received * scale) for reply in replies]
        attempts = [
            Attempt(reply.id, reply.served_by or "c", "GetOrder", None, "peer", None, reply.code, reply.sent)
            for reply in replies
        ]
        return Block(tuple(replies), tuple(attempts))


def test_a_fresh_block_that_goes_round_has_no_fault() -> None:
    """Ten rounds over the replicas are placed, and nothing is said about them."""
    orders = RecordedOrders(ABC * 20)

    assert fresh_block_faults(orders, ABC, Promises()) == []
    assert orders.placed == ROUNDS * 3


def test_failed_calls_in_a_fresh_block_are_shown_instead_of_shares() -> None:
    """Each failed call is named with what came back."""
    orders = RecordedOrders([*ABC * 3, None, *ABC * 7])

    assert fresh_block_faults(orders, ABC, Promises()) == ["o9: HTTP 503: no"]


@pytest.mark.parametrize(
    ("restarts", "seconds", "floor", "faulty"),
    [
        (1, 0.1, 30.0, False),  # the answer that may still be under way
        (2, 0.1, 30.0, True),
        (2, 0.6, 0.5, False),  # a floor has passed within the block
        (3, 0.6, 0.5, True),
        (2, 0.05, 0.001, True),  # a floor shorter than the shortest is no excuse
        (2, 0.15, 0.001, False),
    ],
)
def test_a_fresh_block_may_restart_once_and_once_per_floor(
    restarts: int, seconds: float, floor: float, *, faulty: bool
) -> None:
    """A pending answer of the name server restarts the rotation once, another one can come after each floor."""
    orders = RecordedOrders([*(ABC * 2)[:5] * restarts, *ABC * 10], seconds)

    faults = fresh_block_faults(orders, ABC, Promises(min_resolution_interval=floor))

    assert bool(faults) is faulty


def test_a_fresh_block_over_others_names_them() -> None:
    """A replica that should be gone and serves calls is complained of."""
    (complaint,) = fresh_block_faults(RecordedOrders(ABC * 10), ["a", "b"], Promises())

    assert complaint.startswith("some calls were served by c, not by a, b")


@pytest.mark.parametrize(
    ("served", "promises", "faulty"),
    [
        (ABC * 10, Promises(), False),
        ([*ABC * 5, *"bcabca", *ABC * 3], Promises(), True),  # the rotation began again
        ([*ABC * 5, *"bcabca", *ABC * 3], Promises(refresh_interval=60.0), True),  # twice, and one poll at most
        ([*ABC * 5, *"bca" * 5], Promises(refresh_interval=60.0), False),
        ([*ABC * 5, *"bca" * 5], Promises(connections_per_replica=2), False),
        ([*"aabbcc" * 5], Promises(connections_per_replica=2), False),  # two channels, one after the other
        ([*"aabbcc" * 5], Promises(), True),
        ([*ABC * 9, *"aaa"], Promises(connections_per_replica=2), True),  # 12/9/9: three apart, two are allowed
        ([*ABC * 9, *"ddd"], Promises(connections_per_replica=2), True),
    ],
)
def test_calls_go_round_as_exactly_as_promised(served: list[str], promises: Promises, *, faulty: bool) -> None:
    """Polls may restart the rotation of one channel; of a pool the shares are judged, as its order is not promised."""
    block = RecordedOrders(served).place(30)

    assert bool(turn_faults(block, ABC, promises)) is faulty


def test_only_calls_that_a_dead_replica_may_have_cut_are_forgiven_and_only_without_retries() -> None:
    """A call that was sent later, or that retries are promised for, must not fail."""
    early, cut, served, late = replies = (_reply(1, None), _reply(10, None), _reply(11, "a"), _reply(19, None))
    block, never = Block(replies, ()), Promises(max_attempts=1)

    assert failures_but_cut(block, Budgets(Promises(), 0.6), 1.0) == [early, cut, late]
    assert failures_but_cut(block, Budgets(never, 0.6), 1.0) == [early, late]
    assert failures_but_cut(block, Budgets(never, 0.6), 1.0, 1.85) == [early]
    assert failures_but_cut(block, Budgets(never, 0.6), 0.65) == [cut, late]
    assert served not in failures_but_cut(block, Budgets(never, 0.6))
    assert (failures_allowed(Promises()), failures_allowed(never)) == ("no failures", "no failures of calls sent later")
