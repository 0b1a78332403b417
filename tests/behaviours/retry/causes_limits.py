"""Why retries exceed what limits them: the library's limit, the server's pushback, a switch, a buffer."""

import re
from collections.abc import Sequence
from statistics import median
from typing import Any

from tests.behaviours.retry.causes import LIBRARY_LIMIT, unnumbered
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many
from tests.harness.evidence.history import Call
from tests.harness.subject.promises import JITTER, TIMER

INSTANT = 0.002
"""Seconds: a backoff up to this rounds to a timer of 0 ms now and then."""

_PUSHBACK = re.compile(r"~[A-Z_]+:pushback=(-?[0-9]+)")


def _policy(case: Case) -> dict[str, Any]:
    """Return the retry policy in the service config that the gateway was given for this behaviour, {} without one."""
    policy: dict[str, Any] = case.methods[0].get("retryPolicy", {}) if case.methods else {}
    return policy


def _pushed_back(case: Case) -> list[tuple[Call, float]]:
    """Return the calls whose first attempt was answered with a pushback, with its seconds."""
    found = [(call, _PUSHBACK.search(call.id)) for call in case.calls if call.attempts]
    return [(call, int(match[1]) / 1000) for call, match in found if match]


def _numbered(calls: Sequence[Call]) -> bool:
    """Say whether repeated attempts carry the number of previous ones, as gRPC's own retries do."""
    return any(attempt.previous_attempts for call in calls for attempt in call.attempts[1:])


def limit_raised(case: Case) -> Finding | None:
    """With a maxAttempts above the libraries' limit, calls made more attempts than that limit."""
    beyond = [call for call in case.calls if len(call.attempts) > LIBRARY_LIMIT]
    if _policy(case).get("maxAttempts", 0) <= LIBRARY_LIMIT or not beyond or not _numbered(beyond):
        return None
    most = max(len(call.attempts) for call in beyond)
    seen = f"{many(len(beyond), 'call')} made up to {most} attempts; gRPC's libraries make at most {LIBRARY_LIMIT}"
    return certain("limit_raised", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them")


def pushback_ignored(case: Case) -> Finding | None:
    """Calls were retried although the server forbade it, or sooner or later than it requested."""
    codes = case.promises.retryable_codes
    met = [(call, delay) for call, delay in _pushed_back(case) if call.attempts[0].code in codes]
    again = [(call, delay) for call, delay in met if len(call.attempts) > 1]
    if not again or not _numbered([call for call, _ in again]):
        return None
    against = [call for call, delay in again if delay < 0]
    if against:
        seen = (
            f"{len(against)} of {many(len(met), 'call')} with a negative pushback, which forbids a retry, were retried"
        )
        return certain("pushback_ignored", seen, "the ledgers hold the attempts after it")
    off = [call.attempts[1].at - call.attempts[0].at - delay for call, delay in again]
    if -TIMER <= median(off) <= LATE / 4:
        return None
    gap = median(call.attempts[1].at - call.attempts[0].at for call, _ in again)
    seen = f"{many(len(again), 'call was', 'calls were')} retried after {gap * 1000:.0f} ms"
    seen += f"; the server had requested {again[0][1] * 1000:.0f} ms"
    if median(off) < 0:
        return certain("pushback_ignored", seen, "a retry before that moment cannot have waited for it")
    return likely("pushback_ignored", seen, "an extremely busy machine would be late too")


def pushback_retries_any_code(case: Case) -> Finding | None:
    """A code that is not retryable was retried when it came with a pushback."""
    calls = [call for call, delay in _pushed_back(case) if delay >= 0 and len(call.attempts) > 1]
    codes = {call.attempts[0].code for call in calls} - {*case.promises.retryable_codes, None}
    if not codes or not _numbered(calls):
        return None
    seen = f"{many(len(calls), 'call')} that failed with {', '.join(map(str, sorted(codes, key=str)))} and a pushback"
    seen += f" {'was' if len(calls) == 1 else 'were'} retried; 1 attempt is promised"
    because = "the code may be listed too: it would then be retried without a pushback as well"
    return likely("pushback_retries_any_code", seen, because)


def backoff_not_restarted(case: Case) -> Finding | None:
    """The retry after the one that the server requested waited longer than a first backoff."""
    backoff = float(str(_policy(case).get("initialBackoff", case.promises.initial_backoff)).removesuffix("s"))
    trails = [call.attempts for call, delay in _pushed_back(case) if delay >= 0 and len(call.attempts) > 2]
    if not trails:
        return None
    gap, longest = median(trail[2].at - trail[1].at for trail in trails), backoff * (1 + JITTER)
    if gap <= 1.5 * longest:
        return None
    seen = f"after the retry that the server requested, {many(len(trails), 'call')} waited {gap * 1000:.0f} ms "
    seen += "for the next one"
    return certain("backoff_not_restarted", seen, f"a first backoff is at most {longest * 1000:.0f} ms")


def instant_retry_hangs(case: Case) -> Finding | None:
    """Calls whose retry was due immediately made no more attempts, and hung until their deadline."""
    backoff = float(str(_policy(case).get("initialBackoff", "1s")).removesuffix("s"))
    instant = {call.id for call, delay in _pushed_back(case) if delay == 0}
    hung = [
        call
        for call in case.calls
        if (backoff <= INSTANT or call.id in instant)
        and call.attempts
        and call.attempts[-1].code in case.promises.retryable_codes
        and call.received - call.attempts[-1].at > case.deadline / 2
    ]
    if not hung:
        return None
    seen = (
        f"{len(hung)} of {many(len(case.calls), 'call')} had a retry due immediately, and it did not happen for up to "
    )
    seen += f"{max(call.received - call.attempts[-1].at for call in hung):.1f} s"
    return certain("instant_retry_hangs", seen, "their last attempts had been answered with a retryable code")


def switched_off(case: Case) -> Finding | None:
    """Calls were retried although the gateway was started with its retries switched off."""
    again = [call for call in case.calls if len(call.attempts) > 1]
    if case.given.get("ENABLE_RETRIES") != "false" or not again or not _numbered(again):
        return None
    most = max(len(call.attempts) for call in again)
    seen = f"with ENABLE_RETRIES=false, {many(len(again), 'call')} made up to {most} attempts"
    return certain(
        "retry_switch_ignored", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them"
    )


def buffer_larger(case: Case) -> Finding | None:
    """Calls were retried although they are larger than the configured retry buffer."""
    limit = int(case.given.get("RETRY_BUFFER_BYTES") or 0)
    kept = [call for call in case.calls if len(call.attempts) > 1 and len(call.id) > limit > 0]
    if not kept or not _numbered(kept):
        return None
    seen = (
        f"{many(len(kept), 'call')} of {len(kept[0].id)} bytes were retried; at most {limit} bytes should be buffered"
    )
    return certain(
        "retry_buffer_limit_ignored", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them"
    )


PUSHBACK = (unnumbered, pushback_ignored)
