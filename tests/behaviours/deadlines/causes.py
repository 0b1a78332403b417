"""Why a call waits longer, or not as long, as its deadline and wait_for_ready explain."""

from tests.behaviours.recovery.causes import ENDS, SILENCES
from tests.behaviours.retry.causes import past_deadline
from tests.harness.causes.case import Case, Finding, certain, many
from tests.harness.evidence.history import Call
from tests.harness.subject.promises import TIMER
from tests.harness.subject.service_configs import seconds

FULL = 0.9
"""Of the promised deadline: a call that lasted this much of it waited for it."""


def never_ended(case: Case) -> Finding | None:
    """With no replica that could answer, calls lasted past their deadline."""
    timeout = case.deadline
    late = [call for call in case.calls if not call.attempts and _seconds(call) > 1.1 * timeout]
    if not _nobody(case) or not late:
        return None
    seen = (
        f"with no replica answering, {len(late)} of {many(len(case.calls), 'call')} lasted "
        f"{max(map(_seconds, late)):.1f} s or longer; the deadline is {timeout:g} s"
    )
    return past_deadline(case, seen, "unanswered")


def deadline_not_sent(case: Case) -> Finding | None:
    """Calls ended at their deadline, and no replica received a deadline."""
    timeout = case.deadline
    ended = [call for call in case.failed if call.attempts and FULL * timeout <= _seconds(call) <= 1.5 * timeout]
    attempts = [attempt for call in ended for attempt in call.attempts]
    if not attempts or any(attempt.deadline_left is not None for attempt in attempts):
        return None
    seen = f"{many(len(ended), 'call')} ended at the deadline, and none of {many(len(attempts), 'attempt')} carried one"
    return certain("deadline_not_sent", seen, "the replicas saw no grpc-timeout")


def cancelled_at_deadline(case: Case) -> Finding | None:
    """Unanswered calls ended at their deadline with CANCELLED, unless their replica's timer fired first."""
    timeout = case.deadline
    waited = [
        call
        for call in case.failed
        if not any(attempt.code for attempt in call.attempts) and timeout - TIMER <= _seconds(call) <= 1.1 * timeout
    ]
    cancelled = [call for call in waited if call.code == "CANCELLED"]
    if not cancelled or not {call.code for call in waited} <= {"CANCELLED", "DEADLINE_EXCEEDED"}:
        return None
    seen = f"{len(cancelled)} of {many(len(waited), 'unanswered call')} ended with CANCELLED"
    seen += f" after {_seconds(cancelled[0]):.2f} s"
    return certain("cancelled_at_deadline", seen, f"that is the promised deadline, {timeout:g} s")


def fails_fast(case: Case) -> Finding | None:
    """With no replica left, calls that should wait for one failed well before their deadline."""
    early = [
        call
        for call in case.failed
        if not call.attempts and call.code in {"UNAVAILABLE", None} and _seconds(call) < FULL * case.deadline
    ]
    configured = _configured_to_wait(case)
    if not configured or not _nobody(case) or not early:
        return None
    longest = max(map(_seconds, early))
    seen = f"with no replica left, {many(len(early), 'call')} failed within {longest:.2f} s, although {configured}"
    return certain("fails_fast", seen, "a call that waits for a ready replica fails only at its deadline")


def no_sticky_failure(case: Case) -> Finding | None:
    """With no replica left, calls failed fast while addresses refused, and waited once they accepted connections."""
    silent, timeout = case.faults_of("fall silent"), case.deadline
    if not silent or not _nobody(case):
        return None
    since = silent[0].confirmed or 0.0
    refused = [call for call in case.failed if call.received < silent[0].asked and not call.attempts]
    waited = [call for call in case.calls if call.sent > since and _seconds(call) >= FULL * timeout and not call.ok]
    if not waited or not any(_seconds(call) < FULL * timeout for call in refused):
        return None
    seen = (
        f"with no replica left, {len(waited)} of {many(len(case.calls), 'call')} waited for "
        f"{max(map(_seconds, waited)):.2f} s once the addresses accepted connections again and stayed silent; while "
        f"they refused connections, calls failed after {min(map(_seconds, refused)):.2f} s"
    )
    return certain("no_sticky_transient_failure", seen, "calls with wait_for_ready would have waited all along")


def config_timeout(case: Case) -> Finding | None:
    """Given a timeout in the service config that is shorter than the calls' own, calls ended at another time."""
    given = [seconds(method["timeout"]) for method in case.methods if "timeout" in method]
    own = float(case.given.get("CALL_TIMEOUT_MS") or case.deadline * 1000) / 1000
    took = [_seconds(call) for call in case.failed if call.code in {"DEADLINE_EXCEEDED", None}]
    if not given or given[0] >= own or not took:
        return None
    (timeout, *_) = given
    seen = f"with a timeout of {timeout:g} s in the service config, calls lasted {min(took):.2f} to {max(took):.2f} s"
    if max(took) < FULL * timeout:
        return certain("config_timeout_early", seen, "no other timeout that applies to the calls is that short")
    if min(took) > timeout / FULL:
        return certain("config_timeout", seen, f"the calls' own deadline is {own:g} s")
    return None


def _seconds(call: Call) -> float:
    return call.received - call.sent


def _nobody(case: Case) -> bool:
    """Say whether at some time no replica could answer; `case.born` does not matter: silence may come first."""
    verbs = [verb for verb in case.history.verbs if verb.verb in (*ENDS, *SILENCES) and verb.confirmed is not None]
    return set(case.replicas) <= {verb.on for verb in verbs}


def _configured_to_wait(case: Case) -> str:
    """Return how the gateway was configured to let calls wait for a ready replica, "" if it was not."""
    if variable := case.given.get("WAIT_FOR_READY"):
        return "WAIT_FOR_READY is true" if variable == "true" else ""
    configured = any(method.get("waitForReady") for method in case.methods)
    return "the service config sets waitForReady" if configured else ""
