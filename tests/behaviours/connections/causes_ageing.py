"""Why calls are lost, or made twice, when replicas limit the age of connections."""

from services.order.faults import PlanError, parse_order_id
from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.evidence.history import Call

AGE, GRACE = "MAX_CONNECTION_AGE_MS", "MAX_CONNECTION_AGE_GRACE_MS"
IDLE = "MAX_CONNECTION_IDLE_MS"


def cut_by_world(case: Case) -> Finding | None:
    """Calls were cut off because the replicas' grace period is shorter than the calls."""
    grace = float(case.world.get(GRACE, "inf")) / 1000
    cut = [call for call in _cut(case) if _takes(call) > grace]
    if not cut:
        return None
    seen = (
        f"{many(len(cut), 'call')} that take {_takes(cut[0]) * 1000:.0f} ms ended early, when their connection reached "
        f"its maximum age: the replicas let calls finish for only {grace * 1000:.0f} ms"
    )
    return certain("short_connection_age_grace", seen, "no gateway can keep a call that the replica ends")


def not_retried(case: Case) -> Finding | None:
    """Calls that were cut off with their connection were not retried."""
    cut, promised = _cut(case), case.promises.max_attempts
    lost = [call for call in cut if not call.ok and len(call.attempts) == 1]
    if not lost or len(lost) < len(cut) or promised < 2:
        return None
    seen = (
        f"{many(len(lost), 'call')} ended when the connection reached its maximum age, after 1 attempt"
        f"{' each' if len(lost) > 1 else ''}; up to {promised} are promised"
    )
    if case.fresh:
        return certain("no_retry_policy", seen, "no call of this gateway was retried, from the first one on")
    return likely("no_retry_policy", seen, "throttling by failures before this behaviour would look the same")


def not_reconnected(case: Case) -> Finding | None:
    """Replicas closed idle connections, and no new ones were opened in the time available."""
    if IDLE not in case.world or not case.calls:
        return None
    last = case.ended
    ended = {
        connection.replica
        for connection in case.connections
        if connection.closed is not None and connection.closed > last
    }
    missing = sorted(ended - {connection.replica for connection in case.connections if connection.opened > last})
    waited = case.history.events[-1].at - last
    if not missing or waited < case.promises.reconnects_within:
        return None
    whose = "its" if len(missing) == 1 else "their"
    seen = f"{', '.join(missing)} closed {whose} idle connection and had no new one {waited:.1f} s after the last call"
    because = "round_robin keeps a connection to each replica; a separate channel for each address waits for a call"
    return likely("picks_unconnected_replicas", seen, because)


def _cut(case: Case) -> list[Call]:
    """Return the calls whose first attempt ended without its planned answer, while nothing else harmed them."""
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
