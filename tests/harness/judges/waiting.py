"""How long calls waited around a fault: no failure counts that, and shares become even all the same."""

import math
from collections.abc import Sequence
from itertools import pairwise

from tests.harness.judges.recovery import Recovery, planned_of
from tests.harness.subject.promises import Budgets
from tests.harness.world.ledger import Attempt
from tests.harness.world.missed import Complaint, Missed
from tests.harness.world.reply import Block, Reply

SHOWN = 5
"""Complaints that are shown."""


def waiting_faults(block: Block, budgets: Budgets, *recoveries: Recovery) -> list[str]:
    """
    Complain of the calls of a complete load that waited longer than its faults explain.

    `block` is the whole load once it has ended, `recoveries` what was measured within it, oldest first. For each:

    * no call fails later than that recovery was to take, whenever it was sent, and before the next outage, in which
      they may; without a promise of retries those may also that the next fault cut, which is confirmed up to a slack
      later (recovery.failures_but_cut judges them);
    * a call that was sent before shares were even again takes no longer than its plan and the backoffs of its retries,
      and one that was sent once the fault was over, and needed one attempt, just its plan: a replica was connected;
    * if there was an outage it may wait for a connection, but is not left over once shares are even again; the first
      calls of a gateway may take the promised `start_within` longer, as its code is cold.

    Each bound has the environment's slack on top. For a right gateway the false-alarm probability is 0 as long as the
    machine adds less than that. What it misses: a gateway that holds calls for less than slack and backoffs.
    """
    starts = [-math.inf, *(recovery.until for recovery in recoveries)]
    ends = [min(this.seen, after.since) if after.outage else after.since for this, after in pairwise(recoveries)]
    calls = list(zip(block.replies, block.trails, strict=True))
    faults: list[str] = []
    for recovery, start, end in zip(recoveries, starts, [*ends, math.inf], strict=False):
        late = recovery.since + recovery.within
        before = end if budgets.promises.has("retries") else end - budgets.slack
        faults += [_failed(reply, recovery) for reply in block.failed if late < reply.received <= before]
        sent_before = [(reply, trail) for reply, trail in calls if start <= reply.sent < recovery.until]
        wait = _left_over if recovery.outage else _waited
        faults += [complaint for reply, trail in sent_before if (complaint := wait(reply, trail, recovery, budgets))]
    return faults if len(faults) <= SHOWN else [*faults[:SHOWN], f"and {len(faults) - SHOWN} more"]


def _failed(reply: Reply, recovery: Recovery) -> str:
    after = reply.received - recovery.since
    text = f"a call failed {after:.2f} s after the fault, {recovery.within:.2f} s is promised: {reply!r}"
    return Complaint.of(text, Missed(after - recovery.within, recovery.since, reply.received))


def _longest(reply: Reply, trail: Sequence[Attempt], budgets: Budgets) -> float:
    """Return how many seconds a call may take that meets a fault."""
    return planned_of(trail, reply.id) + budgets.promises.longest_backoffs + budgets.slack


def _waited(reply: Reply, trail: Sequence[Attempt], recovery: Recovery, budgets: Budgets) -> str:
    """
    Complain of a call that took too long although a replica was connected all along.

    Until the fault is complete the gateway may see nothing of it, as a killed process needs a processor to exit: up to
    a slack of what a call waited before that does not count.
    """
    met = min(reply.received, recovery.since) - max(reply.sent, recovery.since - budgets.slack)
    seconds = reply.seconds - max(0.0, met)
    over = recovery.since + budgets.slack <= reply.sent and reply.received <= recovery.until
    untouched = over and reply.ok and len(trail) == 1
    bound = planned_of(trail, reply.id) + budgets.slack if untouched else _longest(reply, trail, budgets)
    took = f"a call took {seconds:.2f} s with a replica connected, at most {bound:.2f} s: {reply!r}"
    missed = Missed(seconds - bound, reply.received - seconds, reply.received)
    return Complaint.of(took, missed) if seconds > bound else ""


def _left_over(reply: Reply, trail: Sequence[Attempt], recovery: Recovery, budgets: Budgets) -> str:
    """Complain of a call that is still waiting although others, sent later, are served evenly."""
    after, bound = reply.received - recovery.until, _longest(reply, trail, budgets) + budgets.first_call
    left = f"a call waited for {after:.2f} s after shares were even again, at most {bound:.2f} s: {reply!r}"
    missed = Missed(after - bound, min(reply.sent, recovery.until), reply.received)
    return Complaint.of(left, missed) if after > bound else ""
