"""UNAVAILABLE is retried as the retry policy promises, other codes are not; attempts are counted in the ledgers."""

from itertools import pairwise
from statistics import median

import pytest

from tests.behaviours.distribution.controls import ANOTHER_SERVICE, BY_NUMBER, CARRIES_NOTHING, CHANNEL_POOL, WRAPPED
from tests.behaviours.mutants import NO_DEADLINE, NO_RETRY, NO_RETRY_BY_GRPC, NO_RETRY_BY_STDIO, NO_RETRY_UNTOLD
from tests.behaviours.retry import causes, causes_missing
from tests.behaviours.retry.controls import EJECTOR, PATIENT, THROTTLED
from tests.behaviours.retry.controls_application import (
    AUTHORIZED,
    BREAKER,
    FULL_JITTER,
    HEDGER,
    LOOP,
    ONE_STATUS_UNSAID,
)
from tests.behaviours.retry.mutants import (
    APPLICATION_RETRY,
    AUTHORIZES_ONCE,
    FIXED_BACKOFF,
    NO_BACKOFF,
    ONE_FEWER,
    ONE_MORE,
    OPENS_A_BREAKER,
    PER_ATTEMPT_DEADLINE,
    RELABELS_CODES,
    RETRIES_EVERYTHING,
    RETRIES_TOO,
    RETRY_WRONG_SERVICE,
    RETRY_WRONG_SERVICE_ELSEWHERE,
)
from tests.behaviours.retry.mutants_backoff import WIDE_JITTER
from tests.harness.behaviour import (
    TIMER,
    Budgets,
    Environment,
    Measured,
    Orders,
    Promises,
    Replica,
    eventually,
    explained_by,
    longest_timeout_received,
    most_failures,
    records_stay,
)

NO_RETRY_POLICY = '{"loadBalancingConfig":[{"round_robin":{}}]}'


@pytest.mark.claims(
    "RT-01",
    "RT-02",
    "RT-27",
    "F46",
    source="gRFC A6, Retryable Status Codes, Maximum Number of Retries, Retry Internals",
)
@pytest.mark.catches(
    NO_RETRY,
    NO_RETRY_BY_GRPC,
    NO_RETRY_BY_STDIO,
    NO_RETRY_UNTOLD,
    RETRY_WRONG_SERVICE,
    RETRY_WRONG_SERVICE_ELSEWHERE,
    ONE_MORE,
    ONE_FEWER,
    AUTHORIZES_ONCE,
)
@pytest.mark.acquits(
    THROTTLED,
    BREAKER,
    EJECTOR,
    HEDGER,
    LOOP,
    WRAPPED,
    PATIENT,
    ANOTHER_SERVICE,
    BY_NUMBER,
    CARRIES_NOTHING,
    AUTHORIZED,
)
def test_a_retryable_code_is_retried_up_to_max_attempts(
    orders: Orders, promises: Promises, retryable_code: str, measured: Measured
) -> None:
    """A call that fails with a retryable code every time makes exactly maxAttempts attempts."""
    calls = promises.sparing(3)
    block = orders.place(calls, plan=retryable_code, callers=calls)
    measured(f"attempts {[len(trail) for trail in block.trails]}", bound=f"{promises.max_attempts} each")

    assert [len(trail) for trail in block.trails] == [promises.max_attempts] * calls
    assert not any(reply.ok for reply in block.replies)


@pytest.mark.claims("RT-01", "F46", source="gRFC A6, Retryable Status Codes")
@pytest.mark.catches(*RETRIES_TOO, RETRIES_EVERYTHING)
@pytest.mark.acquits(THROTTLED, BREAKER)
@explained_by(causes.non_retryable_code)
@pytest.mark.vacuous_without("retries")
def test_a_non_retryable_code_is_not_retried(
    orders: Orders, promises: Promises, other_code: str, measured: Measured
) -> None:
    """A call that fails with a non-retryable code makes exactly one attempt."""
    block = orders.place(promises.sparing(3), plan=other_code)
    measured(f"attempts {[len(trail) for trail in block.trails]}", bound="1 each")

    assert {len(trail) for trail in block.trails} == {1}


@pytest.fixture
def reported_code(orders: Orders, promises: Promises, other_code: str) -> str:
    """
    Return a non-retryable code, if the replies of the subject carry it; they need not carry codes.

    A status that came for another code too carries neither of them.
    """
    (reply,) = orders.place(plan=other_code).replies
    if reply.code is None:
        pytest.skip(f"its replies do not carry {other_code}")
    if reply.code != other_code and not reply.names_its_code:
        third = next(code for code in promises.other_codes if code not in {other_code, reply.code})
        (compared,) = orders.place(plan=third).replies
        if compared.status == reply.status:
            pytest.skip(f"its replies do not carry {other_code}: {third} has the status {reply.status} too")
    return other_code


@pytest.mark.claims("F41", source="docs/reference/contract.md: how a failure carries its code")
@pytest.mark.catches(RELABELS_CODES)
@pytest.mark.acquits(BREAKER, ONE_STATUS_UNSAID)
@explained_by(causes.code_changed)
def test_a_status_code_reaches_the_caller_unchanged(
    orders: Orders, promises: Promises, reported_code: str, measured: Measured
) -> None:
    """The caller receives the status code with which its call failed."""
    block = orders.place(promises.sparing(3), plan=reported_code)
    measured(f"{[reply.code for reply in block.replies]}", bound=reported_code)

    assert {reply.code for reply in block.replies} == {reported_code}


@pytest.mark.claims("RT-05", source="gRFC A6, Exponential Backoff")
@pytest.mark.catches(NO_BACKOFF, FIXED_BACKOFF, NO_RETRY, WIDE_JITTER, OPENS_A_BREAKER)
@pytest.mark.acquits(FULL_JITTER, LOOP)
@explained_by(causes_missing.no_retry, causes_missing.throttled, causes.attempt_count, causes.backoff)
@pytest.mark.promised("retries", "sustained retries", "no hedging")
def test_retry_backoff_grows_as_promised(
    orders: Orders, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """Retries wait their backoff, give or take its jitter, and each further one waits longer by the multiplier."""
    block = orders.place(15, plan="UNAVAILABLE", rate=20)
    gaps = [[b.arrived - a.arrived for a, b in pairwise(trail)] for trail in block.trails]
    medians = [median(waits) for waits in zip(*gaps, strict=False)]
    due = [promises.waits(retry) for retry in range(1, promises.max_attempts)]
    bound = ", ".join(f"{least * 1000:.0f} to {most * 1000:.0f} ms" for least, most in due)
    measured("median waits " + ", ".join(f"{gap * 1000:.0f} ms" for gap in medians), bound=bound)

    assert len(medians) == promises.max_attempts - 1
    for middle, waits, (least, most) in zip(medians, zip(*gaps, strict=True), due, strict=True):
        assert min(waits) >= least - TIMER
        assert middle <= most + budgets.lag


@pytest.mark.claims("RT-06", source="gRFC A6, Exposed Retry Metadata")
@pytest.mark.catches(APPLICATION_RETRY, NO_RETRY)
@explained_by(causes_missing.no_retry, causes_missing.throttled, causes.unnumbered)
@pytest.mark.promised("retries")
@pytest.mark.feature("previous-attempts")
def test_each_retry_carries_the_previous_attempt_count(orders: Orders, promises: Promises, measured: Measured) -> None:
    """The first attempt carries no grpc-previous-rpc-attempts header, the retries carry 1, 2 and so on."""
    calls = promises.sparing(3)
    block = orders.place(calls, plan="UNAVAILABLE", callers=calls)
    carried = [[attempt.previous_attempts for attempt in trail] for trail in block.trails]
    measured(f"previous attempts {carried[0]}", bound=f"{[None, *range(1, promises.max_attempts)]}")

    assert carried == [[None, *range(1, promises.max_attempts)]] * calls


@pytest.mark.claims("RT-07", source="gRFC A6, Retry Policy")
@pytest.mark.catches(NO_RETRY, ONE_FEWER)
@pytest.mark.promised("retries")
@pytest.mark.feature("previous-attempts")
def test_a_success_ends_the_retries(orders: Orders, promises: Promises, measured: Measured) -> None:
    """A call whose last allowed attempt succeeds makes no further attempts, and its caller sees the success."""
    calls = promises.sparing(3)
    block = orders.place(calls, plan="UNAVAILABLE," * (promises.max_attempts - 1) + "OK", callers=calls)
    measured(
        f"attempts {[len(trail) for trail in block.trails]}, {len(block.failed)} calls failed",
        bound=f"{promises.max_attempts} each, none failed",
    )

    assert not block.failed
    assert [len(trail) for trail in block.trails] == [promises.max_attempts] * calls


@pytest.mark.claims("RT-08", source="gRFC A6, Configuration Language")
@pytest.mark.catches(APPLICATION_RETRY)
@explained_by(causes.without_policy)
@pytest.mark.promised("no application retries", "no hedging")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=NO_RETRY_POLICY)
@pytest.mark.vacuous_without("retries")
def test_without_a_retry_policy_nothing_is_retried(orders: Orders, measured: Measured) -> None:
    """Without a retry policy in the service config, a call that fails UNAVAILABLE makes one attempt."""
    block = orders.place(3, plan="UNAVAILABLE")
    measured(f"attempts {[len(trail) for trail in block.trails]}", bound="1 each")

    assert [len(trail) for trail in block.trails] == [1, 1, 1]


@pytest.mark.claims("RT-09", "F49", source="gRFC A6, When Retries are Valid")
@pytest.mark.catches(APPLICATION_RETRY)
@pytest.mark.acquits(THROTTLED)
@explained_by(causes.committed)
@pytest.mark.promised("no application retries", "no hedging")
@pytest.mark.vacuous_without("retries")
def test_a_call_is_not_retried_after_response_headers(orders: Orders, promises: Promises, measured: Measured) -> None:
    """A call is committed once response headers have arrived: UNAVAILABLE after them is not retried."""
    block = orders.place(promises.sparing(3), plan="UNAVAILABLE:headers")
    measured(f"attempts {[len(trail) for trail in block.trails]}", bound="1 each")

    assert {len(trail) for trail in block.trails} == {1}


@pytest.mark.claims("RT-22", source="gRFC A6, Transparent Retries, case 1")
@pytest.mark.catches(NO_RETRY)
@pytest.mark.acquits(FULL_JITTER)
@pytest.mark.promised("retries", "fail fast", "sustained retries", "no hedging")
@records_stay
def test_calls_without_a_ready_replica_are_retried(
    orders: Orders, replicas: list[Replica], promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """With all replicas down a call fails only after the backoffs of all its retries: a failed pick is UNAVAILABLE."""
    for replica in replicas:
        replica.kill()
    orders.place()  # this call may still use the connections as they break
    took = [reply.seconds for reply in orders.place(5, callers=5).replies]
    least, most = promises.shortest_backoffs - TIMER, budgets.fail_fast
    measured(f"failed after {', '.join(f'{seconds:.2f}' for seconds in took)} s", bound=f"{least:.2f} to {most:.2f} s")

    assert min(took) >= least
    assert max(took) <= most


@pytest.mark.claims("RT-24", "F41", source="gRFC A6, Where Retries Occur")
@pytest.mark.catches(NO_RETRY)
@pytest.mark.acquits(LOOP, CHANNEL_POOL)
@pytest.mark.promised("round_robin", "retries", "sustained retries")
@pytest.mark.given_spread_calls
def test_a_serial_caller_never_sees_a_failing_replica(
    orders: Orders, struck: Replica, names: list[str], measured: Measured
) -> None:
    """One replica that fails every call UNAVAILABLE fails no calls of a serial caller: another answers the retry."""
    block = orders.place(4 * len(names), plan=f"UNAVAILABLE@{struck.name}")
    retried = [trail for trail in block.trails if len(trail) > 1]
    measured(f"{len(block.failed)} of {len(block.replies)} calls failed, {len(retried)} retried", bound="none failed")

    assert not block.failed
    assert retried


@pytest.mark.claims("RT-24", source="gRFC A6, Where Retries Occur")
@pytest.mark.catches(NO_RETRY, ONE_FEWER)
@pytest.mark.promised("round_robin", "retries", "sustained retries")
@pytest.mark.given_spread_calls
def test_concurrent_callers_rarely_see_a_failing_replica(
    orders: Orders, promises: Promises, struck: Replica, names: list[str], measured: Measured
) -> None:
    """
    Each attempt of concurrent callers hits the failing replica by chance, and all attempts of a call rarely do.

    A call that failed made all its attempts: with a retry fewer, calls fail rarely enough to pass by their number.
    """
    calls = 40 * len(names)
    block = orders.place(calls, callers=16, plan=f"UNAVAILABLE@{struck.name}")
    allowed = most_failures(calls, len(names) ** -promises.max_attempts)
    ended = [(reply, len(trail)) for reply, trail in zip(block.replies, block.trails, strict=True) if not reply.ok]
    early = [
        reply
        for reply, attempts in ended
        if attempts < promises.max_attempts and reply.named_code != "DEADLINE_EXCEEDED"
    ]
    measured(
        f"{len(block.failed)} of {calls} calls failed, {len(early)} before their last attempt",
        bound=f"at most {allowed}, each after {promises.max_attempts} attempts",
    )

    assert not early
    assert len(block.failed) <= allowed


@pytest.mark.claims("F41", "F52", source="the article's GRPC_FORCE_UNAVAILABLE scene; gRFC A6")
@pytest.mark.catches(NO_RETRY)
@pytest.mark.promised("round_robin", "retries", "sustained retries")
@pytest.mark.given_spread_calls
def test_a_permanently_failing_replica_is_invisible_to_callers(
    orders: Orders,
    environment: Environment,
    struck: Replica,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A connected replica that answers every call UNAVAILABLE fails no calls of a serial caller."""
    struck.kill()
    struck.start(GRPC_FORCE_UNAVAILABLE="true")
    environment.fresh_gateway()
    for look in eventually(within=budgets.reconnect):
        with look:
            assert struck.name in orders.place(len(names)).tally.counts, "it gets no calls to refuse"
    block = orders.place(4 * len(names))
    refused = block.tally.counts.get(struck.name, 0)
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed, {refused} attempts refused", bound="none failed"
    )

    assert not block.failed
    assert refused


@pytest.mark.claims("RT-16", "F42", "F54", source="gRFC A6: the deadline spans all attempts")
@pytest.mark.catches(NO_DEADLINE, PER_ATTEMPT_DEADLINE)
@pytest.mark.acquits(ONE_STATUS_UNSAID)
@explained_by(causes.no_deadline, causes.per_attempt_deadline, causes.wrong_deadline)
@pytest.mark.promised("retries", "deadline", "one deadline", "no hedging")
@pytest.mark.feature("previous-attempts")
def test_one_deadline_covers_all_attempts(
    orders: Orders, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A call whose first attempt takes half the deadline and whose second one hangs ends at the deadline."""
    half = int(promises.call_timeout * 500)
    block = orders.place(1, plan=f"UNAVAILABLE:delay={half},HANG")
    (reply,), (trail,) = block.replies, block.trails
    left = [attempt.deadline_left or 0.0 for attempt in trail]
    least, most = budgets.deadline
    measured(
        f"{reply.code} after {reply.seconds:.2f} s, deadlines received: {[round(seconds, 2) for seconds in left]} s",
        bound=f"after {least:.2f} to {most:.2f} s",
    )

    assert least <= reply.seconds <= most
    assert not reply.ok
    assert reply.named_code in ("DEADLINE_EXCEEDED", None)
    assert left[-1] <= longest_timeout_received(promises.call_timeout - half / 1000)
