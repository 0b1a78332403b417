"""Why calls are retried too often, too soon, the wrong way, or past their deadline."""

import json
from collections.abc import Sequence
from itertools import pairwise
from statistics import median, quantiles

from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, serial, undecided
from tests.harness.causes.rules import general
from tests.harness.evidence.history import Call
from tests.harness.judges.retry_backoff import allowed_growth, growth
from tests.harness.subject.promises import JITTER, TIMER

LIBRARY_LIMIT = 5
"""Attempts: gRPC's libraries reduce any greater maxAttempts to this (gRFC A6)."""

MANY = 5
"""Calls below which a median of gaps means nothing."""

BY_CHANCE = 1e-3
"""How rarely retries that are picked again may all reach the same replica again; several behaviours look at a run."""


def _codes(call: Call) -> list[str | None]:
    return [attempt.code for attempt in call.attempts]


def exhausted(case: Case) -> list[Call]:
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


def each(calls: Sequence[Call]) -> str:
    """Return " each" for several calls."""
    return " each" if len(calls) > 1 else ""


def _lengths(calls: Sequence[Call]) -> str:
    counts = sorted({len(call.attempts) for call in calls})
    return " or ".join(map(str, counts))


def _unnumbered(case: Case, calls: Sequence[Call]) -> bool:
    """Say whether no repeated attempt carries the number of previous ones, which its library would give it."""
    later = [attempt for call in calls for attempt in call.attempts[1:]]
    return case.numbers and bool(later) and all(attempt.previous_attempts is None for attempt in later)


@general(210)
def attempt_count(case: Case) -> Finding | None:
    """Calls made a different number of attempts than promised."""
    calls, promised = exhausted(case), case.max_attempts
    lengths = {len(call.attempts) for call in calls}
    if len(lengths) != 1 or lengths & {1, promised}:
        return None
    (count,) = lengths
    seen = (
        f"{many(len(calls), 'call')} whose every attempt failed made {count} attempts{each(calls)}; "
        f"{promised} are promised"
    )
    nested = [_rounds(call) for call in calls]
    begun = [sum(attempt.previous_attempts is None for attempt in call.attempts) for call in calls]
    if count > promised and count > min(begun) > 1 and max(nested) == 1:
        which = "orders that are served: is each of them called for several times, and when?"
        return undecided(("called_twice", "repeated_call"), f"{seen}, {min(begun)} of them without a number", which)
    if count > promised and min(nested) > 1 and min(nested) < count:
        return certain("nested_retries", f"{seen}, in {min(nested)} rounds", "the count restarts within one request")
    if _unnumbered(case, calls):
        return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")
    if count < promised and count == LIBRARY_LIMIT:
        return certain("library_limit", seen, f"gRPC's libraries make at most {LIBRARY_LIMIT} by default")
    cause = "more_attempts" if count > promised else "fewer_attempts"
    return certain(cause, seen, "every call made the same number")


def _rounds(call: Call) -> int:
    """Return how often the numbers of its attempts begin again after a numbered one."""
    numbers = [attempt.previous_attempts for attempt in call.attempts]
    return 1 + sum(later is None and earlier is not None for earlier, later in pairwise(numbers))


@general(215)
def non_retryable_code(case: Case) -> Finding | None:
    """A code that is not retryable was retried."""
    codes = {*case.promises.retryable_codes, "OK", None}
    calls = [call for call in case.calls if len(call.attempts) > 1 and call.attempts[0].code not in codes]
    if not calls:
        return None
    code = calls[0].attempts[0].code
    seen = f"{many(len(calls), 'call')} that failed with {code} made {_lengths(calls)} attempts{each(calls)}"
    seen += "; 1 is promised"
    if _unnumbered(case, calls):
        return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")
    if not any(attempt.previous_attempts for call in calls for attempt in call.attempts):
        return likely("extra_retryable_code", seen, "a second layer that retries would look the same")
    return certain(
        "extra_retryable_code", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them"
    )


@general(220)
def committed(case: Case) -> Finding | None:
    """A call was retried after its response headers had arrived."""
    calls = [call for call in case.calls if len(call.attempts) > 1 and ":headers" in call.id]
    if not calls:
        return None
    made = f"{many(len(calls), 'call')} made {_lengths(calls)} attempts{each(calls)}"
    seen = f"{made}, although headers had arrived; 1 is promised"
    if _unnumbered(case, calls):
        return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")
    return undecided((), seen, "which library, in which version, makes these attempts: gRPC's own libraries do not")


def without_policy(case: Case) -> Finding | None:
    """Calls were retried, although the service config that the gateway was given has no retry policy."""
    calls = [call for call in case.calls if len(call.attempts) > 1]
    configuration = case.given.get("GRPC_SERVICE_CONFIG", "")
    if not configuration or _has_policy(configuration) or not calls:
        return None
    made = f"{many(len(calls), 'call')} made {_lengths(calls)} attempts{each(calls)}"
    seen = f"with a service config without a retry policy, {made}"
    if _unnumbered(case, calls):
        return certain("application_retry", seen, "no repeated attempt carries grpc-previous-rpc-attempts")
    return certain("config_ignored", seen, "the repeated attempts carry grpc-previous-rpc-attempts, so gRPC made them")


def _has_policy(configuration: str) -> bool:
    return any("retryPolicy" in method for method in json.loads(configuration).get("methodConfig", []))


def unnumbered(case: Case) -> Finding | None:
    """Repeated attempts do not carry the number of previous ones."""
    calls = [call for call in case.calls if len(call.attempts) > 1]
    if not _unnumbered(case, calls):
        return None
    later = sum(len(call.attempts) - 1 for call in calls)
    seen = f"none of {many(later, 'repeated attempt')} in {many(len(calls), 'call')} carried grpc-previous-rpc-attempts"
    return certain("application_retry", seen, "gRPC's own retries always carry it (gRFC A6)")


@general(225)
def backoff(case: Case) -> Finding | None:
    """The gaps between attempts are not the promised backoffs."""
    trails = [call.attempts for call in exhausted(case) if len(call.attempts) > 1]
    waits = [[b.at - a.at for a, b in pairwise(trail)] for trail in trails]
    gaps = list(zip(*waits, strict=False))
    if len(trails) < MANY or not gaps:
        return None
    medians = [median(gap) for gap in gaps]
    wanted = [case.promises.backoff(retry) for retry in range(1, len(gaps) + 1)]
    seen = f"the median gaps between attempts were {_ms(medians)} ms; {_ms(wanted)} ms are promised"
    return _first_gap(gaps[0], wanted[0], seen) or _growth(case, waits, medians, wanted, seen)


def _ms(seconds: Sequence[float]) -> str:
    return ", ".join(f"{length * 1000:.0f}" for length in seconds)


def _first_gap(gaps: Sequence[float], wanted: float, seen: str) -> Finding | None:
    shortest, longest = wanted * (1 - JITTER), wanted * (1 + JITTER)
    fifths = quantiles(gaps, n=5)
    spread = f", the first gaps were {_ms([min(gaps)])} to {_ms([max(gaps)])} ms"
    if fifths[0] < 0.4 * wanted and 0.6 * wanted < fifths[-1] < longest:
        because = "spread from almost nothing up to the backoff, not within a fifth of it"
        return likely("full_jitter", seen + spread, because)
    wide = fifths[-1] - fifths[0] > 0.8 * (longest - shortest)  # of the promised jitter it is 0.6
    if wide and min(gaps) < shortest - TIMER and 0.7 * wanted < median(gaps) < 1.3 * wanted:
        because = f"around the promised backoff, and the shortest gap that jitter allows is {_ms([shortest])} ms"
        return likely("wide_jitter", seen + spread, because)
    if median(gaps) < shortest - TIMER:
        return certain("short_backoff", seen, f"the shortest gap that jitter allows is {_ms([shortest])} ms")
    if median(gaps) > 1.5 * longest:
        return certain("long_backoff", seen, f"the longest gap that jitter allows is {_ms([longest])} ms")
    return None


def _growth(
    case: Case, waits: Sequence[Sequence[float]], medians: Sequence[float], wanted: Sequence[float], seen: str
) -> Finding | None:
    """
    Compare what each gap was to the one before, on average, with the promised multiplier.

    With few calls jitter alone makes them grow more, or less: only what has a chance of one in a thousand is named.
    """
    if len(medians) < 2 or wanted[-1] == wanted[0]:
        return None
    grew, grows = ((gaps[-1] / gaps[0]) ** (1 / (len(gaps) - 1)) for gaps in (medians, wanted))
    least, most = allowed_growth(len(waits), case.promises, LATE / 4, BY_CHANCE)
    if least <= growth(waits) <= most:
        return None
    because = f"from one to the next they grew by a factor of {grew:.1f}, not {grows:.1f}"
    if grew < 1 + (grows - 1) / 4:
        return certain("constant_backoff", seen, because)
    if grew < 1 + 3 * (grows - 1) / 4:
        return likely("slow_backoff_growth", seen, because)
    return likely("steep_backoff", seen, because) if grew > 1.5 * grows else None


@general(228)
def retried_on_same_replica(case: Case) -> Finding | None:
    """
    Each retry reached the replica that had just failed the call, although not every caller is tied to one replica.

    >>> story = Story().calls(1.0, *in_turn(6))
    >>> for number in range(6):
    ...     _ = story.call(1.1 + number, "a:UNAVAILABLE", "a:UNAVAILABLE", "a:UNAVAILABLE", code="UNAVAILABLE")
    >>> retried_on_same_replica(story.case()).suspects
    ('retried_on_same_replica',)
    >>> elsewhere = Story().calls(1.0, *in_turn(6)).call(1.1, "a:UNAVAILABLE", "a:UNAVAILABLE", "b")
    >>> retried_on_same_replica(elsewhere.case()) is None
    True
    """
    pairs = [pair for call in case.retried for pair in pairwise(call.attempts)]
    several = len({attempt.replica for call in case.all_calls for attempt in call.attempts})
    if case.faults or several < 2 or _tied(case) or not pairs:
        return None
    if any(first.replica != second.replica for first, second in pairs):
        return None
    chance = len(case.replicas) ** -len(pairs)
    # round_robin sends no retry of a serial caller to the same replica, and other policies do so by chance
    if chance > (0.1 if case.policy == "round_robin" and serial(case.calls) else BY_CHANCE):
        return None
    seen = f"all {many(len(pairs), 'retry', 'retries')} of {many(len(case.retried), 'call')} reached the replica that "
    seen += f"had just failed the call, while calls reached {several} replicas"
    return likely("retried_on_same_replica", seen, f"a random pick does so once in {1 / chance:.0f} times")


def _tied(case: Case) -> bool:
    """Say whether each caller of several calls reached one replica only."""
    several = [calls for calls in case.by_caller.values() if len(calls) > 1]
    reached = [{attempt.replica for call in calls for attempt in call.attempts} for calls in several]
    return bool(reached) and all(len(replicas) == 1 for replicas in reached)


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


@general(127)
def longer_deadline(case: Case) -> Finding | None:
    """
    Calls lasted past their deadline, and their attempts carried a longer one.

    >>> longer_deadline(Story().call(1.1, "a:HANG", code=None, took=2.7, left=(5.0,)).case()).suspects
    ('wrong_deadline',)
    >>> longer_deadline(Story().call(1.1, "a:HANG", code=None, took=2.7, left=(1.4,)).case()) is None
    True
    """
    late = [call for call in _late(case) if (call.attempts[0].deadline_left or 0.0) > 1.2 * case.deadline]
    if not late or "CALL_TIMEOUT_MS" in case.given or case.methods:
        return None
    seen = f"{many(len(late), 'call')} lasted up to {max(call.received - call.sent for call in late):.1f} s, and had "
    seen += f"{late[0].attempts[0].deadline_left:.2f} s left at first; {case.deadline:g} s are promised"
    return certain("wrong_deadline", seen, "the replicas saw the calls' grpc-timeout")


def past_deadline(case: Case, seen: str, elsewhere: str) -> Finding:
    """
    Return why calls that reached no replica lasted past their deadline, by what the attempts of others carry.

    If they carry the promised one, the gateway waits where it does not apply: the cause `elsewhere`.
    """
    carried = [attempt.deadline_left for attempt in case.history.attempts]
    if any(left is None for left in carried):
        return certain("no_deadline", f"{seen}; other calls carried no deadline", "the replicas saw no grpc-timeout")
    longest = max((left for left in carried if left is not None), default=0.0)
    if longest > 1.2 * case.deadline:
        seen += f"; other calls had {longest:.2f} s left"
        return certain("wrong_deadline", seen, "the replicas saw the calls' grpc-timeout")
    if carried:
        seen += "; other calls carried the promised deadline"
        return likely(elsewhere, seen, "a deadline that begins only once a replica is found would look the same")
    which = "what a replica gets as the deadline of a call"
    return undecided(("no_deadline", "wrong_deadline"), seen, which)


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
