"""Why a replica that falls silent costs more, or less, than the keepalive that the gateway was given explains."""

from tests.behaviours.recovery.causes import SILENCES
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, said
from tests.harness.evidence.history import Call
from tests.harness.subject.promises import TIMER

ECHO = 0.4
"""Seconds after an answer in which a ping may still measure how fast it came (C-core's and grpc-go's BDP pings)."""


def unrequested_keepalive(case: Case) -> Finding | None:
    """Without keepalive, calls that had waited on a silent replica moved to another one before their deadline."""
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
        f"another replica, all within {last:.2f} s; without keepalive nothing moves them"
    )
    because = f"something between it and {name} that closes connections would look the same"
    return likely("unrequested_keepalive", seen, because)


def idle_pings(case: Case) -> Finding | None:
    """Next to a peer that records pings, a connection without calls was pinged, or not, contrary to its setting."""
    permitted = case.given.get("KEEPALIVE_PERMIT_WITHOUT_CALLS")
    if permitted is None or not case.calls or not any(verb.verb == "list a peer" for verb in case.history.verbs):
        return None
    frames = [frame for frame in case.history.of_kind("replica frame") if frame.at > case.ended + ECHO]
    pings = [frame for frame in frames if frame.members["frame"] == "PING"]
    because = "the peer records every ping that reaches it"
    if permitted == "true" and not pings:
        seen = "no connection was pinged after the last call, although keepalive without calls is configured"
        return certain("idle_connections_not_pinged", seen, because)
    if permitted == "false" and pings:
        seen = f"an idle connection was pinged {pings[0].at - case.ended:.2f} s after its last call"
        return certain("idle_connections_pinged", seen, because)
    return None


def short_timeout(case: Case) -> Finding | None:
    """The connection to a stalled replica was given up, although it stalled for less than the keepalive timeout."""
    paused, resumed = case.faults_of("pause"), case.faults_of("resume")
    if not paused or not resumed or resumed[-1].on != paused[0].on:
        return None
    name, since, until = paused[0].on, paused[0].asked, resumed[-1].confirmed or 0.0
    allowed = float(case.given.get("KEEPALIVE_TIMEOUT_MS", case.promises.keepalive.timeout * 1000)) / 1000
    attempts = [attempt for attempt in case.attempts if attempt.replica == name]
    before = {attempt.peer for attempt in attempts if attempt.at < since}
    after = {attempt.peer for attempt in attempts if attempt.at > until}
    if until - since >= allowed or not before or not after - before:
        return None
    seen = (
        f"{name} was silent for {until - since:.1f} s, and calls came over another connection afterwards; a ping may "
        f"stay unanswered for {allowed:g} s"
    )
    because = f"something between it and {name} that closes connections would look the same"
    return likely("short_keepalive_timeout", seen, because)


def time_not_doubled(case: Case) -> Finding | None:
    """After a GOAWAY with too_many_pings, the next connection was pinged before twice the keepalive time."""
    frames = case.history.of_kind("replica frame")
    refused = [frame for frame in frames if frame.members["frame"] == "GOAWAY" and "CALM" in frame.members["detail"]]
    if not refused:
        return None
    time = float(case.given.get("KEEPALIVE_TIME_MS", case.promises.keepalive.time * 1000)) / 1000
    opened = {
        connection.peer: connection.opened
        for connection in case.history.connections
        if connection.opened > refused[0].at
    }
    pings = [frame for frame in frames if frame.members["frame"] == "PING" and frame.members["peer"] in opened]
    sooner = [ping.at - opened[ping.members["peer"]] for ping in pings]
    if not sooner or min(sooner) >= 2 * time - TIMER:
        return None
    seen = f"after too_many_pings, the next connection was pinged after {min(sooner):.2f} s, before {2 * time:g} s"
    return certain("keepalive_time_not_doubled", seen, "the peer records every ping that reaches it")


def _was_elsewhere(call: Call) -> bool:
    """Say whether the first attempt in a ledger cannot be the first one made: by its count, or because it was late."""
    return bool(call.attempts[0].previous_attempts) or call.attempts[0].at - call.sent > LATE
