"""Why a gateway that uses three replicas does not use forty, or one."""

from collections import Counter

from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.causes.rules import general

FEW = 4
"""Calls that may have failed for another reason."""


@general(417, of_round_robin=True)
def fewer_addresses(case: Case) -> Finding | None:
    """Every answer had the addresses of all replicas, and calls rotated over some of them; nothing was broken."""
    answers = [query for query in case.answers or () if query.answer]
    enough = len(case.attempts) >= FEW * len(case.replicas)
    if case.faults or not enough or any(len(set(query.answer)) < len(case.replicas) for query in answers):
        return None
    if len({attempt.peer for attempt in case.attempts}) >= len(case.replicas):
        return None  # each address has its connection, wherever that ends
    connected = {connection.replica for connection in case.connections if connection.closed is None}
    # one that is connected and gets no calls is left out for another reason than its address
    return None if connected == set(case.replicas) else some_addresses(case)


def some_addresses(case: Case) -> Finding | None:
    """
    The gateway received more addresses than it uses, each time, and calls rotate over those.

    One that uses a single address has no rotation: that is another policy, or another channel.
    """
    received = max((len(set(query.answer)) for query in case.answers or ()), default=0)
    used = {attempt.replica for attempt in case.attempts}
    shared = len({attempt.peer for attempt in case.attempts}) < 0.9 * len(case.attempts)
    if len(used) < 2 or case.failed or len(used) >= received or not shared:
        return None
    seen = f"DNS returned {many(received, 'address', 'addresses')}, and {len(case.attempts)} attempts went to "
    seen += f"{len(used)} of them"
    return certain("address_limit", seen, "the answer held them all, and every address was served")


def begins_again(case: Case) -> Finding | None:
    """
    After connections were lost, the same replica was called first again and again.

    >>> story = Story()
    >>> for number in range(10):
    ...     _ = story.call(1.2 + number, "b:HANG", "c", plan="CLOSE,OK").call(1.6 + number, "a")
    >>> begins_again(story.case()).suspects
    ('begins_with_the_first',)
    >>> begins_again(Story().calls(1.1, *in_turn(60)).case()) is None
    True
    """
    cut, first = False, []
    for call in case.calls:
        if call.id.partition("~")[2].startswith("CLOSE"):
            cut = True
        elif cut and call.attempts:
            cut = False
            first.append(call.attempts[0].replica)
    replica, count = Counter(first).most_common(1)[0] if first else ("", 0)
    if count < FEW or count < 0.7 * len(first):
        return None
    seen = f"{replica} was the first to be called after {count} of {len(first)} lost connections"
    return likely("begins_with_the_first", seen, "a replica that is preferred for another reason would look the same")


def fails_with_one(case: Case) -> Finding | None:
    """
    Calls failed without an attempt while the service was scaled to one replica, which was healthy.

    >>> story = Story().verb(1.1, "scale", "loopback", count=1)
    >>> for number in range(5):
    ...     _ = story.call(1.4 + number / 10, code="UNAVAILABLE")
    >>> fails_with_one(story.case()).suspects
    ('needs_several_replicas',)
    >>> fails_with_one(Story().verb(1.1, "scale", "loopback", count=1).calls(1.4, *"aaaaa").case()) is None
    True
    """
    one = [fault for fault in case.faults_of("scale") if fault.members.get("count") == 1]
    lost = [call for call in case.failed if one and not call.attempts and call.sent > (one[0].confirmed or 0.0)]
    if len(lost) < FEW:
        return None
    seen = f"scaled to one replica, which was healthy, {many(len(lost), 'call')} failed without an attempt"
    return likely("needs_several_replicas", seen, "a gateway that had lost its only connection would look the same")
