"""Recovery as a measured quantity: what a load saw between a fault and the first even window after it."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.order.faults import parse_order_id
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.eventually import eventually
from tests.harness.world.ledger import Attempt
from tests.harness.world.load import Load
from tests.harness.world.missed import Missed, with_missed
from tests.harness.world.orders import Orders
from tests.harness.world.reply import ARRIVED, Block, Reply
from tests.harness.world.tally import WINDOW_ROUNDS, Tally, even_windows, rotation_faults
from tests.harness.world.verdict import SubjectWrongError

ROUNDS = 10
"""Rounds over the replicas in the block that judges whether shares stay even."""

SERVED = 10
"""Calls in a row that have to be served where no even shares are promised."""

CUT_LATE = 0.1
"""Seconds after a replica was seen to be dead in which a client may still write a call to its connection."""

SHORTEST_FLOOR = 0.1
"""Seconds; a subject that promises a shorter re-resolution interval is judged as if it promised this."""


@dataclass(frozen=True)
class Recovery:
    """
    What a load of `calls` saw of a fault, with times in seconds since it was confirmed.

    The `failed` calls, the `last_failure` (0 if none) and the first even window (`even_after`) are three of the
    quantities; that shares stay even is judged on a fresh block after it, and how long calls waited by `waiting_faults`
    on the complete load. For that: `since` when (monotonic), `within` how long it was to take, `until` when the last
    call of the even window was answered, and whether there was an `outage`, in which no replica was connected. `seen`
    is when the last call was answered that was known by then: the next fault begins later. If the calls `arrived`, as
    the subject calls by itself, no failure of one is seen.
    """

    calls: int
    failed: tuple[Reply, ...]
    last_failure: float
    even_after: float
    since: float
    within: float
    until: float
    outage: bool = False
    seen: float = math.inf
    arrived: bool = False

    def __str__(self) -> str:
        """As the table shows it."""
        if self.arrived:
            return f"{self.calls} calls arrived; even after {self.even_after:.2f} s"
        failures = f"{len(self.failed)} of {self.calls} calls failed"
        last = f", the last after {self.last_failure:.2f} s" if self.failed else ""
        return f"{failures}{last}; even after {self.even_after:.2f} s"


def recovery(load: Load, *, since: float, over: Sequence[str], within: float, outage: bool = False) -> Recovery:
    """
    Wait until the load's shares are even over exactly these replicas again, and return what it took.

    With none, for a policy that promises no even shares: until ten calls in a row are served, by anyone.

    `since` is the monotonic time at which the fault, or its end, was confirmed. Raises AssertionError if the first
    even window begins later than `within` seconds after that; the window itself may end later. `outage` is for
    `waiting_faults`: no replica was connected for a while, so that calls may have waited for a connection.
    """
    window_takes = load.seconds_of_a_window(over) if over else SERVED / load.rate + load.seconds_of_a_window(())
    what = f"shares are even over {', '.join(over)}" if over else "calls are served"
    for look in eventually(within=within + window_takes, what=what):
        with look:
            replies, unanswered = load.look()
            window = first_window(replies, unanswered, since, over)
            assert window is not None, _not_even(replies, since, over)
            even_after, until = window
            # a later window may count from earlier, as a call of this one waited; but not from before its calls
            assert even_after <= within or replies[-1].sent > since + within, _late(over, even_after, within)
    if even_after > within:
        missed = Missed(even_after - within, since, since + even_after)
        raise with_missed(SubjectWrongError(_late(over, even_after, within)), missed)
    known = [reply for reply in replies if reply.received >= since]  # including those in flight then
    failed = tuple(reply for reply in known if not reply.ok)
    last = max((reply.received - since for reply in failed), default=0.0)
    seen = max(reply.received for reply in replies)
    arrived = replies[-1].message == ARRIVED
    return Recovery(len(known), failed, last, even_after, since, within, until, outage, seen, arrived)


def first_window(
    replies: Sequence[Reply], unanswered: Sequence[float], since: float, over: Sequence[str]
) -> tuple[float, float] | None:
    """
    Return after how many seconds shares became even over exactly these replicas, and when that window had its answers.

    A window counts from when its slowest call would have been answered had it been sent first, without the delay that
    its order plans: a gateway that holds all calls and then serves them evenly became even when it served them. An
    order that is still `unanswered` (when it was sent) is served by none. None while there is no even window.
    """
    sent = [(reply.sent, reply) for reply in replies if reply.sent >= since]
    placed = sorted([*sent, *((at, None) for at in unanswered if at >= since)], key=lambda pair: pair[0])
    calls = [reply for _, reply in placed]
    served = [reply.served_by if reply and reply.ok else None for reply in calls]
    found = []
    size = WINDOW_ROUNDS * len(over) or SERVED
    in_a_row = (start for start in range(len(served) - size + 1) if None not in served[start : start + size])
    for start in even_windows(served, over) if over else in_a_row:
        window = [reply for reply in calls[start : start + size] if reply]
        waited = max(reply.seconds - planned(reply.id, reply.served_by) for reply in window)
        found.append((window[0].sent + waited - since, max(reply.received for reply in window)))
    return min(found, default=None)


def planned(order_id: str, replica: str | None, previous: int = 0) -> float:
    """Return how many seconds a replica delays its answer to an attempt, by the order's plan."""
    return parse_order_id(order_id).step_for(previous, replica or "").delay


def planned_of(trail: Sequence[Attempt], order_id: str) -> float:
    """Return how many seconds the attempts of a call were delayed by its plan, one after the other."""
    return sum(planned(order_id, attempt.replica, number) for number, attempt in enumerate(trail))


def failures_allowed(promises: Promises) -> str:
    """As a bound: which calls may fail when a replica dies."""
    return "no failures" if promises.has("retries") else "no failures of calls sent later"


def failures_but_cut(block: Block, budgets: Budgets, *killed: float) -> list[Reply]:
    """
    Return the calls of a block that failed, without those that a replica which died cut, if no retries are promised.

    `killed` are the times at which replicas were seen to be dead. Calls that were under way about then may have been
    cut there; gRPC itself repeats a call only if it never left the client (gRFC A6, Transparent Retries).
    """
    if budgets.promises.has("retries"):
        return block.failed
    return [reply for reply in block.failed if not any(_under_way(reply, at, budgets.slack) for at in killed)]


def _under_way(reply: Reply, killed: float, slack: float) -> bool:
    """Say whether a call may have been under way when a replica died, which was seen up to `slack` seconds later."""
    return reply.sent <= killed + CUT_LATE and reply.received >= killed - slack


def turn_faults(block: Block, over: Sequence[str], promises: Promises, *, restarts: int = 0) -> list[str]:
    """
    Complain unless a block of serial calls goes round exactly these replicas, as exactly as its subject promises.

    Each list that a resolver delivers may restart the rotation (tally.rotation_faults), and a gateway that promises to
    poll gets one in each interval. A pool has a rotation in each channel, and no order in which they take turns is
    promised: what remains is that the shares differ by 1 for each channel, and 1 more for each of its restarts. The
    calls of a subject that calls by itself need not be serial.
    """
    if promises.connections_per_replica > 1 or block.arrived:
        served = Tally(Counter(str(replica) for replica in block.served))
        uneven = promises.uneven(block.seconds, restarts) + block.blurred(len(over))
        return served.faults(over, spread=uneven)
    return rotation_faults(block.served, over, restarts=restarts + promises.polls_within(block.seconds))


def fresh_block_faults(orders: Orders, over: Sequence[str], promises: Promises) -> list[str]:
    """
    Place one fresh block of serial calls and complain unless it rotates over exactly these replicas.

    A DNS query that the fault triggered may still be waiting for the minimum re-resolution interval; its answer
    restarts the rotation once, and no second one can follow within the interval.
    """
    block = orders.place(ROUNDS * len(over))
    restarts = 1 + int(block.seconds / max(promises.min_resolution_interval, SHORTEST_FLOOR))
    failed = [f"{reply.id}: {reply.message}" for reply in block.failed]
    return failed or turn_faults(block, over, promises, restarts=restarts)


def _late(over: Sequence[str], even_after: float, within: float) -> str:
    what = "shares became even" if over else "calls were served again"
    return f"{what} {even_after:.2f} s after the fault; {within:.2f} s is promised"


def _not_even(replies: Sequence[Reply], since: float, over: Sequence[str]) -> str:
    later = [reply for reply in replies if reply.sent >= since]
    served = [reply.served_by if reply.ok else reply.code for reply in later]
    latest = served[-(WINDOW_ROUNDS * len(over) or SERVED) :]
    shares = {name: list(map(str, latest)).count(name) for name in sorted({*over, *map(str, latest)})}
    what = f"shares are not even over {', '.join(over)}" if over else "calls are not served in a row"
    return f"{what}: of the latest {len(latest)} calls, {shares}"
