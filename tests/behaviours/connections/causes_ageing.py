"""Why calls are lost, or made twice, where replicas limit the age of connections."""

from services.order.faults import PlanError, parse_order_id
from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.evidence.history import Call

AGE, GRACE = "MAX_CONNECTION_AGE_MS", "MAX_CONNECTION_AGE_GRACE_MS"
IDLE = "MAX_CONNECTION_IDLE_MS"


def cut_by_world(case: Case) -> Finding | None:
    """Calls were cut because the replicas' grace is shorter than what they take."""
    grace = float(case.world.get(GRACE, "inf")) / 1000
    cut = [call for call in _cut(case) if _takes(call) > grace]
    if not cut:
        return None
    seen = (
        f"{many(len(cut), 'call')} that take {_takes(cut[0]) * 1000:.0f} ms ended early, with connections that had "
        f"come of age: the replicas let calls finish for {grace * 1000:.0f} ms only"
    )
    return certain("short_connection_age_grace", seen, "no gateway can keep a call whose replica ends it")


def not_retried(case: Case) -> Finding | None:
    """Calls that were cut with their connection were not tried again."""
    cut, promised = _cut(case), case.promises.max_attempts
    lost = [call for call in cut if not call.ok and len(call.attempts) == 1]
    if not lost or len(lost) < len(cut) or promised < 2:
        return None
    seen = (
        f"{many(len(lost), 'call')} ended with a connection that had come of age, after 1 attempt"
        f"{' each' if len(lost) > 1 else ''}; up to {promised} are promised"
    )
    if case.fresh:
        return certain("no_retry_policy", seen, "no call of this gateway was tried again, from the first one on")
    return likely("no_retry_policy", seen, "throttling by failures before this behaviour would look the same")


def not_reconnected(case: Case) -> Finding | None:
    """Replicas ended connections that had no calls, and no other ones were opened in the time that there was."""
    if IDLE not in case.world or not case.calls:
        return None
    last = case.ended
    ended = {each.replica for each in case.connections if each.closed is not None and each.closed > last}
    missing = sorted(ended - {each.replica for each in case.connections if each.opened > last})
    waited = case.history.events[-1].at - last
    if not missing or waited < case.promises.reconnects_within:
        return None
    seen = (
        f"without a call {', '.join(missing)} ended the connection, and had no other one {waited:.1f} s after the last"
    )
    because = "round_robin keeps a connection to each; a channel for each address waits for a call"
    return likely("picks_unconnected_replicas", seen, because)


def _cut(case: Case) -> list[Call]:
    """Return the calls whose first attempt ended without the answer that it was to get; nothing else harmed them."""
    if AGE not in case.world or case.faults:
        return []
    return [call for call in case.calls if call.attempts and call.attempts[0].code == "OK" and _ended_early(call)]


def _ended_early(call: Call) -> bool:
    first, *later = call.attempts
    if later:
        return bool(later[0].previous_attempts)  # what is answered OK is not retried
    return call.code == "UNAVAILABLE" and call.received < first.at + _takes(call)


def _takes(call: Call) -> float:
    """Return the seconds that the order's plan makes a replica take over the first attempt."""
    try:
        return parse_order_id(call.id).step_for(0, call.attempts[0].replica).delay
    except PlanError:
        return 0.0
