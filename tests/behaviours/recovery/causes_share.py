"""Why a replica that has returned does not get its whole share again."""

from collections import Counter
from statistics import mean

from tests.harness.causes.case import Case, Finding, likely, many
from tests.harness.causes.rules import general

FEW = 3
"""Requests that may have been lost for another reason."""

LEAST = 8
"""Calls that each of the other replicas has got since, so that a smaller share is none by chance."""

SMALLER = 0.75
"""The part of the others' mean share below which round_robin cannot have picked: it differs by one call a replica."""


@general(306, of_round_robin=True)
def waits_for_dead_address(case: Case) -> Finding | None:
    """
    With a dead address listed next to healthy ones, requests got no reply and reached no replica.

    >>> story = Story().verb(1.1, "publish a dead address", "DNS")
    >>> for number in range(4):
    ...     _ = story.call(1.5 + number / 100, code=None, took=2.7)
    >>> waits_for_dead_address(story.case()).suspects
    ('waits_for_all',)
    >>> waits_for_dead_address(story.call(1.6, "a").case()) is None
    True
    """
    dead = [verb for verb in case.history.verbs if verb.verb == "publish a dead address" and verb.confirmed]
    lost = [call for call in case.calls if dead and call.sent > (dead[0].confirmed or 0.0)]
    if len(lost) < FEW or any(call.ok or call.attempts or call.status is not None for call in lost):
        return None
    seen = f"with a dead address listed next to those of the replicas, {many(len(lost), 'request')} got no reply, and "
    seen += "none reached a replica"
    return likely("waits_for_all", seen, "a gateway that is stuck on the first address would look the same")


@general(357, of_round_robin=True)
def smaller_share_after_return(case: Case) -> Finding | None:
    """
    A replica was lost and returned, gets calls again, and gets fewer than those that were never lost.

    >>> story = Story().calls(1.0, *in_turn(6)).verb(1.2, "kill", "c").verb(1.3, "start", "c")
    >>> smaller_share_after_return(story.calls(1.5, *"abcab" * 12).case()).suspects
    ('smaller_share_after_return',)
    >>> even = Story().verb(1.2, "kill", "c").verb(1.3, "start", "c").calls(1.5, *in_turn(60))
    >>> smaller_share_after_return(even.case()) is None
    True
    """
    returns = [fault for fault in case.faults_of("start") if fault.on in case.replicas]
    if not returns:
        return None
    name = returns[-1].on
    lost = {fault.on for fault in case.faults_of("kill", "stop", "pause", "disconnect")}
    first = [attempt.at for attempt in case.attempts if attempt.replica == name and attempt.at > returns[-1].asked]
    others = set(case.replicas) - lost
    if not first or name not in lost or not others:
        return None
    later = Counter(attempt.replica for attempt in case.attempts if attempt.at > first[0])
    usual = mean(later[other] for other in others)
    if min(later[other] for other in others) < LEAST or not 0 < later[name] < SMALLER * usual:
        return None
    seen = f"since {name} has returned and gets calls again, it got {many(later[name], 'call')}, and each replica that "
    seen += f"was never lost {usual:.0f}"
    return likely("smaller_share_after_return", seen, "a policy that picks by load would look the same")
