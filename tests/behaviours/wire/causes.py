"""Why a gateway mishandles frames on a connection that a scripted peer sent."""

from bisect import bisect_left
from itertools import accumulate

from tests.harness.causes.case import Case, Finding, certain, likely, many, times, undecided
from tests.harness.evidence.history import Call, Event

GOAWAY, REFUSED, CANCEL, PUSHBACK = "GOAWAY", "RST_STREAM REFUSED_STREAM", "RST_STREAM CANCEL", "grpc-retry-pushback-ms"
"""The words with which a peer's script names what it does with each stream."""


def peers(case: Case, *words: str) -> set[str]:
    """Return the peers that were scripted to do one of these with each stream, as they were listed."""
    listed = [verb for verb in case.history.verbs if verb.verb == "list a peer"]
    return {peer.on for peer in listed if any(word in str(peer.members.get("on_stream")) for word in words)}


def _met(case: Case, *words: str) -> list[Call]:
    """Return the calls whose first attempt reached such a peer."""
    names = peers(case, *words)
    return [call for call in case.calls if call.attempts and call.attempts[0].replica in names]


def refused(case: Case) -> Finding | None:
    """Calls that no server processed, by GOAWAY or RST_STREAM, were lost, or resent as retries."""
    met = _met(case, GOAWAY, REFUSED)
    lost = [call for call in met if len(call.attempts) == 1 and not call.ok]
    if lost:
        seen = (
            f"{len(lost)} of {many(len(met), 'call')} that were refused before they were processed failed immediately"
        )
        seen += f", after 1 attempt; up to {case.promises.max_attempts} are promised"
        return likely(
            "retries_disabled", seen, "a library without transparent retries, and no retry policy, would look the same"
        )
    counted = [call for call in met if len(call.attempts) > 1 and call.attempts[1].previous_attempts]
    if not counted:
        return None
    seen = f"{len(counted)} of {many(len(met), 'call')} that were refused were resent as retries, and counted"
    if set(peers(case, GOAWAY)) & {call.attempts[0].replica for call in counted}:
        return undecided(
            (), seen, "which library, in which version, treats a GOAWAY that way: gRPC's own libraries do not"
        )
    return certain("refused_stream_counted", seen, "the second attempts carry grpc-previous-rpc-attempts")


def cancelled(case: Case) -> Finding | None:
    """Calls whose stream was reset with CANCEL were resent."""
    met = _met(case, CANCEL)
    again = [call for call in met if len(call.attempts) > 1]
    if not again:
        return None
    seen = f"{len(again)} of {many(len(met), 'call')} that ended with RST_STREAM CANCEL were resent"
    if any(attempt.previous_attempts for call in again for attempt in call.attempts[1:]):
        return certain(
            "extra_retryable_code", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them"
        )
    return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")


def pushed_back(case: Case) -> Finding | None:
    """Calls were resent although the server forbade a retry, with a pushback that does not parse."""
    met = _met(case, PUSHBACK)
    again = [call for call in met if len(call.attempts) > 1]
    if not again:
        return None
    seen = f"{len(again)} of {many(len(met), 'call')} with a pushback that is not a number were resent"
    if any(attempt.previous_attempts for call in again for attempt in call.attempts[1:]):
        return undecided((), seen, "which library, in which version, retries then: gRFC A6 forbids a retry")
    return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")


def not_re_resolved_after_goaway(case: Case) -> Finding | None:
    """The gateway did not re-resolve after a peer's GOAWAY."""
    goaways = [frame.at for frame in _frames(case, "GOAWAY")]
    interval = case.promises.min_resolution_interval
    if not goaways or not case.answers or case.ended - goaways[0] < interval:
        return None
    if any(query.at > goaways[0] for query in case.answers):
        return None
    seen = (
        f"the gateway had queried DNS {times(len(case.answers))}, and did not re-resolve in the "
        f"{case.ended - goaways[0]:.1f} s after the first of {many(len(goaways), 'GOAWAY')}"
    )
    if len({attempt.replica for attempt in case.attempts}) > 1:
        which = "whether it re-resolves once all its connections have ended, and after how long in a longer run"
        return undecided(("long_resolution_interval", "resolves_when_all_are_lost"), seen, which)
    because = f"the promised minimum re-resolution interval is {interval:g} s; "
    because += "a resolver that ignores GOAWAY would look the same"
    return likely("long_resolution_interval", seen, because)


def own_limit(case: Case) -> Finding | None:
    """Calls failed without reaching the one server, while others in flight with them were served by it."""
    if _frames(case, "against the protocol"):
        return None
    served = [call for call in case.calls if call.ok]
    lost = [call for call in case.failed if not call.attempts and call.status]
    sent = sorted((call.sent, call.received) for call in served)
    last_received = list(accumulate((received for _, received in sent), max))
    before = [bisect_left(sent, (call.received,)) for call in lost]  # how many were sent before it ended
    overlapping = [
        call for call, count in zip(lost, before, strict=True) if count and last_received[count - 1] > call.sent
    ]
    if not overlapping or len(overlapping) < len(case.failed):
        return None
    codes = sorted({str(call.code) for call in overlapping})
    longest = max(call.received - call.sent for call in overlapping)
    seen = (
        f"{len(overlapping)} of {many(len(case.calls), 'call')} failed with {', '.join(codes)} without reaching a "
        f"server, within {longest:.2f} s, while {len(served)} were served"
    )
    because = "a library that fails calls without a free stream, where gRPC's own let them wait, would look the same"
    return likely("own_concurrency_limit", seen, because)


def reconnected_too_late(case: Case) -> Finding | None:
    """A peer that had been silent started to respond, and got no call, or got calls too late."""
    responded = case.faults_of("steer")
    if not responded:
        return None
    since, promised = responded[0].confirmed or 0.0, case.promises.reconnects_within
    arrived = [attempt.at for attempt in case.attempts if attempt.replica == responded[0].on]
    first = min(arrived, default=case.ended)
    if first - since <= promised:
        return None
    seen = f"{responded[0].on} responded again, and got no call in the {first - since:.1f} s after that; "
    seen += f"{promised:g} s are promised"
    return likely("reconnect_backoff", seen, "a client that gives up an address permanently would look the same")


def _frames(case: Case, frame: str) -> list[Event]:
    """Return the frames of one kind since the gateway began."""
    return [
        event
        for event in case.history.of_kind("replica frame")
        if event.at >= case.born and event.members["frame"] == frame
    ]
