"""Why calls that should have been retried were not: no policy, no tokens, a breaker; or why a retry took so long."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

from tests.behaviours.retry.causes import each, exhausted
from tests.behaviours.retry.causes_throttling import RATIOS
from tests.harness.causes.case import Case, Finding, certain, likely, many, planned_delay, undecided
from tests.harness.causes.rules import general
from tests.harness.evidence.history import Call

FEW = 3
"""Failures in a row that open a breaker at the soonest, and calls that it then refuses."""

TOKENS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50, 100)
"""The sizes of a retry budget that are tried on what was seen."""

FIRST_FAILURES = "the first calls that fail at a gateway that was just started: a budget still has all its tokens then"
"""What tells a retry budget that is used up from a policy that is missing."""


def unretried(case: Case, seen: str) -> Finding:
    """Return why no call of this gateway was retried: for one that was there before, its budget may be used up."""
    if case.fresh:
        return certain("no_retry_policy", seen, "no call of this gateway was retried, from the first one on")
    return undecided(("no_retry_policy", "retry_throttling"), seen, FIRST_FAILURES)


@general(200)
def no_retry(case: Case) -> Finding | None:
    """Calls that failed with a retryable code, or were lost with their replica, were not retried, and no other was."""
    promised, calls = case.max_attempts, exhausted(case)
    if promised < 2 or case.retried:
        return None
    if calls and all(len(call.attempts) == 1 for call in calls):
        (code, *_) = sorted({str(call.attempts[0].code) for call in calls})
        seen = f"{many(len(calls), 'call')} failed with {code} after 1 attempt{each(calls)}"
        return unretried(case, f"{seen}; up to {promised} are promised")
    if not calls and (cut := _cut(case)):
        seen = f"{many(len(cut), 'call')} failed with the replica that was killed, and no other replica got them"
        seen += f"; up to {promised} attempts are promised"
        if case.fresh and not any(call.attempts for call in cut):
            return likely("no_retry_policy", seen, "retries with almost no backoff would look the same")
        return unretried(case, seen)
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


@general(202)
def circuit_breaker(case: Case) -> Finding | None:
    """
    After failures, calls failed immediately and without an attempt, at a gateway that does wait and retry.

    While replicas are up, a call without an attempt cannot have met a retry budget: that stops retries only.
    """
    fast = _refused(case)
    if len(fast) < FEW or not _waited(case, fast[0].sent):
        return None
    down = {fault.on for fault in case.faults_of("kill", "stop", "restart") if fault.asked < fast[-1].sent}
    before = [call for call in case.failed if call.received <= fast[0].received and call not in fast]
    seen = (
        f"after {many(len(before), 'failed call')}, {len(fast)} failed within "
        f"{max(call.received - call.sent for call in fast) * 1000:.0f} ms and without an attempt, although a first "
        f"retry waits for {case.promises.initial_backoff * 1000:.0f} ms"
    )
    between = [call for call in case.calls if fast[0].sent < call.sent < fast[-1].sent and call.attempts]
    if not down and before and not between:
        return likely("circuit_breaker", seen, "a gateway that had lost all its connections would look the same")
    if not down:
        return None
    which = "whether calls reach a replica once one is up again: a breaker stops them too, a retry budget does not"
    return undecided(("circuit_breaker", "retry_throttling"), seen, which)


def _refused(case: Case) -> list[Call]:
    """Return the failed calls that no replica got and that ended sooner than a first retry can have been made."""
    shortest = case.promises.waits(1)[0]
    return [
        call
        for call in case.failed
        if not call.attempts and call.status is not None and call.code and call.received - call.sent < shortest / 2
    ]


def _waited(case: Case, before: float) -> bool:
    """Say whether a call that was sent before was retried, or failed only after the time of a backoff."""
    shortest = case.promises.waits(1)[0]
    failed = [call for call in case.failed if call.sent < before and call.received - call.sent >= shortest]
    return case.max_attempts > 1 and bool(failed or [call for call in case.retried if call.sent < before])


@general(315)
def failed_at_once(case: Case) -> Finding | None:
    """With no replica left, calls failed before the backoffs of their retries can have passed, from the first one."""
    down = case.faults_of("kill", "stop")
    if not set(case.replicas) <= {fault.on for fault in down} or case.max_attempts < 2 or case.retried:
        return None
    since = max(fault.confirmed or 0.0 for fault in down)
    calls = [call for call in case.calls if call.sent > since and call.code == "UNAVAILABLE" and not call.attempts]
    shortest = case.promises.waits(1)[0]
    took = [call.received - call.sent for call in calls]
    if not took or sum(seconds < shortest for seconds in took) <= len(took) / 2:
        return None
    seen = (
        f"with no replica left, {many(len(calls), 'call')} failed after {min(took):.2f} to {max(took):.2f} s, "
        f"sooner than the first backoff of {case.promises.initial_backoff:g} s"
    )
    if case.fresh:
        return likely("no_retry_policy", seen, "retries with almost no backoff would look the same")
    return unretried(case, seen)


@general(205)
def throttled(case: Case) -> Finding | None:
    """
    The first failures were retried, and later ones were not: permanently, or just as a retry budget would have it.

    >>> story = Story()
    >>> for number, retried in enumerate((1, 1, 1, 0, 0, 0, 0, 1)):
    ...     _ = story.call(1.1 + number, "a:UNAVAILABLE", *"b" * retried, code="OK" if retried else "UNAVAILABLE")
    >>> throttled(story.case()) is None
    True
    >>> budget = Story()
    >>> for number in range(10):
    ...     code = ("b",) if number < 5 else ()
    ...     _ = budget.call(1.1 + number, "a:UNAVAILABLE", *code, code="OK" if code else "UNAVAILABLE")
    >>> throttled(budget.case()).suspects
    ('retry_throttling',)
    """
    failures = list(_failures(case))
    retried = [was for _, was in failures if was is not None]
    if not any(retried) or all(retried) or not retried[0]:
        return None
    first = retried.index(False)
    withheld = len(retried) - sum(retried)
    if not any(retried[first:]) and withheld > 1:
        seen = f"the first {many(first, 'failure')} were retried, the {withheld} after that were not"
        return likely("retry_throttling", seen, "a retry policy alone would not stop permanently")
    if withheld < 2 or not any(_explains(failures, tokens, ratio) for tokens, ratio in product(TOKENS, (*RATIOS, 1.0))):
        return None
    seen = f"{withheld} of {many(len(retried), 'failure')} were not retried, each where a retry budget is used up"
    return likely("retry_throttling", seen, "chance alone would hardly leave out just these")


def _failures(case: Case) -> Iterator[tuple[bool, bool | None]]:
    """
    Yield for each attempt in the order in which they ended whether it failed, and whether it was retried.

    The latter is None where no budget decides: it did not fail with a retryable code, was the last one that is allowed,
    or had an answer begun, or ended at its deadline.
    """
    codes = case.promises.retryable_codes
    found = []
    kills = {kill.on: kill for kill in case.faults_of("kill")}
    most = min(case.max_attempts, max((len(call.attempts) for call in case.all_calls), default=0))  # its own limit
    for call in case.all_calls:
        for number, attempt in enumerate(call.attempts, start=1):
            last = number == len(call.attempts)
            ends = attempt.at + planned_delay(attempt)
            kill = kills.get(attempt.replica)
            ends = min(ends, kill.asked) if kill and attempt.at < kill.asked else ends
            failed = not last or (not call.ok and (attempt.code in codes or call.code in codes))
            open_to = failed and number < most and ":headers" not in call.id
            open_to = open_to and call.code != "DEADLINE_EXCEEDED"  # a backoff may have been too long for it
            found.append((ends, last, failed, not last if open_to else None))
    for _, _, failed, was in sorted(found, key=lambda one: one[:2]):  # of those that end together, retried ones first
        yield failed, was


def _explains(failures: Sequence[tuple[bool, bool | None]], most: float, ratio: float) -> bool:
    """Say whether a budget of so many tokens would have decided each time as it was seen."""
    tokens = most
    for failed, was in failures:
        tokens = max(0.0, tokens - 1) if failed else min(most, tokens + ratio)
        if was is not None and was is not (tokens > most / 2 + 1e-9):
            return False
    return True


@general(204)
def backs_off_past_deadline(case: Case) -> Finding | None:
    """
    Calls that failed with a retryable code were not retried, and ended only at their deadline: they waited for a retry.

    >>> story = Story()
    >>> for number in range(3):
    ...     _ = story.call(1.1 + 2 * number, "a:UNAVAILABLE", code="DEADLINE_EXCEEDED", took=1.5, plan="UNAVAILABLE")
    >>> backs_off_past_deadline(story.case()).suspects
    ('long_backoff',)
    >>> backs_off_past_deadline(Story().call(1.1, "a:UNAVAILABLE", code="UNAVAILABLE").case()) is None
    True
    """
    waited = [
        call
        for call in case.calls
        if 0 < len(call.attempts) < case.max_attempts
        and call.attempts[-1].code in case.promises.retryable_codes
        and ":headers" not in call.id
        and call.code in {"DEADLINE_EXCEEDED", None}
        and call.received - call.attempts[-1].at
        > max(case.deadline / 2, 2 * case.promises.waits(len(call.attempts))[1])
    ]
    if len(waited) < 2:
        return None
    longest = max(call.received - call.attempts[-1].at for call in waited)
    seen = (
        f"{many(len(waited), 'call')} failed with a retryable code, and ended at their deadline up to {longest:.2f} s "
    )
    seen += f"later without another attempt; a first backoff of {case.promises.initial_backoff:g} s is promised"
    return likely("long_backoff", seen, "a retry that is due and never happens would look the same")


def waits_or_backs_off(case: Case, seen: str, because: str) -> Finding:
    """
    Return why calls that no replica can serve lasted until their deadline: they wait for one, or for a retry.

    Retries after the promised backoffs, or none at all, rule out the latter.
    """
    gaps = [later.at - earlier.at for call in case.retried for earlier, later in pairwise(call.attempts)]
    if case.max_attempts < 2 or (gaps and max(gaps) <= 2 * case.promises.max_backoff):
        return likely("wait_for_ready", seen, because)
    which = "how long a gateway waits before it retries a call that a replica has failed"
    return undecided(("wait_for_ready", "long_backoff"), seen, which)
