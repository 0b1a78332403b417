"""Why service does not continue, or shares do not even out again, when replicas stop, die, freeze and return."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from tests.behaviours.distribution.causes import FEW, by_name
from tests.behaviours.retry.causes_missing import waits_or_backs_off
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, planned_delay, said, undecided
from tests.harness.causes.rules import general
from tests.harness.evidence.history import Call, SeenAttempt

ENDS = ("kill", "stop")
SILENCES = ("pause", "disconnect")
CUTS = ("replica grace_over", "replica exit")
"""When calls in flight end unanswered. The exit may be 50 ms after the grace, as long as a call has left."""

ROLLOUT = "roll out"
"""The verb that replaces every replica of a Deployment, one after the other."""

GOAWAY = 0.1
"""Seconds within which a client knows that a replica drains: a GOAWAY arrives as fast as any frame."""

USUAL = 3.0
"""Seconds within which the default backoff of every gRPC library has redialled a replica after a short outage."""

NEAR = 0.3
"""Seconds within which another served call shows that a replica was connected."""


@general(100)
def gateway_died(case: Case) -> Finding | None:
    """The gateway's process exited by itself."""
    ended = case.history.of_kind("gateway ended")
    if not ended:
        return None
    first, *others = str(ended[0].members["message"]).splitlines() or [""]
    seen = f"{first.partition(';')[0]}, {many(len(case.calls), 'call')} into the behaviour"
    seen += f"; last output: {others[-1].strip()}" if others else ""
    return certain("gateway_died", seen, "its process has exited")


@general(300)
def not_drained(case: Case) -> Finding | None:
    """A replica that received SIGTERM exited with calls in flight, which it would have answered in time."""
    for stop in case.faults_of("stop", "replace", "evict", ROLLOUT):
        for end in case.history.of_kind(*CUTS):
            name = end.members["replica"]
            if end.at < stop.asked or (stop.verb != ROLLOUT and name != stop.on):
                continue
            cut = [attempt for attempt in case.history.attempts if attempt.replica == name and _cut(attempt, end.at)]
            if not cut:
                continue
            drains = case.history.of_kind("replica drain")
            signals = [drain.at for drain in drains if drain.members["replica"] == name]
            signalled = max((at for at in signals if stop.asked <= at <= end.at), default=stop.asked)
            if late := [attempt for attempt in cut if attempt.at > signalled + GOAWAY]:
                seen = (
                    f"{name} got {many(len(late), 'call')} up to {(late[-1].at - signalled) * 1000:.0f} ms after its "
                )
                seen += "SIGTERM, over connections on which it had sent GOAWAY, and cut them when it exited"
                return likely("goaway_ignored", seen, "a replica that sends GOAWAY late would look the same")
            after = f"{(end.at - signalled) * 1000:.0f} ms after SIGTERM"
            seen = f"{name} cut {many(len(cut), 'call')} in flight {after}"
            return certain("not_drained", seen, "its own ledger shows it, and no gateway could keep these calls")
    return None


def _cut(attempt: SeenAttempt, ended: float) -> bool:
    """Say whether the replica exited between an attempt's arrival and the answer that its order plans."""
    return attempt.at < ended < attempt.at + planned_delay(attempt)


@general(325, of_round_robin=True)
def picks_unconnected_replicas(case: Case) -> Finding | None:
    """Calls failed without reaching any replica, while others around them were served."""
    served = [call for call in case.calls if call.ok]
    lost = [call for call in case.failed if not call.attempts and _found_none(call)]
    sent, received = sorted(call.sent for call in served), sorted(call.received for call in served)
    among_served = [call for call in lost if _among(call, sent, received) and not _at_a_fault(case, call)]
    if len(among_served) < 2 or case.faults_of("restart") or "MAX_CONNECTION_AGE_MS" in case.world:
        return None  # connections end there, and calls may be lost with them
    seen = (
        f"{len(among_served)} of {many(len(case.calls), 'call')} failed without reaching a replica, "
        f"while {len(served)} around them were served by {len({call.served_by for call in served})} replicas"
    )
    return likely("picks_unconnected_replicas", seen, "round_robin picks only connected replicas, and there were some")


def _found_none(call: Call) -> bool:
    """Say whether a reply may mean that no replica was found; a 500 without a code is the gateway's own error."""
    return call.code == "UNAVAILABLE" or (call.code is None and call.status not in {None, 500})


def _among(call: Call, sent: Sequence[float], received: Sequence[float]) -> bool:
    """Say whether calls were served both just before this one and just after it was sent; all times are sorted."""
    return _any_within(received, call.sent - NEAR, call.received) and _any_within(sent, call.sent, call.received + NEAR)


def _any_within(times: Sequence[float], since: float, until: float) -> bool:
    return bisect_left(times, since) < bisect_right(times, until)


def _at_a_fault(case: Case, call: Call) -> bool:
    """Say whether a call may have been lost with a connection, before its replica could record it."""
    return any(
        call.sent <= (fault.confirmed or fault.asked) + LATE and call.received >= fault.asked
        for fault in case.faults_of(*ENDS, "replace")
    )


@general(305, of_round_robin=True)
def waits_for_all(case: Case) -> Finding | None:
    """With one replica silent, a fresh gateway serves nothing: it waits for all, or is stuck on the silent one."""
    silent = [
        verb for verb in case.history.verbs if verb.verb in SILENCES and verb.confirmed and verb.asked < case.born
    ]
    others = set(case.replicas) - {verb.on for verb in silent}
    if not silent or not others or not case.calls or any(call.ok or call.attempts for call in case.calls):
        return None
    served = [call.served_by for call in case.history.calls if call.sent < case.born and call.ok]
    before = set(served)
    seen = (
        f"with {silent[-1].on} silent, a fresh gateway served none of {many(len(case.calls), 'call')} in "
        f"{case.ended - case.calls[0].sent:.1f} s, and no attempt reached "
        f"the {many(len(others), 'other replica')}"
    )
    if len(before) > 1:
        return certain(
            "waits_for_all", seen, "calls were spread before, so neither pick_first nor a single address explains it"
        )
    if len(served) >= FEW and len(before) == 1:
        seen += f"; before, {len(served)} of {len(served)} calls went to one replica"
        because = "a gateway that ties each caller to a replica could look the same"
        return by_name(case, seen) or likely("pick_first", seen, because)
    return likely("waits_for_all", seen, "pick_first stuck on the silent replica would look the same")


@general(355, of_round_robin=True)
def slow_reconnect(case: Case) -> Finding | None:
    """A replica is listening again at its old address and gets no call, or gets calls too late."""
    lost = case.faults_of(*ENDS, "restart")
    returned = [fault for fault in case.faults_of("start", "restart") if not fault.members.get("moved") and lost]
    if not returned:
        return None
    since = returned[-1].confirmed or 0.0
    names = [returned[-1].on] if returned[-1].on in case.replicas else case.replicas
    later = [attempt for attempt in case.attempts if attempt.at > since]
    arrived = {name: [attempt.at for attempt in later if attempt.replica == name] for name in names}
    promised = case.promises.reconnects_within
    late = sorted(name for name, times in arrived.items() if not times or times[0] - since > promised)
    if not late or case.ended - since < promised:
        return None
    where = "its old address" if len(late) == 1 else "their old addresses"
    listened = f"{', '.join(late)} {'was' if len(late) == 1 else 'were'} listening again at {where}"
    if first := [times[0] for times in arrived.values() if times and times[0] - since > promised]:
        seen = f"{listened} and got the first call {first[0] - since:.1f} s later; {promised:g} s are promised"
        return certain("reconnect_backoff", seen, "it was dialled, and too late")
    count = len([call for call in case.calls if call.sent > since])
    seen = f"{listened} and got none of the {count} calls in the {case.ended - since:.1f} s after that; "
    seen += f"{promised:g} s are promised"
    which = "whether it is redialled at all, in an outage of the same length with a longer time after it"
    outage = since - min(fault.asked for fault in lost)
    # the backoff of a library begins at 1 s, and never exceeds what has passed since the loss by much
    long = case.ended - since > max(USUAL, 3 * outage)
    named = ("address_given_up", "reconnect_backoff") if long else ("reconnect_backoff", "address_given_up")
    return undecided(named, seen, which)


@general(320)
def no_keepalive(case: Case) -> Finding | None:
    """A replica fell silent with its connections open, and calls are still sent to it."""
    silent = case.faults_of(*SILENCES)
    if not silent:
        return None
    since = silent[0].confirmed or 0.0
    calls = [call for call in case.calls if call.sent > since]
    lost = [call for call in calls if not call.attempts and call.code in {"DEADLINE_EXCEEDED", None}]
    promised = _keepalive(case)
    if promised is None:
        return None
    # a connection that is given up fails the calls on it: one that keeps waiting is proof, whenever it was sent
    if not lost or lost[-1].received - since <= promised + LATE or not any(call.ok for call in calls):
        return None
    seen = (
        f"{said(silent[0])}, and {len(lost)} of the {len(calls)} calls after that waited for it in vain, "
        f"the last one until {lost[-1].received - since:.1f} s later; {promised:g} s are promised"
    )
    return likely("no_keepalive", seen, "a keepalive slower than promised would look the same")


def _keepalive(case: Case) -> float | None:
    """Return within how many seconds a silent connection should be given up, None if nothing was promised."""
    promised = case.promises.keepalive
    if not promised.time and "KEEPALIVE_TIME_MS" not in case.given:
        return None
    time = float(case.given.get("KEEPALIVE_TIME_MS", promised.time * 1000))
    timeout = float(case.given.get("KEEPALIVE_TIMEOUT_MS", promised.timeout * 1000))
    return (time + timeout) / 1000


@general(310)
def waits_for_ready(case: Case) -> Finding | None:
    """With no replica left, calls wait until their deadline instead of failing."""
    dead = {fault.on for fault in case.faults_of(*ENDS)}
    timeout = case.deadline
    waited = [
        call
        for call in case.calls
        if not call.attempts
        and call.status is not None  # a call that outlasts its deadline has no reply: it waits for something else
        and call.code in {"DEADLINE_EXCEEDED", None}
        and call.received - call.sent >= 0.9 * timeout
    ]
    if not set(case.replicas) <= dead or not waited:
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"with all {len(case.replicas)} replicas down, {len(waited)} of {many(len(case.calls), 'call')} waited for "
        f"{longest:.2f} s; the deadline is {timeout:g} s"
    )
    because = "the addresses refused immediately, so no connection attempt was waited for"
    return waits_or_backs_off(case, seen, because)


@general(445)
def unanswered(case: Case) -> Finding | None:
    """The gateway left requests without any reply, and is still running."""
    lost = [call for call in case.calls if call.status is None]
    if not lost or case.history.of_kind("gateway ended"):
        return None
    arrived = len([call for call in lost if call.attempts])
    seen = (
        f"{len(lost)} of {many(len(case.calls), 'request')} got no reply in {lost[0].received - lost[0].sent:.1f} s; "
        f"{arrived} of them had reached a replica"
    )
    return likely("unanswered", seen, "a call without a deadline that never reached a replica would look the same")
