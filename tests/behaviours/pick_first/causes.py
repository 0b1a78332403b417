"""Why calls do not stay on one replica, or not on the first that connects: rules for where pick_first is in effect."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from tests.behaviours.distribution.causes import by_name
from tests.behaviours.dns.causes_discovery import LOSSES
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, peers, tally, times
from tests.harness.evidence.history import AskedVerb, Connection, SeenAttempt

EYEBALLS = 0.25
"""Seconds that gRPC gives an address before it tries the next one alongside."""


def called_in_turn(case: Case) -> Finding | None:
    """Calls returned to a connection after one to another replica had carried some: both were in use."""
    return in_turn(case) if case.policy == "pick_first" else None


def in_turn(case: Case) -> Finding | None:
    """Several connections were in use, although pick_first is promised; its configuration is not known."""
    if not _resumed(case.attempts):
        return None
    used = peers(case.attempts)
    connections = many(sum(map(len, used.values())), "connection")
    shares = tally(attempt.replica for attempt in case.attempts)
    seen = f"{len(case.attempts)} attempts were spread {shares} over {connections}"
    seen += ", and calls returned to a connection after using another one"
    if max(map(len, used.values())) > 1:
        return likely("channel_pool", seen, "one channel has at most one connection to a replica")
    return certain("not_pick_first", seen, "pick_first has one connection, and never returns to one that it has left")


def one_of_all(case: Case) -> Finding | None:
    """One replica got every call, although a policy is promised that calls all of them."""
    used = {attempt.replica for attempt in case.attempts}
    if case.faults or len(used) != 1 or len(case.replicas) < 2:
        return None
    seen = f"{many(len(case.attempts), 'attempt')} went to {used.pop()}, and none to the others"
    because = "a gateway that ties each caller to a replica would look the same"
    return by_name(case, seen) or likely("pick_first", seen, because)


def connected_to_several(case: Case) -> Finding | None:
    """Connections to several replicas stayed open side by side: pick_first drops all but the first that is ready."""
    if case.policy != "pick_first":
        return None
    # a silent replica does not report the end of a connection
    mine = [connection for connection in case.connections if connection.opened >= case.born]
    first = _first_with_company(case, mine)
    if first is None:
        return None
    names = sorted({first.replica, *(other.replica for other in mine if _together(case, first, other) > LATE)})
    seen = f"connections to {', '.join(names)} were open side by side for more than {LATE} s"
    return likely("not_pick_first", seen, "a second channel would look the same")


def _first_with_company(case: Case, mine: Sequence[Connection]) -> Connection | None:
    """
    Return the first connection that was open alongside one to another replica, of those in the order opened.

    If any later one was, then the next one to another replica that lasted was.
    """
    first = None
    following: dict[str, Connection] = {}  # by replica, the next one that lasted
    for connection in reversed(mine):
        others = (other for replica, other in following.items() if replica != connection.replica)
        if any(_together(case, connection, other) > LATE for other in others):
            first = connection
        if _end(case, connection.closed) - connection.opened > LATE:
            following[connection.replica] = connection
    return first


def _together(case: Case, one: Connection, other: Connection) -> float:
    """Return for how many seconds two connections were open at the same time."""
    return min(_end(case, other.closed), _end(case, one.closed)) - max(other.opened, one.opened)


def dialled_alongside(case: Case) -> Finding | None:
    """A connection to a second replica was opened while the first one was there, and had served a call."""
    if case.policy != "pick_first" or not case.attempts:
        return None
    served = case.attempts[0]
    lost = min((fault.asked for fault in case.faults_of(*LOSSES)), default=case.ended)
    for connection in case.connections:
        if connection.replica != served.replica and served.at < connection.opened < lost:
            seen = (
                f"a connection to {connection.replica} was opened {connection.opened - served.at:.2f} s after "
                f"{served.replica} had got the first call"
            )
            return likely("not_pick_first", seen, "a second channel would look the same")
    return None


def _end(case: Case, closed: float | None) -> float:
    return case.history.events[-1].at if closed is None else closed


def _resumed(attempts: list[SeenAttempt]) -> bool:
    """Say whether a connection carried attempts before and after one to another replica did."""
    last: dict[str, int] = {}
    latest: dict[str, int] = {}  # by replica
    for number, attempt in enumerate(attempts):
        since = last.get(attempt.peer, number)
        if any(other > since for replica, other in latest.items() if replica != attempt.replica):
            return True
        last[attempt.peer] = latest[attempt.replica] = number
    return False


def moved_unprompted(case: Case) -> Finding | None:
    """Calls left a connection to a replica that was available all the time."""
    moves = [pair for pair in pairwise(case.attempts) if pair[0].peer != pair[1].peer and not _made_to(case, *pair)]
    if case.policy != "pick_first" or not moves or _resumed(case.attempts):
        return None
    if "MAX_CONNECTION_AGE_MS" in case.world:
        return None  # there, the replicas end connections
    left, came = moves[0]
    seen = f"calls moved from {left.replica} to {came.replica} over a new connection"
    seen += f", although {left.replica} was available"
    seen += f"; {many(len(moves), 'connection')} ended that way"
    if case.answers is not None:
        seen += f", and DNS was queried {times(len(case.answers))}"
    return likely("polling", seen, "a connection that was cut by something in between would look the same")


def _made_to(case: Case, left: SeenAttempt, came: SeenAttempt) -> bool:
    """Say whether something was done between two attempts that ends the first one's connection."""
    if "CLOSE" in left.id and left.code is None:  # its own plan; the attempts after it leave the connection alone
        return True
    return any(loss.on == left.replica or loss.verb == "restart" for loss in _losses(case, left.at, came.at))


def _losses(case: Case, since: float, until: float) -> list[AskedVerb]:
    return [loss for loss in case.faults_of(*LOSSES) if since - LATE <= loss.asked <= until]


def dialled_without_a_call(case: Case) -> Finding | None:
    """A connection was opened after the one in use was lost, with no call to make."""
    lost = case.faults_of("kill", "stop")
    if case.policy != "pick_first" or not lost or case.failed:
        return None  # once calls fail, it is right to keep dialling
    since = lost[0].asked
    called = min((call.sent for call in case.calls if call.sent >= since), default=float("inf"))
    for connection in case.connections:
        if since < connection.opened < called:
            seen = (
                f"a connection to {connection.replica} was opened {connection.opened - since:.2f} s after {lost[0].on} "
                "was lost, with no call in between"
            )
            return likely("dials_without_a_call", seen, "pick_first does not need a connection without a call")
    return None


def redialled(case: Case) -> Finding | None:
    """
    An address that did not connect was redialled while calls had another one.

    Seen at doors tried twice in the right order, or at a replica that was lost and is reconnected, alongside the
    one that has had the calls since.
    """
    if case.policy != "pick_first":
        return None
    discarded = "pick_first drops the addresses that it has discarded as soon as one has connected"
    tried = _doors_tried(case)
    if len(set(tried)) < len(tried) and out_of_order(case) is None:
        again = len(tried) - len(set(tried))
        seen = f"{again} of {len(set(tried))} addresses that refused were redialled"
        return likely("redials_discarded_addresses", seen, discarded)
    for connection, lost, company in _reconnected(case):
        if company - connection.opened > LATE:
            seen = (
                f"{connection.replica} was lost, and reconnected {connection.opened - lost:.2f} s later, "
                "alongside the connection that calls had moved to"
            )
            return likely("redials_discarded_addresses", seen, discarded)
    return None


def _reconnected(case: Case) -> Iterator[tuple[Connection, float, float]]:
    """
    Yield each connection to a replica that had been lost, when that was, and the end of those to other replicas.

    Of the latter the longest, of those opened since the loss and before this one.
    """
    kills = case.faults_of("kill", "stop")
    ends: list[dict[str, float]] = [{} for _ in kills]  # since each of them, by replica
    for _, group in groupby(case.connections, key=lambda connection: connection.opened):
        together = list(group)
        for connection in together:
            lost = [
                number
                for number, kill in enumerate(kills)
                if kill.on == connection.replica and kill.asked < connection.opened
            ]
            if lost:
                company = [end for replica, end in ends[lost[-1]].items() if replica != connection.replica]
                yield connection, kills[lost[-1]].asked, max(company, default=-float("inf"))
        for connection in together:
            for kill, since in zip(kills, ends, strict=True):
                if kill.asked < connection.opened:
                    end = _end(case, connection.closed)
                    since[connection.replica] = max(since.get(connection.replica, end), end)


def out_of_order(case: Case) -> Finding | None:
    """The doors listed before the replicas were tried in another order, or not all of them before a replica."""
    doors = [verb.members["count"] for verb in case.history.verbs if verb.verb == "list doors"]
    if case.policy != "pick_first" or not doors or not case.answers:
        return None
    listed = case.answers[-1].answer
    tried = _doors_tried(case)
    if list(dict.fromkeys(tried)) == list(listed[: doors[-1]]):
        return None  # one that is tried again, too late or too soon, is in no wrong order
    places = ", ".join(str(listed.index(address) + 1) for address in tried if address in listed) or "none"
    seen = f"of {doors[-1]} addresses listed before the replicas, the gateway tried {places}, in this order"
    return likely("shuffled_addresses", seen, "addresses sorted in some other way would look the same")


def _doors_tried(case: Case) -> list[str]:
    """Return the doors tried once the gateway listened: until then the one before may still try some."""
    since = max((verb.confirmed or 0.0 for verb in case.history.verbs if verb.verb == "fresh gateway"), default=0.0)
    return [event.members["address"] for event in case.history.of_kind("door dialled") if event.at >= since]


def not_shuffled(case: Case) -> Finding | None:
    """Fresh gateways tried the doors in the order listed, although they should shuffle them."""
    doors = [verb.members["count"] for verb in case.history.verbs if verb.verb == "list doors"]
    if "shuffleAddressList" not in case.given.get("GRPC_SERVICE_CONFIG", "") or not doors or not case.answers:
        return None
    listed = list(case.answers[-1].answer[: doors[-1]])
    tried = _doors_tried(case)
    if tried[: len(listed)] != listed:
        return None
    seen = f"the {len(listed)} addresses listed were tried in exactly that order"
    return certain("not_shuffled", seen, "a shuffled list has the order listed with less than 1 in 10000")


def not_re_resolved(case: Case) -> Finding | None:
    """A connection was closed, and the gateway did not re-resolve within the configured minimum interval."""
    closed = [call for call in case.calls if "CLOSE" in call.id and call.attempts]
    if not closed or not case.answers:
        return None
    since, until = closed[-1].attempts[0].at, case.history.events[-1].at
    promised = case.promises.min_resolution_interval * 1000
    interval = float(case.given.get("DNS_MIN_RESOLUTION_INTERVAL_MS", promised)) / 1000
    if any(query.at > since for query in case.answers) or until - since < interval:
        return None
    seen = f"the gateway did not re-resolve in the {until - since:.1f} s after a connection was closed"
    seen += f"; the configured minimum re-resolution interval is {interval:g} s"
    return likely("long_resolution_interval", seen, "a longer run would show the real one")


def no_other_address(case: Case) -> Finding | None:
    """Calls failed with the only replica that DNS had returned, or where that is not seen, that was ever tried."""
    if case.answers is None:
        return _no_other_tried(case)
    if not case.failed or not case.answers:
        return None
    listed = {address for query in case.answers for address in query.answer}
    if len(listed) != 1 or len(case.replicas) < 2:
        return None
    seen = f"{len(case.failed)} of {many(len(case.calls), 'call')} failed; DNS had returned 1 address"
    because = "the gateway knew no other address"
    return certain("one_address", f"{seen}, and there are {len(case.replicas)} replicas", because)


def _no_other_tried(case: Case) -> Finding | None:
    """Calls failed after the only replica that was ever tried had been lost, while others ran."""
    lost = [fault.on for fault in case.faults_of("kill", "stop")]
    tried = {attempt.replica for attempt in case.attempts}
    if not case.failed or len(tried) != 1 or set(lost) != tried or len(case.replicas) < 2:
        return None
    seen = f"{len(case.failed)} of {many(len(case.calls), 'call')} failed; {lost[0]} was lost, and no other was tried"
    because = "where DNS is not seen, a gateway that does not try the next address would look the same"
    return likely("one_address", seen, because)


def waits_on_silent_replica(case: Case) -> Finding | None:
    """With the first replica silent, the next one was tried too late."""
    silent = [verb for verb in case.history.verbs if verb.verb == "pause" and verb.confirmed is not None]
    if case.policy != "pick_first" or not silent or not case.calls:
        return None
    first = case.calls[0]
    waited = (first.attempts[0].at if first.attempts else first.received) - first.sent
    if waited <= EYEBALLS + LATE:
        return None
    how = f"reached {first.attempts[0].replica}" if first.attempts else "had reached no replica"
    seen = f"{silent[-1].on} was silent, and the first call {how} after {waited:.2f} s"
    return likely("slow_happy_eyeballs", seen, f"gRPC tries the next address after {EYEBALLS * 1000:.0f} ms")


def stays_down(case: Case) -> Finding | None:
    """All replicas had failed and were back, and no connection was opened within the promised time."""
    back = case.faults_of("restart")
    if case.policy != "pick_first" or not back or not case.failed:
        return None
    since = back[-1].confirmed or 0.0
    until = case.history.events[-1].at
    if (
        any(connection.opened > since for connection in case.connections)
        or until - since < case.promises.reconnects_within
    ):
        return None
    seen = f"all replicas were back, and the gateway connected to none in the {until - since:.1f} s after that"
    because = "a client that dials only when there is a call would look the same"
    return likely("reconnect_backoff", f"{seen}; {case.promises.reconnects_within:g} s are promised", because)


ALWAYS = (called_in_turn, connected_to_several)
"""What breaks every promise of pick_first."""
