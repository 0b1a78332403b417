"""Why a replica that falls silent costs more, or less, than the keepalive that the gateway was given explains."""

from tests.harness.causes.case import LATE, Case, Finding, likely, many, said
from tests.harness.causes.recovery import SILENCES
from tests.harness.history import Call


def keepalive_unasked(case: Case) -> Finding | None:
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
        "keepalive_unasked", seen, f"something between it and {name} that closes connections would look alike"
    )


def _was_elsewhere(call: Call) -> bool:
    """Say whether the first attempt that a ledger holds cannot be the first: it says so, or it came late."""
    return bool(call.attempts[0].previous_attempts) or call.attempts[0].at - call.sent > LATE
