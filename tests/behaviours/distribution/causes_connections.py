"""Why there are more connections than replicas: a pool in use, or what was not closed."""

from collections import defaultdict
from collections.abc import Sequence

from tests.harness.causes.case import LATE, Case, Finding, likely, many, peers, tally, undecided
from tests.harness.causes.rules import general
from tests.harness.evidence.history import Connection

TOGETHER = 0.3
"""Seconds within which a pool that is opened at the start has opened all its connections."""


def _of_its_start(case: Case) -> list[Connection]:
    """Return the connections that were opened together with the first ones: later ones may have been left open."""
    first = min((connection.opened for connection in case.connections), default=0.0)
    return [connection for connection in case.connections if connection.opened <= first + TOGETHER]


def _in_use_at_the_same_time(case: Case) -> bool:
    """Say whether a replica was called over one connection, over another, and over the first again."""
    over: dict[str, list[str]] = defaultdict(list)
    for attempt in case.attempts:
        over[attempt.replica].append(attempt.peer)
    return any(_comes_back(order) for order in over.values())


def _comes_back(order: Sequence[str]) -> bool:
    changes = [peer for number, peer in enumerate(order) if number == 0 or peer != order[number - 1]]
    return len(changes) > len(set(changes))


@general(420, of_round_robin=True)
def channel_pool(case: Case) -> Finding | None:
    """
    More connections than replicas, used again and again by every caller.

    >>> pool = Story().calls(1.1, *["a:OK:p1", "b:OK:p2", "a:OK:p3", "b:OK:p4", "c:OK:p5"] * 6)
    >>> channel_pool(pool.case()).suspects
    ('channel_pool',)
    >>> replaced = Story().calls(1.1, *["a:OK:p1", "b:OK:p2", "c:OK:p3"] * 5).calls(2.1, *["a:OK:p4", "b", "c"] * 5)
    >>> channel_pool(replaced.case()) is None
    True
    """
    used, known = peers(case.attempts), peers([*case.attempts, *_of_its_start(case)])
    # a peer that is listed next to the replicas has a separate one; peers alone are what is listed
    names = case.replicas if set(used) & set(case.replicas) else list(used)
    count = sum(len(known[name]) for name in names)
    if case.faults or len(used) < 2 or not len(names) < count <= len(case.attempts):
        return None
    together = _in_use_at_the_same_time(case)
    if known == used and not together:
        return None  # one replaced the other
    each_way = "/".join(str(len(known[name])) for name in sorted(known))
    shares = tally(attempt.replica for attempt in case.attempts)
    seen = f"there were {each_way} connections to the replicas, and {len(case.attempts)} attempts were spread {shares}"
    if known != used and not together:
        which = "whether the connections that carry no calls become more with each call, or with time"
        return undecided(("channel_pool", "leak"), seen, which)
    return likely("channel_pool", seen, "a second worker process with its own channel would look the same")


@general(419)
def left_open(case: Case) -> Finding | None:
    """
    Connections that were opened one after the other are open, to one replica several, and carried no call.

    >>> story = Story().calls(1.1, *in_turn(30))
    >>> for number in range(4):
    ...     _ = story.connected(0.5 + number / 5, "a", f"q{number}")
    >>> left_open(story.case()).suspects
    ('leak',)
    >>> left_open(Story().connected(0.5, "a", "q").calls(1.1, *in_turn(30)).case()) is None
    True
    """
    used = {(attempt.replica, attempt.peer) for attempt in case.history.attempts}
    idle: dict[str, int] = defaultdict(int)
    opened, late = [], case.ended - LATE
    for connection in case.connections:
        lasts = connection.closed is None and not connection.earlier and connection.opened < late
        if lasts and (connection.replica, connection.peer) not in used:
            idle[connection.replica] += 1
            opened.append(connection.opened)
    if case.faults or not case.fresh or max(idle.values(), default=0) < 2 or not case.attempts:
        return None
    if max(opened) - min(opened) <= TOGETHER:
        return None
    open_ones = "/".join(str(idle[name]) for name in sorted(case.replicas))
    seen = f"{many(len(used), 'connection')} carried calls, and {open_ones} others are open and carried none"
    return likely("leak", seen, "separate connections for health checks would look the same")
