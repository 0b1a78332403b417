"""The rules for calls that are retried too often, too seldom, too soon, the wrong way, or too long."""

from dataclasses import replace

import pytest

from tests.behaviours.retry import causes as retry
from tests.behaviours.retry import causes_missing as missing
from tests.harness.causes.case import Sureness
from tests.unit.helpers.story import FAILS, PROMISES, Story, outage, suspects


def failing(*counts: int, previous: bool = True, gaps: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.0)) -> Story:
    """Return calls that failed UNAVAILABLE each time after so many attempts."""
    story = Story().asked(0.4)
    for number, count in enumerate(counts):
        at = 1.1 + 3 * number
        story.call(at, *FAILS[:count], code="UNAVAILABLE", plan="UNAVAILABLE", previous=previous, gaps=gaps)
    return story


@pytest.mark.parametrize(
    "rule", [missing.no_retry, missing.throttled, retry.attempt_count, retry.unnumbered, retry.backoff]
)
def test_calls_that_are_retried_as_promised_give_no_rule_a_reason(rule: object) -> None:
    """Three attempts each, numbered, 100 and 200 ms apart."""
    assert callable(rule)
    assert rule(failing(*[3] * 8).case()) is None


def test_one_attempt_each_means_no_retry_policy() -> None:
    """No call was tried again: the policy is missing or names another service, and no one can say which."""
    finding = missing.no_retry(failing(1, 1, 1).case())

    assert suspects(finding) == ("no_retry_policy",)
    assert finding is not None
    assert finding.seen == "3 calls failed with UNAVAILABLE after 1 attempt each; up to 3 are promised"


def test_a_gateway_with_a_past_may_be_throttled() -> None:
    """One that was there before may have used its tokens up: then both are named, and what decides."""
    story = Story(fresh=False)
    story.call(1.1, "a:UNAVAILABLE", code="UNAVAILABLE", plan="UNAVAILABLE")
    finding = missing.no_retry(story.case())

    assert finding is not None
    assert finding.suspects == ("no_retry_policy", "retry_throttling")
    assert finding.sureness is Sureness.UNDECIDED
    finding = missing.no_retry(failing(1).case())
    assert finding is not None
    assert finding.sureness is Sureness.CERTAIN


def test_calls_that_died_with_their_replica_should_be_retried() -> None:
    """An attempt in flight at a replica when it was killed, and no other one."""
    story = Story().verb(1.3, "kill", "a").call(1.2, "a", code="UNAVAILABLE", took=0.12, plan="OK:delay=300")
    story.call(1.25, "b")

    assert suspects(missing.no_retry(story.case())) == ("no_retry_policy",)


def test_calls_that_fail_with_a_killed_replica_need_not_be_in_its_ledger() -> None:
    """They may be lost before they are written down; what fails before a backoff has passed was not tried again."""
    story = Story().verb(1.3, "kill", "a").call(1.299, code="UNAVAILABLE", took=0.01)
    finding = missing.no_retry(story.call(1.31, "b").case())

    assert suspects(finding) == ("no_retry_policy",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY
    story = Story().verb(1.3, "kill", "a").call(1.299, code="UNAVAILABLE", took=0.3)
    assert missing.no_retry(story.call(1.31, "b").case()) is None


def test_a_call_that_died_with_the_last_replica_may_have_been_retried() -> None:
    """With no one left, the ledgers hold no second attempt, regardless of what the gateway did."""
    story = Story().call(1.2, "a", code="UNAVAILABLE", took=0.4, plan="OK:delay=300")
    for number, name in enumerate("abc"):
        story.verb(1.3 + number / 100, "kill", name)

    assert missing.no_retry(story.case()) is None


def test_a_call_that_is_committed_need_not_be_tried_again() -> None:
    """One attempt is right once response headers have arrived."""
    story = Story().call(1.1, "a:UNAVAILABLE", code="UNAVAILABLE", plan="UNAVAILABLE:headers")

    assert missing.no_retry(story.case()) is None


def test_calls_that_fail_before_their_backoff_were_not_tried_again() -> None:
    """With no replica left, nothing but the time tells."""
    finding = missing.failed_at_once(outage("UNAVAILABLE", 0.01).case())

    assert suspects(finding) == ("no_retry_policy",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY
    assert missing.failed_at_once(outage("UNAVAILABLE", 0.3).case()) is None


def test_retries_that_stop_permanently_are_throttled() -> None:
    """The first calls are tried again, the later ones are not."""
    finding = missing.throttled(failing(3, 3, 1, 1, 1).case())

    assert suspects(finding) == ("retry_throttling",)
    assert finding is not None
    assert finding.seen == "the first 4 failures were retried, the 3 after that were not"


@pytest.mark.parametrize("counts", [(1, 1, 1), (3, 1, 3), (1, 3, 3)])
def test_retries_that_come_and_go_are_not_throttled(counts: tuple[int, ...]) -> None:
    """Only what ends permanently is."""
    assert missing.throttled(failing(*counts).case()) is None


@pytest.mark.parametrize(("count", "cause"), [(2, "fewer_attempts"), (4, "more_attempts")])
def test_another_number_of_attempts_is_another_max_attempts(count: int, cause: str) -> None:
    """Every call made the same number, and not the promised one."""
    assert suspects(retry.attempt_count(failing(count, count).case())) == (cause,)


def test_five_of_more_attempts_are_the_librarys_limit() -> None:
    """Six are promised, five is the most that a library makes."""
    case = failing(5, 5).case(replace(PROMISES, max_attempts=6, call_timeout=5.0))

    assert suspects(retry.attempt_count(case)) == ("library_limit",)


def test_a_count_that_restarts_is_a_retry_around_the_retries() -> None:
    """None, 1, 2, None, 1, 2: two rounds of three attempts."""
    story = Story()
    for number in range(6):
        previous = number % 3 or None
        members = {"replica": "a", "peer": "pa", "deadline_left": 1.0, "code": "UNAVAILABLE"}
        story.event(1.1 + number / 10, "replica attempt", id="o1-9", previous_attempts=previous, **members)
    order = {"sent": 1.1, "received": 1.7, "status": 503, "code": "UNAVAILABLE", "served_by": None, "message": ""}

    assert suspects(retry.attempt_count(story.event(1.1, "order", id="o1-9", **order).case())) == ("nested_retries",)


def test_attempts_that_do_not_count_are_the_applications() -> None:
    """Repeated attempts of one order without grpc-previous-rpc-attempts."""
    assert suspects(retry.unnumbered(failing(3, 3, previous=False).case())) == ("application_retry",)
    assert suspects(retry.attempt_count(failing(4, 4, previous=False).case())) == ("application_retry",)


def again(code: str, *, previous: bool, plan: str = "") -> Story:
    """Return calls that failed with this code and were tried again."""
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": '{"loadBalancingConfig":[{"round_robin":{}}]}'})
    for number in range(3):
        trail = [f"{name}:{code}" for name in "abc"]
        story.call(1.1 + number, *trail, code=code, plan=plan or code, previous=previous)
    return story


@pytest.mark.parametrize(("previous", "cause"), [(True, "extra_retryable_code"), (False, "application_retry")])
def test_a_non_retryable_code_that_is_retried(previous: bool, cause: str) -> None:  # noqa: FBT001, a parameter
    """Numbered attempts are gRPC's, so the code is listed; others are the application's."""
    finding = retry.non_retryable_code(again("ABORTED", previous=previous).case())

    assert suspects(finding) == (cause,)
    assert finding is not None
    assert finding.seen == "3 calls that failed with ABORTED made 3 attempts each; 1 is promised"


def test_a_promised_code_may_be_tried_again() -> None:
    """UNAVAILABLE is."""
    assert retry.non_retryable_code(again("UNAVAILABLE", previous=True).case()) is None


def test_a_committed_call_that_is_retried_is_the_applications() -> None:
    """Under no policy does gRPC do it."""
    story = again("UNAVAILABLE", previous=False, plan="UNAVAILABLE:headers")

    assert suspects(retry.committed(story.case())) == ("application_retry",)
    assert retry.committed(again("UNAVAILABLE", previous=False).case()) is None


@pytest.mark.parametrize(("previous", "cause"), [(True, "config_ignored"), (False, "application_retry")])
def test_retries_without_a_policy(previous: bool, cause: str) -> None:  # noqa: FBT001, a parameter
    """Numbered, they come from another service config; without numbers from the application."""
    assert suspects(retry.without_policy(again("UNAVAILABLE", previous=previous).case())) == (cause,)
    assert retry.without_policy(failing(3, 3).case()) is None


@pytest.mark.parametrize(
    ("gaps", "cause"),
    [((0.012, 0.022), "short_backoff"), ((0.1, 0.1), "constant_backoff"), ((0.4, 0.8), "long_backoff")],
)
def test_gaps_that_are_not_the_backoffs(gaps: tuple[float, ...], cause: str) -> None:
    """Too short, always the same, too long."""
    assert suspects(retry.backoff(failing(*[3] * 8, gaps=gaps).case())) == (cause,)


def test_gaps_between_nothing_and_the_backoff_are_full_jitter() -> None:
    """Spread over the whole of it, not a fifth around it."""
    story = Story()
    for number in range(15):
        gaps = (0.001 + 0.1 * number / 15, 0.2 * (1 - number / 15))
        story.call(1.1 + number, *FAILS[:3], code="UNAVAILABLE", plan="UNAVAILABLE", gaps=gaps)

    assert suspects(retry.backoff(story.case())) == ("full_jitter",)


def test_a_few_gaps_say_nothing() -> None:
    """Three calls are too few for a median."""
    assert retry.backoff(failing(3, 3, 3, gaps=(0.01, 0.02)).case()) is None


def late(*left: float | None, took: float = 2.6) -> Story:
    """Return a call whose attempts had so much time left."""
    attempts = ("a:UNAVAILABLE", "b:HANG", "c:HANG")[: len(left)]
    return Story().call(1.1, *attempts, code=None, took=took, left=left, gaps=(0.75, 0.9))


def test_attempts_without_a_deadline() -> None:
    """The call lasts, and no attempt carries one."""
    finding = retry.no_deadline(late(None, None).case())

    assert suspects(finding) == ("no_deadline",)
    assert finding is not None
    assert finding.seen == "1 call lasted up to 2.6 s, and none of 2 attempts carried a deadline; 1.5 s are promised"
    assert retry.no_deadline(late(1.5, 0.7).case()) is None
    assert retry.no_deadline(late(None, None, took=1.0).case()) is None


def test_attempts_that_each_have_the_whole_deadline() -> None:
    """The second attempt has as much time left as the first."""
    assert suspects(retry.per_attempt_deadline(late(1.5, 1.5, 1.5).case())) == ("per_attempt_deadline",)
    assert retry.per_attempt_deadline(late(1.5, 0.75).case()) is None


@pytest.mark.parametrize(("left", "cause"), [(0.9, ("wrong_deadline",)), (3.0, ("wrong_deadline",)), (1.4, ())])
def test_another_deadline_than_promised(left: float, cause: tuple[str, ...]) -> None:
    """The replicas see how much time a first attempt has left: 1.5 s are promised."""
    assert suspects(retry.wrong_deadline(Story().call(1.1, "a", left=(left,)).case())) == cause


def test_a_code_that_the_replicas_did_not_send() -> None:
    """The ledgers hold what they sent."""
    story = Story().call(1.1, "a:ABORTED", code="UNAVAILABLE").call(1.2, "b:ABORTED", code="ABORTED")
    finding = retry.code_changed(story.case())

    assert suspects(finding) == ("code_changed",)
    assert finding is not None
    assert finding.seen == "ABORTED was reported as UNAVAILABLE for 1 of 2 calls"


def test_a_call_that_ran_out_of_time_may_end_with_another_code() -> None:
    """DEADLINE_EXCEEDED is the client's own."""
    story = Story().call(1.1, "a:ABORTED", code="DEADLINE_EXCEEDED", took=1.5)

    assert retry.code_changed(story.case()) is None
