"""Why calls do not keep to one replica, or not to the first that connects: rules for where pick_first is in force."""

from itertools import pairwise

from tests.behaviours.dns.causes_discovery import LOSSES
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, peers, tally
from tests.harness.evidence.history import AskedVerb, SeenAttempt

EYEBALLS = 0.25
"""Seconds that gRPC gives an address before it tries the next one beside it."""


def called_in_turn(case: Case) -> Finding | None:
    """Calls came back to a connection after one to another replica had carried some: both were in use."""
    if case.policy != "pick_first" or not _resumed(case.attempts):
        return None
    used = peers(case.attempts)
    connections = many(sum(map(len, used.values())), "connection")
    seen = (
        f"{len(case.attempts)} attempts were spread {tally(each.replica for each in case.attempts)} over {connections}"
    )
    seen += ", and calls came back to one that another had followed"
    if max(map(len, used.values())) > 1:
        return likely("channel_pool", seen, "one channel has at most one connection to a replica")
    return certain("not_pick_first", seen, "pick_first has one connection, and never comes back to one it has left")


def connected_to_several(case: Case) -> Finding | None:
    """Connections to several replicas stayed open side by side: pick_first drops all but the first that is ready."""
    if case.policy != "pick_first":
        return None
    mine = [each for each in case.connections if each.opened >= case.born]  # a silent replica tells of no end
    for one in mine:
        beside = [
            each
            for each in mine
            if each.replica != one.replica
            and min(_end(case, each.closed), _end(case, one.closed)) - max(each.opened, one.opened) > LATE
        ]
        if beside:
            names = sorted({one.replica, *(each.replica for each in beside)})
            seen = f"connections to {', '.join(names)} were open side by side for more than {LATE} s"
            return likely("not_pick_first", seen, "a second channel would look the same")
    return None


def dialled_alongside(case: Case) -> Finding | None:
    """A connection to a second replica was opened while the first one was there, and had served a call."""
    if case.policy != "pick_first" or not case.attempts:
        return None
    served = case.attempts[0]
    lost = min((each.asked for each in case.faults_of(*LOSSES)), default=case.ended)
    for each in case.connections:
        if each.replica != served.replica and served.at < each.opened < lost:
            seen = f"a connection to {each.replica} was opened {each.opened - served.at:.2f} s after {served.replica}"
            return likely("not_pick_first", f"{seen} had the first call", "a second channel would look the same")
    return None


def _end(case: Case, closed: float | None) -> float:
    return case.history.events[-1].at if closed is None else closed


def _resumed(attempts: list[SeenAttempt]) -> bool:
    """Say whether a connection carried attempts before and after one to another replica did."""
    last: dict[str, int] = {}
    for number, each in enumerate(attempts):
        between = attempts[last.get(each.peer, number) + 1 : number]
        if any(other.replica != each.replica for other in between):
            return True
        last[each.peer] = number
    return False


def moved_unprompted(case: Case) -> Finding | None:
    """Calls left a connection to a replica that was there all the time."""
    moves = [pair for pair in pairwise(case.attempts) if pair[0].peer != pair[1].peer and not _made_to(case, *pair)]
    if case.policy != "pick_first" or not moves or _resumed(case.attempts):
        return None
    if "MAX_CONNECTION_AGE_MS" in case.world:
        return None  # there it is the replicas that end connections
    left, came = moves[0]
    seen = f"calls left {left.replica} for {came.replica} over a new connection, though {left.replica} was there"
    seen += f"; {many(len(moves), 'connection')} ended so"
    if case.answers is not None:
        seen += f", and the name server was asked {many(len(case.answers), 'time')}"
    return likely("polling", seen, "a connection that something between cuts would look the same")


def _made_to(case: Case, left: SeenAttempt, came: SeenAttempt) -> bool:
    """Say whether something was done between two attempts that takes the first one's connection."""
    if "CLOSE" in left.id and left.code is None:  # its own plan; the attempts after it leave the connection alone
        return True
    return any(each.on == left.replica or each.verb == "restart" for each in _losses(case, left.at, came.at))


def _losses(case: Case, since: float, until: float) -> list[AskedVerb]:
    return [each for each in case.faults_of(*LOSSES) if since - LATE <= each.asked <= until]


def dialled_without_a_call(case: Case) -> Finding | None:
    """A connection was opened after the one in use was lost, with no call to make."""
    lost = case.faults_of("kill", "stop")
    if case.policy != "pick_first" or not lost or case.failed:
        return None  # once calls fail, it is right to dial on
    since = lost[0].asked
    for each in case.connections:
        called = [call for call in case.calls if since <= call.sent <= each.opened]
        if each.opened > since and not called:
            seen = f"a connection to {each.replica} was opened {each.opened - since:.2f} s after {lost[0].on} was lost"
            return likely(
                "dials_without_a_call", f"{seen}, with no call between", "it has no use for one without a call"
            )
    return None


def redialled(case: Case) -> Finding | None:
    """
    An address that did not connect was dialled again while calls had another one.

    Seen at doors tried twice in the right order, or at a replica that was lost and is connected to again, beside the
    one that has had the calls since.
    """
    if case.policy != "pick_first":
        return None
    mended = "pick_first drops the addresses it has given up as soon as one has connected"
    tried = _doors_tried(case)
    if len(set(tried)) < len(tried) and out_of_order(case) is None:
        again = len(tried) - len(set(tried))
        return likely(
            "redials_discarded_addresses",
            f"{again} of {len(set(tried))} addresses that refused were dialled again",
            mended,
        )
    for one in case.connections:
        lost = [each for each in case.faults_of("kill", "stop") if each.on == one.replica and each.asked < one.opened]
        others = [each for each in case.connections if lost and lost[-1].asked < each.opened < one.opened]
        if any(_end(case, each.closed) - one.opened > LATE for each in others if each.replica != one.replica):
            seen = f"{one.replica} was lost, and connected to again {one.opened - lost[-1].asked:.2f} s later"
            return likely(
                "redials_discarded_addresses", f"{seen}, beside the connection that calls had moved to", mended
            )
    return None


def out_of_order(case: Case) -> Finding | None:
    """The doors listed before the replicas were tried in another order, or not all of them before a replica."""
    doors = [each.members["count"] for each in case.history.verbs if each.verb == "list doors"]
    if case.policy != "pick_first" or not doors or not case.answers:
        return None
    listed = case.answers[-1].answer
    tried = _doors_tried(case)
    if list(dict.fromkeys(tried)) == list(listed[: doors[-1]]):
        return None  # one that is tried again, too late or too soon, is in no wrong order
    places = ", ".join(str(listed.index(address) + 1) for address in tried if address in listed) or "none"
    seen = f"of {doors[-1]} addresses listed before the replicas' it tried {places}, in this order"
    return likely("shuffled_addresses", seen, "addresses that are sorted in some other way would look the same")


def _doors_tried(case: Case) -> list[str]:
    """Return the doors tried once the gateway listened: until then the one before may still try some."""
    since = max((each.confirmed or 0.0 for each in case.history.verbs if each.verb == "fresh gateway"), default=0.0)
    return [each.members["address"] for each in case.history.of_kind("door dialled") if each.at >= since]


def not_shuffled(case: Case) -> Finding | None:
    """Fresh gateways tried the doors in the order listed, though they were to shuffle them."""
    doors = [each.members["count"] for each in case.history.verbs if each.verb == "list doors"]
    if "shuffleAddressList" not in case.given.get("GRPC_SERVICE_CONFIG", "") or not doors or not case.answers:
        return None
    listed = list(case.answers[-1].answer[: doors[-1]])
    tried = _doors_tried(case)
    if tried[: len(listed)] != listed:
        return None
    seen = f"the {len(listed)} addresses listed were tried in just that order"
    return certain("not_shuffled", seen, "a shuffled list comes in the order listed with less than 1 in 10000")


def not_re_resolved(case: Case) -> Finding | None:
    """A connection was closed, and the name server not asked again within the floor that was set."""
    closed = [call for call in case.calls if "CLOSE" in call.id and call.attempts]
    if not closed or not case.answers:
        return None
    since, until = closed[-1].attempts[0].at, case.history.events[-1].at
    floor = float(case.given.get("DNS_MIN_RESOLUTION_INTERVAL_MS", case.promises.min_resolution_interval * 1000)) / 1000
    if any(query.at > since for query in case.answers) or until - since < floor:
        return None
    seen = f"the name server was not asked again in the {until - since:.1f} s after a connection was closed"
    return likely(
        "long_resolution_interval", f"{seen}; the floor that was set is {floor:g} s", "a longer run would tell how long"
    )


def no_other_address(case: Case) -> Finding | None:
    """Calls failed with the only replica that the name server had told of."""
    if not case.failed or not case.answers:
        return None
    listed = {address for query in case.answers for address in query.answer}
    if len(listed) != 1 or len(case.replicas) < 2:
        return None
    seen = f"{len(case.failed)} of {many(len(case.calls), 'call')} failed; the name server had answered 1 address"
    return certain("one_address", f"{seen}, and there are {len(case.replicas)} replicas", "it knew of no other")


def waits_on_silent_replica(case: Case) -> Finding | None:
    """With the first replica silent, the next one was tried too late."""
    silent = [each for each in case.history.verbs if each.verb == "pause" and each.confirmed is not None]
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
    if any(each.opened > since for each in case.connections) or until - since < case.promises.reconnects_within:
        return None
    seen = f"all replicas were back, and none was connected to in the {until - since:.1f} s after"
    because = "a client that dials only for a call would look the same"
    return likely("reconnect_backoff", f"{seen}; {case.promises.reconnects_within:g} s are promised", because)


ALWAYS = (called_in_turn, connected_to_several)
"""What ends every promise of pick_first."""
