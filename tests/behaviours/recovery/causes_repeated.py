"""Why a gateway that survives one fault does not survive the next, or serves late what it need not hold."""

from tests.behaviours.recovery.causes import ENDS
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, said
from tests.harness.evidence.history import Call

HOLDING = 0.5
"""Seconds before the first attempt of a call reached a replica: more than retries or a busy machine explain."""

LONG = 12.0
"""Seconds from which an outage is long: containers take some until their replicas serve again."""

CHANGES = (*ENDS, "start", "restart", "replace", "scale", "unlist", "fall silent", "fail names")


def holds_calls(case: Case) -> Finding | None:
    """
    Calls reached a replica late, around a change, while others were connected, and were served.

    >>> story = Story().calls(1.0, *in_turn(6)).verb(1.2, "kill", "c")
    >>> reply = {"code": "OK", "status": 200, "served_by": "a", "message": "", "caller": 1}
    >>> story = story.event(1.3, "order", id="o9", sent=1.3, received=3.3, **reply)
    >>> made = {"peer": "pa", "code": "OK", "previous_attempts": None, "deadline_left": 1.5}
    >>> holds_calls(story.event(3.25, "replica attempt", id="o9", replica="a", **made).case()).suspects
    ('holds_calls',)
    >>> holds_calls(Story().calls(1.0, *in_turn(6)).verb(1.2, "kill", "c").calls(1.3, *"abab").case()) is None
    True
    """
    changes = case.faults_of(*CHANGES)
    if not changes or _outages(case):
        return None
    allowed = case.promises.longest_backoffs + HOLDING
    held = [call for call in case.calls if call.attempts and call.attempts[0].at - call.sent > allowed]
    held = [call for call in held if any(_soon_before(change.confirmed or 0.0, call) for change in changes)]
    if not held:
        return None
    longest = max(held, key=lambda call: call.attempts[0].at - call.sent)
    last = [change for change in changes if _soon_before(change.confirmed or 0.0, longest)][-1]
    seen = (
        f"after {said(last)}, {many(len(held), 'call')} reached a replica only after up to "
        f"{longest.attempts[0].at - longest.sent:.1f} s, although replicas were connected all along"
    )
    return likely("holds_calls", seen, "a gateway whose own threads or sockets ran out would look the same")


def _soon_before(change: float, call: Call) -> bool:
    """Say whether a call was in flight after a change."""
    return change <= call.received and call.attempts[0].at - change < 60.0


def _outages(case: Case) -> list[float]:
    """Return since when no replica was left, each time."""
    left, found = set(case.replicas), []
    for verb in case.faults_of(*ENDS, "start", "restart"):
        left = (
            set(case.replicas)
            if verb.verb == "restart"
            else left - {verb.on}
            if verb.verb in ENDS
            else left | {verb.on}
        )
        if not left:
            found.append(verb.confirmed or 0.0)
    return found


def left_waiting(case: Case) -> Finding | None:
    """
    Calls of an outage waited for their deadline, while calls that were sent after them were served.

    >>> story = Story().verb(1.1, "kill", "a").verb(1.1, "kill", "b").verb(1.1, "kill", "c").verb(1.5, "restart", "x")
    >>> _ = story.call(1.4, code="DEADLINE_EXCEEDED", took=1.5).calls(1.6, *in_turn(60), every=0.02)
    >>> left_waiting(story.case()).suspects
    ('left_waiting',)
    >>> left_waiting(Story().verb(1.1, "kill", "a").call(1.4, code="UNAVAILABLE").case()) is None
    True
    """
    returned = [fault.confirmed or 0.0 for fault in case.faults_of("start", "restart")]
    if not returned or not _outages(case):
        return None
    later = case.promises.longest_backoffs + LATE
    served = [call for call in case.calls if call.ok and call.sent > returned[0]]
    left = [
        call
        for call in case.failed
        if not call.attempts
        and call.code != "UNAVAILABLE"
        and any(call.sent < other.sent and other.received + later < call.received for other in served)
    ]
    if not left:
        return None
    longest = max(call.received - call.sent for call in left)
    seen = (
        f"{many(len(left), 'call')} of an outage waited for {longest:.2f} s and failed, while calls that were sent "
        "after them were served"
    )
    return certain("left_waiting", seen, "a call that waits for a connection goes ahead of those sent later")


def gives_up(case: Case) -> Finding | None:
    """
    A replica that had returned before, or was down for long, gets no calls after its last return.

    A client that still connects may serve a few calls on it before it drops the address.

    >>> story = Story().calls(1.1, *in_turn(6)).verb(1.2, "kill", "c").verb(1.3, "start", "c").calls(1.5, *in_turn(9))
    >>> again = story.verb(1.7, "kill", "c").verb(1.8, "start", "c").calls(1.9, *"ab" * 60)
    >>> gives_up(again.case()).suspects
    ('address_given_up',)
    >>> early = story.call(1.81, "c").calls(3.5, *"ab" * 60)
    >>> gives_up(early.case()).suspects
    ('address_given_up',)
    >>> gives_up(Story().verb(1.2, "kill", "c").verb(1.3, "start", "c").calls(1.9, *"ab" * 60).case()) is None
    True
    """
    returns = [fault for fault in case.faults_of("start", "restart") if not fault.members.get("moved")]
    if not returns:
        return None
    since = returns[-1].confirmed or 0.0
    names = [returns[-1].on] if returns[-1].on in case.replicas else case.replicas
    silent = max(since, case.ended - case.promises.reconnects_within)
    served = {attempt.replica for attempt in case.attempts if attempt.at > silent}
    lost = sorted(set(names) - served)
    downs = [fault.asked for fault in case.faults_of(*ENDS, "restart") if fault.asked < since]
    long = downs and since - downs[0] > max(LONG, 3 * case.promises.reconnects_within) and len(returns) == 1
    if not lost or case.ended - since < case.promises.reconnects_within or not (len(returns) > 1 or long):
        return None
    earlier = f"for the {len(returns)}th time" if len(returns) > 1 else f"after {since - downs[0]:.1f} s"
    seen = (
        f"{', '.join(lost)} returned {earlier}, and gets no calls {case.ended - since:.1f} s after that; "
        f"{case.promises.reconnects_within:g} s are promised"
    )
    because = "a backoff that has grown beyond what is promised would look the same"
    return likely("address_given_up", seen, because)


def not_redialled(case: Case) -> Finding | None:
    """
    A living replica closed a connection at a call, as its order planned, and there was no other one afterwards.

    >>> story = Story().connected(0.5, "a", "pa").call(1.2, "a:CLOSE", "b", plan="CLOSE@a").calls(1.5, *"bbbb")
    >>> not_redialled(story.case()).suspects
    ('not_redialled',)
    >>> not_redialled(story.connected(1.4, "a", "pa2").case()) is None
    True
    """
    cuts = [attempt for attempt in case.attempts if "CLOSE" in attempt.id.partition("~")[2] and attempt.code != "OK"]
    cut = {attempt.replica: attempt.at for attempt in cuts}
    opened = [(connection.replica, connection.opened) for connection in case.history.connections]
    lost = [name for name, at in cut.items() if not any(to == name and since > at for to, since in opened)]
    if not lost or case.faults_of(*ENDS):
        return None
    seen = f"{', '.join(lost)} closed a connection, and the gateway has not connected to it again"
    return likely("not_redialled", seen, "a first backoff longer than promised would look the same")


def waits_for_lost(case: Case) -> Finding | None:
    """
    A lost replica's address is silent, and some calls waited although others were served immediately.

    >>> story = Story().verb(1.1, "kill", "a").verb(1.2, "fall silent", "world").calls(1.4, *"bcbc")
    >>> waits_for_lost(story.call(1.5, code="DEADLINE_EXCEEDED", took=1.5).case()).suspects
    ('waits_for_lost_replica',)
    >>> waits_for_lost(story.verb(1.6, "fall silent", "world").case()) is None
    True
    """
    silent = case.faults_of("fall silent")
    if not silent:
        return None
    calls = [call for call in case.calls if call.sent > (silent[-1].confirmed or 0.0)]
    waited = [call for call in calls if call.received - call.sent > HOLDING]
    if not waited or len(waited) == len(calls):
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"a lost replica's address accepts connections and stays silent; {len(waited)} of {many(len(calls), 'call')} "
        f"waited for up to {longest:.2f} s, the others were served"
    )
    return certain("waits_for_lost_replica", seen, "round_robin picks connected replicas only, and there were some")


def breaks_alone(case: Case) -> Finding | None:
    """
    Calls failed without an attempt once one replica was left, which was healthy.

    >>> story = Story().calls(1.0, *in_turn(6)).verb(1.1, "kill", "a").verb(1.2, "kill", "b")
    >>> for number in range(5):
    ...     _ = story.call(1.4 + number / 10, code="UNAVAILABLE")
    >>> breaks_alone(story.case()).suspects
    ('needs_several_replicas',)
    >>> breaks_alone(Story().verb(1.1, "kill", "a").call(1.4, code="UNAVAILABLE").case()) is None
    True
    """
    left, alone = set(case.replicas), 0.0
    for verb in case.faults_of(*ENDS):
        left.discard(verb.on)
        alone = verb.confirmed or 0.0
        if len(left) == 1:
            break
    after = [call for call in case.calls if call.sent > alone + LATE and not call.ok and not call.attempts]
    if len(left) != 1 or len(after) < 3:
        return None
    seen = f"with {next(iter(left))} left, which was healthy, {many(len(after), 'call')} failed without an attempt"
    return certain("needs_several_replicas", seen, "a connected replica was there for each of them")


def excludes_tried(case: Case) -> Finding | None:
    """
    Calls that one replica failed once were not tried there again, although it was the only one.

    A gateway that retries nothing, not even where there are others, has another cause.

    >>> retried = Story().call(1.0, "a:UNAVAILABLE", "b", plan="UNAVAILABLE,OK")
    >>> story = retried.verb(1.1, "kill", "a").verb(1.2, "kill", "b")
    >>> excludes_tried(story.call(1.4, "c:UNAVAILABLE", code="UNAVAILABLE", plan="UNAVAILABLE,OK").case()).suspects
    ('tried_replicas_excluded',)
    >>> excludes_tried(Story().call(1.4, "c:UNAVAILABLE", "a", plan="UNAVAILABLE,OK").case()) is None
    True
    """
    down = {fault.on for fault in case.faults_of(*ENDS)}
    if len(set(case.replicas) - down) != 1 or case.max_attempts == 1:
        return None
    short = [call for call in case.failed if 0 < len(call.attempts) < case.max_attempts and "~" in call.id]
    if not short or all(len(call.attempts) < 2 for call in case.calls):
        return None
    seen = (
        f"with one replica left, {many(len(short), 'call')} ended after {len(short[0].attempts)} of "
        f"{case.max_attempts} attempts"
    )
    return likely("tried_replicas_excluded", seen, "a gateway whose retries are throttled would look the same")
