"""Why frames on a connection are taken wrongly, where a peer that is steered by hand sent them."""

from tests.harness.causes.case import Case, Finding, certain, likely, many, undecided
from tests.harness.history import Call

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
    return certain("refusal_counted", seen, "the second attempts carry grpc-previous-rpc-attempts")


def cancelled(case: Case) -> Finding | None:
    """Calls whose stream was reset with CANCEL were sent again."""
    met = _met(case, CANCEL)
    again = [call for call in met if len(call.attempts) > 1]
    if not again:
        return None
    seen = f"{len(again)} of {many(len(met), 'call')} that ended with RST_STREAM CANCEL were sent again"
    if any(each.previous_attempts for call in again for each in call.attempts[1:]):
        return certain("code_listed", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them")
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
