"""Why frames on a connection are taken wrongly, where a peer that is steered by hand sent them."""

from tests.harness.causes.case import Case, Finding, certain, likely, many, undecided
from tests.harness.evidence.history import Call, Event

GOAWAY, REFUSED, CANCEL, PUSHBACK = "GOAWAY", "RST_STREAM REFUSED_STREAM", "RST_STREAM CANCEL", "grpc-retry-pushback-ms"
"""The words by which a peer's steering names what it does with each stream."""


def peers(case: Case, *words: str) -> set[str]:
    """Return the peers that were steered to do one of these with each stream, as they were listed."""
    listed = [each for each in case.history.verbs if each.verb == "list a peer"]
    return {each.on for each in listed if any(word in str(each.members.get("on_stream")) for word in words)}


def _met(case: Case, *words: str) -> list[Call]:
    """Return the calls whose first attempt met such a peer."""
    names = peers(case, *words)
    return [call for call in case.calls if call.attempts and call.attempts[0].replica in names]


def refused(case: Case) -> Finding | None:
    """Calls that no server looked at, as GOAWAY or RST_STREAM said, were lost, or sent again as retries."""
    met = _met(case, GOAWAY, REFUSED)
    lost = [call for call in met if len(call.attempts) == 1 and not call.ok]
    if lost:
        seen = f"{len(lost)} of {many(len(met), 'call')} that were refused before they were looked at failed at once"
        seen += f", after 1 attempt; up to {case.promises.max_attempts} are promised"
        return likely("retries_disabled", seen, "a library without transparent retries, and no retry policy")
    counted = [call for call in met if len(call.attempts) > 1 and call.attempts[1].previous_attempts]
    if not counted:
        return None
    seen = f"{len(counted)} of {many(len(met), 'call')} that were refused were sent again as retries, and counted"
    if set(peers(case, GOAWAY)) & {call.attempts[0].replica for call in counted}:
        return undecided((), seen, "which library, in which version, takes a GOAWAY so: gRPC's own do not")
    return certain("refused_stream_counted", seen, "the second attempts carry grpc-previous-rpc-attempts")


def cancelled(case: Case) -> Finding | None:
    """Calls whose stream was reset with CANCEL were sent again."""
    met = _met(case, CANCEL)
    again = [call for call in met if len(call.attempts) > 1]
    if not again:
        return None
    seen = f"{len(again)} of {many(len(met), 'call')} that ended with RST_STREAM CANCEL were sent again"
    if any(each.previous_attempts for call in again for each in call.attempts[1:]):
        return certain(
            "extra_retryable_code", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them"
        )
    return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")


def pushed_back(case: Case) -> Finding | None:
    """Calls were sent again though the server asked for no retry in a way that does not parse."""
    met = _met(case, PUSHBACK)
    again = [call for call in met if len(call.attempts) > 1]
    if not again:
        return None
    seen = f"{len(again)} of {many(len(met), 'call')} with a pushback that is no number were sent again"
    if any(each.previous_attempts for call in again for each in call.attempts[1:]):
        return undecided((), seen, "which library, in which version, retries so: gRFC A6 asks for no retry")
    return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")


def not_asked_after_goaway(case: Case) -> Finding | None:
    """The gateway did not ask the name server again after a peer's GOAWAY."""
    goaways = [each.at for each in _frames(case, "GOAWAY")]
    floor = case.promises.min_resolution_interval
    if not goaways or not case.answers or case.ended - goaways[0] < floor:
        return None
    if any(query.at > goaways[0] for query in case.answers):
        return None
    seen = (
        f"the gateway had asked the name server {many(len(case.answers), 'time')}, and not again in the "
        f"{case.ended - goaways[0]:.1f} s after the first of {many(len(goaways), 'GOAWAY')}"
    )
    because = f"the promised floor is {floor:g} s; a resolver that ignores GOAWAY would look the same"
    return likely("long_resolution_interval", seen, because)


def own_limit(case: Case) -> Finding | None:
    """Calls failed without reaching the one server, while others beside them were served by it."""
    if _frames(case, "against the protocol"):
        return None
    served = [call for call in case.calls if call.ok]
    lost = [call for call in case.failed if not call.attempts and call.status]
    beside = [call for call in lost if any(one.sent < call.received and one.received > call.sent for one in served)]
    if not beside or len(beside) < len(case.failed):
        return None
    codes = sorted({str(call.code) for call in beside})
    seen = (
        f"{len(beside)} of {many(len(case.calls), 'call')} failed {', '.join(codes)} without reaching a server, after "
        f"{max(call.received - call.sent for call in beside):.2f} s at most, while {len(served)} were served"
    )
    return likely(
        "own_concurrency_limit", seen, "a library that fails what it has no stream for, where gRPC's own let it wait"
    )


def slow_to_return(case: Case) -> Finding | None:
    """A peer that had said nothing spoke, and got no call, or got calls too late."""
    spoke = case.faults_of("steer")
    if not spoke:
        return None
    since, promised = spoke[0].confirmed or 0.0, case.promises.reconnects_within
    first = min((each.at for each in case.attempts if each.replica == spoke[0].on), default=case.ended)
    if first - since <= promised:
        return None
    seen = f"{spoke[0].on} spoke, and got no call in the {first - since:.1f} s after; {promised:g} s are promised"
    return likely("reconnect_backoff", seen, "a client that gives an address up for good would look the same")


def _frames(case: Case, frame: str) -> list[Event]:
    """Return the frames of one kind since the gateway began."""
    return [
        each
        for each in case.history.of_kind("replica frame")
        if each.at >= case.born and each.members["frame"] == frame
    ]
