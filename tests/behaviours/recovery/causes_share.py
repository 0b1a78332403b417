"""Why a replica that has returned does not get its whole share again."""

from collections import Counter
from statistics import mean

from tests.harness.causes.case import Case, Finding, likely, many
from tests.harness.causes.rules import general

LEAST = 8
"""Calls that each of the other replicas has got since, so that a smaller share is none by chance."""

SMALLER = 0.75
"""The part of the others' mean share below which round_robin cannot have picked: it differs by one call a replica."""


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
