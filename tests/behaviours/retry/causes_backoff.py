"""Why the retry backoff of many calls has another shape than promised."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from tests.harness.causes.case import LATE, Case, Finding, certain, likely
from tests.harness.judges.retry_backoff import allowed_growth, growth, jitter_faults, spreads
from tests.harness.subject.promises import JITTER, TIMER
from tests.harness.subject.service_configs import seconds

ENOUGH = 20
"""Calls below which a shape means nothing."""


def _waits(case: Case, retries: int) -> list[list[float]]:
    """Return the seconds between the attempts of each call that made so many retries."""
    waits = [[b.at - a.at for a, b in pairwise(call.attempts)] for call in case.calls]
    return [each for each in waits if len(each) >= retries]


def _ms(waits: Sequence[float]) -> str:
    return f"{median(waits) * 1000:.0f}"


def no_retry_jitter(case: Case) -> Finding | None:
    """
    Many calls waited equally long before the same retry.

    >>> story, apart = Story(), Story()
    >>> for number in range(40):
    ...     _ = story.call(1.1 + number, "a:UNAVAILABLE", "b:UNAVAILABLE", gaps=(0.1 + number % 3 / 1000,))
    ...     _ = apart.call(1.1 + number, "a:UNAVAILABLE", "b:UNAVAILABLE", gaps=(0.08 + number / 1000,))
    >>> no_retry_jitter(story.case()).suspects
    ('no_retry_jitter',)
    >>> no_retry_jitter(apart.case()) is None
    True
    """
    waits = _waits(case, 1)
    if len(waits) < ENOUGH or not jitter_faults(waits, case.promises):
        return None
    found = spreads(waits, case.promises)
    seen = f"three quarters of {len(waits)} calls waited equally long before a retry, "
    seen += f"to within {_each(spread for spread, _ in found)} ms; with the promised jitter they differ by more than "
    seen += f"{_each(least for _, least in found)} ms"
    return certain("no_retry_jitter", seen, "the machine can only set retries further apart")


def _each(seconds: Iterable[float]) -> str:
    return " and ".join(f"{each * 1000:.0f}" for each in seconds)


def other_growth(case: Case) -> Finding | None:
    """
    The second retries of many calls did not wait for as much longer than the first as promised.

    >>> constant, steep, right = Story(), Story(), Story()
    >>> fails = ("a:UNAVAILABLE", "b:UNAVAILABLE", "c:UNAVAILABLE")
    >>> for number in range(80):
    ...     _ = constant.call(1.1 + number, *fails, gaps=(0.2, 0.2))
    ...     _ = steep.call(1.1 + number, *fails, gaps=(0.1, 0.3))
    ...     _ = right.call(1.1 + number, *fails, gaps=(0.1, 0.2))
    >>> other_growth(constant.case()).suspects, other_growth(steep.case()).suspects
    (('constant_backoff',), ('steep_backoff',))
    >>> other_growth(right.case()) is None
    True
    """
    waits = _waits(case, 2)
    if len(waits) < ENOUGH:
        return None
    grew, (least, most) = growth(waits), allowed_growth(len(waits), case.promises, LATE / 4)
    first, second = (median(each[number] for each in waits) for number in (0, 1))
    seen = f"the median first and second retries of {len(waits)} calls waited {first * 1000:.0f} and "
    seen += f"{second * 1000:.0f} ms; a factor of {case.promises.backoff_multiplier:g} is promised"
    shortest, longest = case.promises.waits(1)
    if grew < least and second / first < 1 + (case.promises.backoff_multiplier - 1) / 4:
        return certain("constant_backoff", seen, "what delays one retry delays the other, so the backoff does not grow")
    if not shortest - TIMER <= first <= 1.5 * longest:
        because = f"the first retries should wait for {shortest * 1000:.0f} to {longest * 1000:.0f} ms"
        return certain("short_backoff" if first < shortest else "long_backoff", seen, because)
    if grew > most:
        return likely("steep_backoff", seen, "a machine that delays second retries alone would look the same")
    if grew < least:
        return likely("slow_backoff_growth", seen, "a machine that delays first retries alone would look the same")
    return None


def not_capped(case: Case) -> Finding | None:
    """
    The last retries of calls waited longer than the configured maxBackoff.

    >>> import json
    >>> capped = {"methodConfig": [{"retryPolicy": {"maxBackoff": "0.1s"}}]}
    >>> given = {"GRPC_SERVICE_CONFIG": json.dumps(capped)}
    >>> fails = ("a:UNAVAILABLE", "b:UNAVAILABLE", "c:UNAVAILABLE")
    >>> late, right = Story(gateway_variables=given), Story(gateway_variables=given)
    >>> for number in range(20):
    ...     _ = late.call(1.1 + number, *fails, gaps=(0.05, 0.5))
    ...     _ = right.call(1.1 + number, *fails, gaps=(0.05, 0.1))
    >>> not_capped(late.case()).suspects
    ('backoff_not_capped',)
    >>> not_capped(right.case()) is None
    True
    """
    policy = case.methods[0].get("retryPolicy", {}) if case.methods else {}
    last = [waits[-1] for waits in _waits(case, 2)]
    if "maxBackoff" not in policy or not last:
        return None
    longest = seconds(policy["maxBackoff"])
    if median(last) <= longest * (1 + JITTER) + LATE / 4:
        return None
    seen = f"the last retries waited {_ms(last)} ms; the configured maxBackoff is {longest * 1000:.0f} ms"
    return likely("backoff_not_capped", seen, "an extremely busy machine would be late too")
