"""Calls that were not retried: no policy, a budget that is used up, a breaker; and those that wait for too long."""

from dataclasses import replace

import pytest

from tests.behaviours.recovery import causes as recovery
from tests.behaviours.retry import causes as retry
from tests.behaviours.retry import causes_missing as missing
from tests.harness.causes.case import Case, Sureness
from tests.harness.causes.explain import explain
from tests.harness.evidence.history import History
from tests.unit.helpers.story import FAILS, PROMISES, Story, in_turn, outage, suspects


def failing(story: Story, at: float, *counts: int) -> Story:
    """Let calls fail at every replica after so many attempts."""
    for number, count in enumerate(counts):
        story.call(at + number, *FAILS[:count], code="UNAVAILABLE", plan="UNAVAILABLE", gaps=(0.1, 0.2))
    return story


def test_a_gateway_that_retried_anything_has_a_retry_policy() -> None:
    """One call that was retried and served contradicts "no call of this gateway was retried"."""
    story = failing(Story().call(1.05, "a:UNAVAILABLE", "b"), 1.2, 1, 1, 1)

    assert missing.no_retry(story.case()) is None
    assert explain(story.case(), "go").suspects == ("retry_throttling",)


def test_a_call_that_is_served_after_its_replica_died_was_retried() -> None:
    """The ledger has the planned OK of the attempt that ended with its replica; others were not retried any more."""
    story = Story().verb(1.3, "kill", "a").call(1.2, "a", "b", plan="OK:delay=300", gaps=(0.25,), previous=False)
    for number in range(3):
        story.call(1.21 + number / 100, "a", code="UNAVAILABLE", took=0.12, plan="OK:delay=300")

    assert missing.no_retry(story.case()) is None


def test_a_budget_that_fills_up_again_is_a_budget() -> None:
    """Ten tokens, a tenth of a token back for each success: retries stop at half of them, and come back later."""
    story, tokens = Story(), 10.0
    for number in range(120):
        fails = number % 3 > 0 and number % 100 < 20
        tokens = max(0.0, tokens - 1) if fails else min(10.0, tokens + 0.1)
        retried = fails and tokens > 5 + 1e-9
        story.call(
            1.1 + number,
            *(("a:UNAVAILABLE", "b") if retried else ("a:UNAVAILABLE",) if fails else ("b",)),
            code="UNAVAILABLE" if fails and not retried else "OK",
        )
        tokens = min(10.0, tokens + 0.1) if retried else tokens
    finding = missing.throttled(story.case())

    assert suspects(finding) == ("retry_throttling",)
    assert finding is not None
    assert "each where a retry budget is used up" in finding.seen


def test_one_attempt_fewer_is_no_used_up_budget() -> None:
    """Each call is retried once, and none twice: that is its maxAttempts."""
    assert missing.throttled(failing(Story(), 1.1, 2, 2, 2, 2).case()) is None


def test_a_backoff_that_outlasts_the_deadline_is_no_used_up_budget() -> None:
    """The first call was retried in time, and the deadline of the others ended while they waited."""
    story = Story().call(1.1, "a:UNAVAILABLE", "b")
    for number in range(4):
        story.call(3.1 + 2 * number, "a:UNAVAILABLE", code="DEADLINE_EXCEEDED", took=1.5)

    assert missing.throttled(story.case()) is None


def breaker(*, down: bool) -> Story:
    """Return five calls that failed after their retries, and ten that the gateway then failed itself."""
    story = Story().asked(0.4)
    for number, name in enumerate("abc" if down else ""):
        story.verb(1.05 + number / 100, "kill", name)
    for number in range(5):
        story.call(1.2 + number / 100, code="UNAVAILABLE", took=0.32) if down else failing(story, 1.2 + number, 3)
    for number in range(10):
        story.call(7.0 + number / 10, code="UNAVAILABLE", took=0.003)
    return story


def test_calls_that_fail_without_an_attempt_while_replicas_are_up_met_a_breaker() -> None:
    """A retry budget would have let each of them make one attempt."""
    finding = missing.circuit_breaker(breaker(down=False).case())

    assert suspects(finding) == ("circuit_breaker",)
    assert finding is not None
    assert finding.seen.startswith("after 5 failed calls, 10 failed within 3 ms and without an attempt")


def test_in_an_outage_a_breaker_and_a_used_up_budget_look_the_same() -> None:
    """The first calls waited for their retries, so there is a policy; later ones fail immediately."""
    case = breaker(down=True).case()

    assert suspects(missing.circuit_breaker(case)) == ("circuit_breaker", "retry_throttling")
    assert explain(case, "go").suspects == ("circuit_breaker", "retry_throttling")


def test_a_gateway_that_never_waited_in_an_outage_has_no_policy() -> None:
    """All calls failed immediately, from the first one on."""
    case = outage("UNAVAILABLE", 0.01).case()

    assert missing.circuit_breaker(case) is None
    assert explain(case, "go").suspects == ("no_retry_policy",)


def test_a_gateway_with_a_past_may_have_used_its_budget_up() -> None:
    """In an outage, of a gateway that was there before, two causes look the same."""
    story = Story(fresh=False)
    for name in "abc":
        story.verb(1.1, "kill", name)
    for number in range(5):
        story.call(1.4 + number / 10, code="UNAVAILABLE", took=0.01)
    finding = missing.failed_at_once(story.case())

    assert suspects(finding) == ("no_retry_policy", "retry_throttling")
    assert finding is not None
    assert finding.sureness is Sureness.UNDECIDED


@pytest.mark.parametrize(("gap", "named"), [(0.1, ("wait_for_ready",)), (3.0, ("wait_for_ready", "long_backoff"))])
def test_retries_in_time_rule_a_long_backoff_out(gap: float, named: tuple[str, ...]) -> None:
    """A call that was retried as promised before the outage shows that the calls in it wait for a replica."""
    story = Story().call(1.01, "a:UNAVAILABLE", "b", gaps=(gap,)).asked(0.4)
    for name in "abc":
        story.verb(1.2, "kill", name)
    for number in range(5):
        story.call(1.4 + number / 100, code="DEADLINE_EXCEEDED", took=1.5)

    assert suspects(recovery.waits_for_ready(story.case())) == named


def test_a_library_without_numbers_proves_no_loop() -> None:
    """A subject that declared grpc-previous-rpc-attempts unsupported has it on none of its retries."""
    story = Story().asked(0.4)
    for number in range(6):
        story.call(1.1 + number, *FAILS[:4], code="UNAVAILABLE", plan="UNAVAILABLE", previous=False)
    without = Case(History(story.case().history.events), PROMISES, frozenset({"previous-attempts"}))

    assert suspects(retry.attempt_count(story.case())) == ("application_retry",)
    assert suspects(retry.attempt_count(without)) == ("more_attempts",)
    assert retry.unnumbered(without) is None


@pytest.mark.parametrize(
    ("calls", "first", "second", "cause"),
    [
        (30, 0.1, 0.16, ("slow_backoff_growth",)),
        (6, 0.1, 0.16, ()),
        (6, 0.1, 0.105, ("constant_backoff",)),
        (6, 0.1, 0.4, ("steep_backoff",)),
        (30, 0.1, 0.19, ()),
    ],
)
def test_a_growth_between_none_and_the_promised_one(
    calls: int, first: float, second: float, cause: tuple[str, ...]
) -> None:
    """A factor of 1.6 is neither constant nor the promised 2, but few calls have it by jitter; 1.9 always is jitter."""
    story = Story()
    for number in range(calls):
        story.call(1.1 + number, *FAILS[:3], code="UNAVAILABLE", plan="UNAVAILABLE", gaps=(first, second))

    assert suspects(retry.backoff(story.case())) == cause


def test_a_jitter_of_half_the_backoff_is_too_wide() -> None:
    """From 50 to 150 ms, around a median of 100 ms."""
    story = Story()
    for number in range(20):
        first = 0.05 + 0.1 * number / 19
        story.call(1.1 + number, *FAILS[:3], code="UNAVAILABLE", plan="UNAVAILABLE", gaps=(first, 0.2))

    assert suspects(retry.backoff(story.case())) == ("wide_jitter",)


def test_a_backoff_that_is_a_little_short_has_no_wide_jitter() -> None:
    """From 56 to 84 ms: its jitter is as promised, and the backoff is not."""
    story = Story()
    for number in range(20):
        gaps = (0.056 + 0.028 * number / 19, 0.14)
        story.call(1.1 + number, *FAILS[:3], code="UNAVAILABLE", plan="UNAVAILABLE", gaps=gaps)

    assert suspects(retry.backoff(story.case())) == ("short_backoff",)


def test_a_few_retries_on_one_replica_are_chance() -> None:
    """One call in nine has both of its retries on the replica that failed it."""
    story = (
        Story().calls(1.0, *in_turn(6)).call(1.2, "a:UNAVAILABLE", "a:UNAVAILABLE", "a:UNAVAILABLE", code="UNAVAILABLE")
    )

    assert retry.retried_on_same_replica(story.case()) is None


def test_retries_of_a_caller_that_is_tied_to_a_replica_are_not_the_retries_fault() -> None:
    """All its calls go there."""
    story = Story()
    for number in range(9):
        story.call(1.1 + number, "a:UNAVAILABLE", "a:UNAVAILABLE", "a:UNAVAILABLE", code="UNAVAILABLE")

    assert retry.retried_on_same_replica(story.case()) is None
    assert suspects(retry.attempt_count(story.case(replace(PROMISES, max_attempts=2)))) == ("more_attempts",)


@pytest.mark.parametrize(
    ("left", "named"),
    [
        (None, ("no_deadline",)),
        (5.0, ("wrong_deadline",)),
        (1.4, ("unanswered",)),
    ],
)
def test_what_other_calls_carry_tells_why_one_lasted_past_its_deadline(
    left: float | None, named: tuple[str, ...]
) -> None:
    """No deadline, a longer one, or the promised one, which then does not apply where the call waits."""
    case = Story().call(1.1, "a", left=(left,)).case()

    assert suspects(retry.past_deadline(case, "seen", "unanswered")) == named
    assert suspects(retry.past_deadline(Story().case(), "seen", "unanswered")) == ("no_deadline", "wrong_deadline")
