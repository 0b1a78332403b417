"""Why a replica that falls silent costs more, or less, than the keepalive that the gateway was given explains."""

from tests.behaviours.recovery.causes import SILENCES
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, said
from tests.harness.evidence.history import Call
from tests.harness.subject.promises import TIMER

ECHO = 0.4
"""Seconds after an answer in which a ping may still measure how fast it came (C-core's and grpc-go's BDP pings)."""


def unrequested_keepalive(case: Case) -> Finding | None:
    """Given no keepalive, calls that had waited at a silent replica were moved to another one before their deadline."""
    silent = case.faults_of(*SILENCES)
    if case.given.get("KEEPALIVE_TIME_MS") != "0" or not silent or case.faults_of("resume", "connect"):
        return None
    name, since = silent[0].on, silent[0].confirmed or 0.0
    calls = [call for call in case.calls if call.sent > since]
    moved = [call for call in calls if call.ok and call.attempts and _was_elsewhere(call)]
    if not moved:
        return None
    last = max(call.attempts[0].at for call in moved) - since
    seen = (
        f"{said(silent[0])}, and {len(moved)} of the {many(len(calls), 'call')} after that waited and then reached "
        f"another replica, all by {last:.2f} s after; without keepalive nothing moves them"
    )
    return likely(
        "unrequested_keepalive", seen, f"something between it and {name} that closes connections would look alike"
    )


def idle_pings(case: Case) -> Finding | None:
    """Beside a peer that writes pings down, a connection without calls was pinged, or not, other than it was asked."""
    asked = case.given.get("KEEPALIVE_PERMIT_WITHOUT_CALLS")
    if asked is None or not case.calls or not any(each.verb == "list a peer" for each in case.history.verbs):
        return None
    frames = [each for each in case.history.of_kind("replica frame") if each.at > case.ended + ECHO]
    pings = [each for each in frames if each.members["frame"] == "PING"]
    because = "the peer writes down every ping that reaches it"
    if asked == "true" and not pings:
        seen = "no connection was pinged after the last call, though keepalive without calls was asked for"
        return certain("idle_connections_not_pinged", seen, because)
    if asked == "false" and pings:
        seen = f"an idle connection was pinged {pings[0].at - case.ended:.2f} s after its last call"
        return certain("idle_connections_pinged", seen, because)
    return None


def short_timeout(case: Case) -> Finding | None:
    """The connection to a replica was given up while that stalled, for less than the keepalive timeout."""
    paused, resumed = case.faults_of("pause"), case.faults_of("resume")
    if not paused or not resumed or resumed[-1].on != paused[0].on:
        return None
    name, since, until = paused[0].on, paused[0].asked, resumed[-1].confirmed or 0.0
    allowed = float(case.given.get("KEEPALIVE_TIMEOUT_MS", case.promises.keepalive.timeout * 1000)) / 1000
    its = [each for each in case.attempts if each.replica == name]
    before, after = ({each.peer for each in its if each.at < since}, {each.peer for each in its if each.at > until})
    if until - since >= allowed or not before or not after - before:
        return None
    seen = (
        f"{name} was silent for {until - since:.1f} s, and calls came over another connection afterwards; an answer to "
        f"a ping may take {allowed:g} s"
    )
    return likely(
        "short_keepalive_timeout", seen, f"something between it and {name} that closes connections would look alike"
    )


def time_not_doubled(case: Case) -> Finding | None:
    """After a GOAWAY that says too_many_pings, another connection was pinged before twice the keepalive time."""
    frames = case.history.of_kind("replica frame")
    refused = [each for each in frames if each.members["frame"] == "GOAWAY" and "CALM" in each.members["detail"]]
    if not refused:
        return None
    time = float(case.given.get("KEEPALIVE_TIME_MS", case.promises.keepalive.time * 1000)) / 1000
    opened = {each.peer: each.opened for each in case.history.connections if each.opened > refused[0].at}
    pings = [each for each in frames if each.members["frame"] == "PING" and each.members["peer"] in opened]
    sooner = [each.at - opened[each.members["peer"]] for each in pings]
    if not sooner or min(sooner) >= 2 * time - TIMER:
        return None
    seen = f"after too_many_pings the next connection was pinged {min(sooner):.2f} s on, before {2 * time:g} s"
    return certain("keepalive_time_not_doubled", seen, "the peer writes down every ping that reaches it")


def _was_elsewhere(call: Call) -> bool:
    """Say whether the first attempt that a ledger holds cannot be the first: it says so, or it came late."""
    return bool(call.attempts[0].previous_attempts) or call.attempts[0].at - call.sent > LATE
