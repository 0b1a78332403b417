"""Recovery as a measured quantity: what a load saw between a fault and the first even window after it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.eventually import eventually
from tests.harness.world.orders import Load, Orders
from tests.harness.world.reply import Block, Reply
from tests.harness.world.tally import Tally, rotation_faults
from tests.harness.world.verdict import SubjectWrongError

ROUNDS = 10
"""Rounds over the replicas in the block that judges whether shares stay even."""

CUT_LATE = 0.1
"""Seconds after a replica was seen to be dead in which a client may still write a call to its connection."""

SHORTEST_FLOOR = 0.1
"""Seconds; a subject that promises a shorter re-resolution interval is judged as if it promised this."""


@dataclass(frozen=True)
class Recovery:
    """
    What a load of `calls` saw of a fault, with times in seconds since it was confirmed.

    The `failed` calls, the `last_failure` (0 if none) and the first even window (`even_after`) are three of the four
    quantities; the fourth, that shares stay even, is judged on a fresh block after it.
    """

    calls: int
    failed: tuple[Reply, ...]
    last_failure: float
    even_after: float

    def __str__(self) -> str:
        """As the table shows it."""
        failures = f"{len(self.failed)} of {self.calls} calls failed"
        last = f", the last after {self.last_failure:.2f} s" if self.failed else ""
        return f"{failures}{last}; even after {self.even_after:.2f} s"


def recovery(load: Load, *, since: float, over: Sequence[str], within: float) -> Recovery:
    """
    Wait until the load's shares are even over exactly these replicas again, and return what it took.

    `since` is the monotonic time at which the fault, or its end, was confirmed. Raises AssertionError if the first
    even window begins later than `within` seconds after that; the window itself may end later.
    """
    for look in eventually(
        within=within + load.seconds_of_a_window(over), what=f"shares are even over {', '.join(over)}"
    ):
        with look:
            even_after = load.even_after(since, over)
            assert even_after is not None, _not_even(load, since, over)
    if even_after is None or even_after > within:
        raise SubjectWrongError(f"shares became even {even_after:.2f} s after the fault; {within:.2f} s is promised")
    replies = [reply for reply in load.replies if reply.received >= since]  # including those in flight then
    failed = tuple(reply for reply in replies if not reply.ok)
    last = max((reply.received - since for reply in failed), default=0.0)
    return Recovery(len(replies), failed, last, even_after)


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
    promised: what remains is that the shares differ by 1 for each channel, and 1 more for each of its restarts.
    """
    if promises.connections_per_replica > 1:
        served = Tally(Counter(str(replica) for replica in block.served))
        return served.faults(over, spread=promises.uneven(block.seconds, restarts))
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


def _not_even(load: Load, since: float, over: Sequence[str]) -> str:
    replies = load.answered_since(since)
    served = [reply.served_by if reply.ok else reply.code for reply in replies]
    latest = served[-4 * len(over) :]
    shares = {name: list(map(str, latest)).count(name) for name in sorted({*over, *map(str, latest)})}
    return f"shares are not even over {', '.join(over)}: of the latest {len(latest)} calls, {shares}"
