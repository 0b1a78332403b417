"""Why calls are retried too often, too rarely, too soon, the wrong way, or past their deadline."""

import json
from collections.abc import Sequence
from itertools import pairwise
from statistics import median, quantiles

from tests.harness.causes.case import Case, Finding, certain, likely, many, undecided
from tests.harness.causes.rules import general
from tests.harness.evidence.history import Call
from tests.harness.subject.promises import JITTER, TIMER

LIBRARY_LIMIT = 5
"""Attempts: gRPC's libraries reduce any greater maxAttempts to this (gRFC A6)."""

MANY = 5
"""Calls below which a median of gaps means nothing."""


def _codes(call: Call) -> list[str | None]:
    return [attempt.code for attempt in call.attempts]


def _exhausted(case: Case) -> list[Call]:
    """Return the calls whose every attempt was answered with a retryable code, so that none ended them early."""
    codes = case.promises.retryable_codes
    return [
        call
        for call in case.calls
        if call.attempts
        and set(_codes(call)) <= set(codes)
        and not call.ok
        and ":headers" not in call.id
        and call.code != "DEADLINE_EXCEEDED"
    ]


def _each(calls: Sequence[Call]) -> str:
    return " each" if len(calls) > 1 else ""


def _lengths(calls: Sequence[Call]) -> str:
    counts = sorted({len(call.attempts) for call in calls})
    return " or ".join(map(str, counts))


def _unnumbered(calls: Sequence[Call]) -> bool:
    """Say whether no repeated attempt carries the number of previous ones."""
    later = [attempt for call in calls for attempt in call.attempts[1:]]
    return bool(later) and all(attempt.previous_attempts is None for attempt in later)


@general(200)
def no_retry(case: Case) -> Finding | None:
    """Calls that failed with a retryable code, or were lost with their replica, were not retried."""
    promised = case.max_attempts
    calls = _exhausted(case)
    if promised < 2:
        return None
    if calls and all(len(call.attempts) == 1 for call in calls):
        (code, *_) = sorted({str(call.attempts[0].code) for call in calls})
        seen = f"{many(len(calls), 'call')} failed with {code} after 1 attempt{_each(calls)}"
        seen += f"; up to {promised} are promised"
        if case.fresh:
            return certain("no_retry_policy", seen, "no call of this gateway was retried, from the first one on")
        return likely("no_retry_policy", seen, "throttling by failures before this behaviour would look the same")
    if not calls and (cut := _cut(case)):
        seen = f"{many(len(cut), 'call')} failed with the replica that was killed, and no other replica got them"
        seen += f"; up to {promised} attempts are promised"
        if case.fresh and any(call.attempts for call in cut):
            return certain("no_retry_policy", seen, "no call of this gateway was retried, from the first one on")
        return likely("no_retry_policy", seen, "retries with almost no backoff would look the same")
    return None


def _cut(case: Case) -> list[Call]:
    """
    Return the failed calls that were lost with a replica that was killed, while another one was available.

    Those whose only attempt was at that replica; and those that it cannot have recorded, if they failed before the
    backoff of a retry can have passed.
    """
    kills = {fault.on: fault for fault in case.faults_of("kill")}
    if set(case.replicas) <= set(kills):
        return []
    shortest = case.promises.waits(1)[0]
    return [
        call
        for call in case.failed
        for kill in kills.values()
        if call.code in case.promises.retryable_codes
        and call.sent <= (kill.confirmed or kill.asked)
        and call.received >= kill.asked
        and (
            [attempt.replica for attempt in call.attempts] == [kill.on]
            if call.attempts
            else call.received - kill.asked < shortest
        )
    ]


@general(315)
def failed_at_once(case: Case) -> Finding | None:
    """With no replica left, calls failed before the backoffs of their retries can have passed."""
    down = case.faults_of("kill", "stop")
    if not set(case.replicas) <= {fault.on for fault in down} or case.max_attempts < 2:
        return None
    since = max(fault.confirmed or 0.0 for fault in down)
    calls = [call for call in case.calls if call.sent > since and call.code == "UNAVAILABLE" and not call.attempts]
    shortest = case.promises.waits(1)[0]
    took = [call.received - call.sent for call in calls]
    if not took or median(took) >= shortest:
        return None
    seen = (
        f"with no replica left, {many(len(calls), 'call')} failed after {min(took):.2f} to {max(took):.2f} s, "
        f"sooner than the first backoff of {case.promises.initial_backoff:g} s"
    )
    return likely("no_retry_policy", seen, "retries with almost no backoff would look the same")


@general(205)
def throttled(case: Case) -> Finding | None:
    """The first calls were retried, and then no more were."""
    calls = _exhausted(case)
    single = [len(call.attempts) == 1 for call in calls]
    if not any(single) or all(single) or True in single[: single.index(True)] or not all(single[single.index(True) :]):
        return None
    first = single.index(True)
    seen = f"the first {many(first, 'failing call')} were retried, the {len(calls) - first} after that were not"
    return likely("retry_throttling", seen, "a retry policy alone would not stop permanently")


@general(210)
def attempt_count(case: Case) -> Finding | None:
    """Calls made a different number of attempts than promised."""
    calls, promised = _exhausted(case), case.max_attempts
    lengths = {len(call.attempts) for call in calls}
    if len(lengths) != 1 or lengths & {1, promised}:
        return None
    (count,) = lengths
    seen = (
        f"{many(len(calls), 'call')} whose every attempt failed made {count} attempts{_each(calls)}; "
        f"{promised} are promised"
    )
    nested = [sum(attempt.previous_attempts is None for attempt in call.attempts) for call in calls]
    if count > promised and min(nested) > 1 and not _unnumbered(calls):
        return certain("nested_retries", f"{seen}, in {min(nested)} rounds", "the count restarts within one request")
    if _unnumbered(calls):
        return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")
    if count < promised and count == LIBRARY_LIMIT:
        return certain("library_limit", seen, f"gRPC's libraries make at most {LIBRARY_LIMIT} by default")
    cause = "more_attempts" if count > promised else "fewer_attempts"
    return certain(cause, seen, "every call made the same number")


@general(215)
def non_retryable_code(case: Case) -> Finding | None:
    """A code that is not retryable was retried."""
    codes = {*case.promises.retryable_codes, "OK", None}
    calls = [call for call in case.calls if len(call.attempts) > 1 and call.attempts[0].code not in codes]
    if not calls:
        return None
    code = calls[0].attempts[0].code
    seen = f"{many(len(calls), 'call')} that failed with {code} made {_lengths(calls)} attempts{_each(calls)}"
    seen += "; 1 is promised"
    if _unnumbered(calls):
        return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")
    return certain(
        "extra_retryable_code", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them"
    )


@general(220)
def committed(case: Case) -> Finding | None:
    """A call was retried after its response headers had arrived."""
    calls = [call for call in case.calls if len(call.attempts) > 1 and ":headers" in call.id]
    if not calls:
        return None
    made = f"{many(len(calls), 'call')} made {_lengths(calls)} attempts{_each(calls)}"
    seen = f"{made}, although headers had arrived; 1 is promised"
    if _unnumbered(calls):
        return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")
    return undecided((), seen, "which library, in which version, makes these attempts: gRPC's own libraries do not")


def without_policy(case: Case) -> Finding | None:
    """Calls were retried, although the service config that the gateway was given has no retry policy."""
    calls = [call for call in case.calls if len(call.attempts) > 1]
    configuration = case.given.get("GRPC_SERVICE_CONFIG", "")
    if not configuration or _has_policy(configuration) or not calls:
        return None
    made = f"{many(len(calls), 'call')} made {_lengths(calls)} attempts{_each(calls)}"
    seen = f"with a service config without a retry policy, {made}"
    if _unnumbered(calls):
        return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")
    return certain("config_ignored", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them")


def _has_policy(configuration: str) -> bool:
    return any("retryPolicy" in method for method in json.loads(configuration).get("methodConfig", []))


def unnumbered(case: Case) -> Finding | None:
    """Repeated attempts do not carry the number of previous ones."""
    calls = [call for call in case.calls if len(call.attempts) > 1]
    if not _unnumbered(calls):
        return None
    later = sum(len(call.attempts) - 1 for call in calls)
    seen = f"none of {many(later, 'repeated attempt')} in {many(len(calls), 'call')} carried grpc-previous-rpc-attempts"
    return certain("application_retry", seen, "gRPC's own retries always carry it (gRFC A6)")


@general(225)
def backoff(case: Case) -> Finding | None:
    """The gaps between attempts are not the promised backoffs."""
    trails = [call.attempts for call in _exhausted(case) if len(call.attempts) > 1]
    gaps = list(zip(*([b.at - a.at for a, b in pairwise(trail)] for trail in trails), strict=False))
    if len(trails) < MANY or not gaps:
        return None
    medians = [median(gap) for gap in gaps]
    wanted = [case.promises.backoff(retry) for retry in range(1, len(gaps) + 1)]
    seen = f"the median gaps between attempts were {_ms(medians)} ms; {_ms(wanted)} ms are promised"
    return _first_gap(gaps[0], wanted[0], seen) or _growth(medians, wanted, seen)


def _ms(seconds: Sequence[float]) -> str:
    return ", ".join(f"{length * 1000:.0f}" for length in seconds)


def _first_gap(gaps: Sequence[float], wanted: float, seen: str) -> Finding | None:
    shortest, longest = wanted * (1 - JITTER), wanted * (1 + JITTER)
    fifths = quantiles(gaps, n=5)
    if fifths[0] < 0.4 * wanted and 0.6 * wanted < fifths[-1] < longest:
        seen += f", the first gaps were {_ms([min(gaps)])} to {_ms([max(gaps)])} ms"
        return likely("full_jitter", seen, "spread from almost nothing up to the backoff, not within a fifth of it")
    if median(gaps) < shortest - TIMER:
        return certain("short_backoff", seen, f"the shortest gap that jitter allows is {_ms([shortest])} ms")
    if median(gaps) > 1.5 * longest:
        return certain("long_backoff", seen, f"the longest gap that jitter allows is {_ms([longest])} ms")
    return None


def _growth(medians: Sequence[float], wanted: Sequence[float], seen: str) -> Finding | None:
    grew, grows = medians[-1] / medians[0], wanted[-1] / wanted[0]
    if grows == 1 or grew > (1 + grows) / 2:
        return None
    return certain(
        "constant_backoff", seen, f"from the first to the last they grew by a factor of {grew:.1f}, not {grows:g}"
    )


@general(120)
def no_deadline(case: Case) -> Finding | None:
    """A call lasted past its deadline, and its attempts had none."""
    late = [call for call in _late(case) if all(attempt.deadline_left is None for attempt in call.attempts)]
    if not late:
        return None
    waited = max(call.received - call.sent for call in late)
    attempts = sum(len(call.attempts) for call in late)
    seen = (
        f"{many(len(late), 'call')} lasted up to {waited:.1f} s, and none of {many(attempts, 'attempt')} carried a "
        f"deadline; {case.deadline:g} s are promised"
    )
    return certain("no_deadline", seen, "the replicas saw no grpc-timeout")


@general(125)
def per_attempt_deadline(case: Case) -> Finding | None:
    """A call lasted past its deadline, and each attempt had all of it."""
    for call in _late(case):
        left = [attempt.deadline_left for attempt in call.attempts]
        known = [remaining for remaining in left if remaining is not None]
        passed = call.attempts[-1].at - call.attempts[0].at
        if len(known) == len(left) > 1 and known[-1] > known[0] - passed / 2:
            seconds = ", ".join(f"{remaining:.2f}" for remaining in known)
            seen = (
                f"a call lasted {call.received - call.sent:.1f} s, and its {len(known)} attempts had {seconds} s left; "
                f"one deadline of {case.deadline:g} s is promised"
            )
            return certain("per_attempt_deadline", seen, "the later attempts had as much time left as the first")
    return None


def wrong_deadline(case: Case) -> Finding | None:
    """First attempts had a different deadline than promised."""
    first = [call.attempts[0].deadline_left for call in case.calls if call.attempts]
    known = [remaining for remaining in first if remaining is not None]
    promised = case.deadline
    if not known or all(0.8 * promised <= remaining <= 1.2 * promised for remaining in known):
        return None
    seen = f"first attempts had {min(known):.2f} to {max(known):.2f} s left; {promised:g} s are promised"
    return certain("wrong_deadline", seen, "the replicas saw the calls' grpc-timeout")


def _late(case: Case) -> list[Call]:
    longest = 1.1 * case.deadline
    return [call for call in case.calls if call.attempts and call.received - call.sent > longest]


def code_changed(case: Case) -> Finding | None:
    """The caller received a different code than the replicas sent."""
    failed = [
        call for call in case.calls if call.attempts and not call.ok and call.code and len(set(_codes(call))) == 1
    ]
    sent = [call for call in failed if _codes(call)[0] not in {"OK", None}]
    wrong = [call for call in sent if call.code != _codes(call)[0]]
    if not wrong or any(call.received - call.sent >= case.deadline for call in wrong):
        return None
    pair = f"{_codes(wrong[0])[0]} was reported as {wrong[0].code}"
    seen = f"{pair} for {len(wrong)} of {many(len(sent), 'call')}"
    return certain("code_changed", seen, "the replicas' ledgers hold the codes they sent")
