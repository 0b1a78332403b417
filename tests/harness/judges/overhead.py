"""How much longer calls take through a gateway than without it."""

from collections.abc import Sequence
from statistics import median

from tests.harness.subject.promises import Budgets
from tests.harness.world.missed import Complaint, Missed
from tests.harness.world.reply import Reply


def median_call(replies: Sequence[Reply]) -> Reply:
    """Return the call that took longer than half of them."""
    return sorted(replies, key=lambda reply: reply.seconds)[len(replies) // 2]


def overhead_allowed(budgets: Budgets) -> float:
    """*Promise.* Return how many seconds more than a direct call the median of quiet calls may take."""
    return budgets.promises.overhead + budgets.lag


def overhead_faults(replies: Sequence[Reply], direct: Sequence[float], budgets: Budgets) -> list[str]:
    """
    Complain if the median of quiet serial calls is above that of `direct` calls by more than the promised overhead.

    A sixth of the slack is on top. A busy machine delays single calls: it is the median that has to be late, so more
    than half of them all. What the machine took while they were placed is compared with the least that it must have
    added for that: to each of the faster half what is above the bound. What it misses: a gateway that adds less than
    the bound, or more to fewer than half of its calls.
    """
    middle, straight = median_call(replies), median(direct)
    added = middle.seconds - straight
    most = overhead_allowed(budgets)
    text = f"a call takes {added * 1000:.0f} ms longer than a direct one, {most * 1000:.0f} ms at most"
    faster = sorted(reply.seconds for reply in replies)[: len(replies) // 2 + 1]
    by = sum(max(0.0, seconds - straight - most) for seconds in faster)
    missed = Missed(by, min(reply.sent for reply in replies), max(reply.received for reply in replies))
    return [Complaint.of(f"{text}: {middle!r}", missed)] if added > most else []
