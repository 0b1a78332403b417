"""Why a call waits longer, or less long, than its deadline and its wait for a ready replica explain."""

import json

from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.causes.recovery import ENDS, SILENCES
from tests.harness.history import Call

FULL = 0.9
"""Of the promised deadline: a call that lasted so much of it waited for it."""


def never_ended(case: Case) -> Finding | None:
    """With no replica that could answer, calls lasted beyond their deadline."""
    timeout = case.promises.call_timeout
    late = [call for call in case.calls if not call.attempts and _seconds(call) > 1.1 * timeout]
    if not _nobody(case) or not late:
        return None
    seen = (
        f"with no replica that answers, {len(late)} of {many(len(case.calls), 'call')} lasted "
        f"{max(map(_seconds, late)):.1f} s or more; the deadline is {timeout:g} s"
    )
    return likely("no_deadline", seen, "a gateway that is stuck elsewhere would look the same")


def deadline_not_sent(case: Case) -> Finding | None:
    """Calls ended at their deadline, and no replica was told of one."""
    timeout = case.promises.call_timeout
    ended = [call for call in case.failed if call.attempts and FULL * timeout <= _seconds(call) <= 1.5 * timeout]
    attempts = [each for call in ended for each in call.attempts]
    if not attempts or any(each.deadline_left is not None for each in attempts):
        return None
    seen = f"{many(len(ended), 'call')} ended at the deadline, and none of {many(len(attempts), 'attempt')} carried one"
    return certain("deadline_not_sent", seen, "the replicas saw no grpc-timeout")


def fails_fast(case: Case) -> Finding | None:
    """With no replica left, calls that were to wait for one failed well before their deadline."""
    early = [
        call
        for call in case.failed
        if not call.attempts
        and call.code in {"UNAVAILABLE", None}
        and _seconds(call) < FULL * case.promises.call_timeout
    ]
    asked = _asked_to_wait(case)
    if not asked or not _nobody(case) or not early:
        return None
    longest = max(map(_seconds, early))
    seen = f"with no replica left {many(len(early), 'call')} failed after {longest:.2f} s at most, though {asked}"
    return certain("fails_fast", seen, "a call that waits for a ready replica fails at its deadline only")


def _seconds(call: Call) -> float:
    return call.received - call.sent


def _nobody(case: Case) -> bool:
    """Say whether for some time no replica was there to answer; `case.born` is no limit: silence may come first."""
    verbs = [each for each in case.history.verbs if each.verb in (*ENDS, *SILENCES) and each.confirmed is not None]
    return set(case.replicas) <= {each.on for each in verbs}


def _asked_to_wait(case: Case) -> str:
    """Return how the gateway was told that calls wait for a ready replica, "" if it was not."""
    if told := case.given.get("WAIT_FOR_READY"):
        return "WAIT_FOR_READY is true" if told == "true" else ""
    methods = json.loads(case.given.get("GRPC_SERVICE_CONFIG") or "{}").get("methodConfig", [])
    return "the service config says waitForReady" if any(each.get("waitForReady") for each in methods) else ""
