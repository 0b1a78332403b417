"""The rules for calls that wait longer, or not as long, as they should."""

from collections.abc import Mapping

import pytest

from services.gateway.channel import SERVICE_CONFIG
from tests.behaviours.deadlines import causes as deadlines
from tests.behaviours.deadlines.mutants import HASTE, HASTY_CONFIG, PATIENT_CONFIG, WAITING_CONFIG
from tests.harness.subject.service_configs import Config, written
from tests.unit.helpers.story import NAMES, Story, suspects

TO_WAIT = {"WAIT_FOR_READY": "true"}


def nobody(
    code: str | None, took: float, *, verb: str = "kill", of: str = "abc", given: Mapping[str, str] | None = None
) -> Story:
    """Return an outage of these replicas, and calls that end like this."""
    story = Story(gateway_variables=dict(given or {})).asked(0.4)
    for number, name in enumerate(of):
        story.verb(1.1 + number / 100, verb, name)
    for number in range(3):
        story.call(1.2 + number / 100, code=code, took=took)
    return story


@pytest.mark.parametrize("verb", ["kill", "pause"])
def test_calls_that_outlast_their_deadline_have_none(verb: str) -> None:
    """No one is there to answer, and the caller gave up."""
    finding = deadlines.never_ended(nobody(None, 2.7, verb=verb).case())

    assert suspects(finding) == ("no_deadline", "wrong_deadline")
    assert finding is not None
    assert finding.seen == "with no replica answering, 3 of 3 calls lasted 2.7 s or longer; the deadline is 1.5 s"


def test_replicas_that_fell_silent_before_the_gateway_began_are_silent() -> None:
    """A fresh gateway finds them so."""
    story = Story(fresh=False).asked(0.4)
    for number, name in enumerate(NAMES):
        story.verb(1.1 + number / 100, "pause", name)
    story.verb(1.2, "fresh gateway", "gateway").call(1.6, code=None, took=2.7)

    assert suspects(deadlines.never_ended(story.case())) == ("no_deadline", "wrong_deadline")


def test_calls_that_end_at_their_deadline_have_one() -> None:
    """And if a replica is there and calls last, another rule has to explain why."""
    assert deadlines.never_ended(nobody("DEADLINE_EXCEEDED", 1.5).case()) is None
    assert deadlines.never_ended(nobody(None, 2.7, of="ab").case()) is None


def hanging(left: float | None, took: float = 1.5) -> Story:
    """Return calls whose replica receives this deadline, and does not answer."""
    story = Story()
    for number in range(3):
        story.call(1.1 + number / 100, "a:HANG", code="DEADLINE_EXCEEDED", took=took, plan="HANG", left=(left,))
    return story


def test_a_deadline_that_no_replica_receives_is_the_gateways_own() -> None:
    """The call ends in time, and its attempt carried nothing."""
    finding = deadlines.deadline_not_sent(hanging(None).case())

    assert suspects(finding) == ("deadline_not_sent",)
    assert finding is not None
    assert finding.seen == "3 calls ended at the deadline, and none of 3 attempts carried one"
    assert deadlines.deadline_not_sent(hanging(1.5).case()) is None
    assert deadlines.deadline_not_sent(hanging(None, took=2.7).case()) is None


@pytest.mark.parametrize("attempts", [("a:HANG",), ()])
def test_calls_that_end_cancelled_at_their_deadline_are_misnamed(attempts: tuple[str, ...]) -> None:
    """Whether they were in flight at a replica, or waited for a connection."""
    story = Story()
    for number in range(3):
        story.call(1.1 + number / 100, *attempts, code="CANCELLED", took=1.51)
    finding = deadlines.cancelled_at_deadline(story.case())

    assert suspects(finding) == ("cancelled_at_deadline",)
    assert finding is not None
    assert finding.seen == "3 of 3 unanswered calls ended with CANCELLED after 1.51 s"


@pytest.mark.parametrize(
    ("code", "took", "attempt"),
    [("DEADLINE_EXCEEDED", 1.5, "a:HANG"), ("CANCELLED", 0.7, "a:HANG"), ("CANCELLED", 1.5, "a:CANCELLED")],
)
def test_calls_that_a_replica_or_another_clock_ended_are_not_misnamed(code: str, took: float, attempt: str) -> None:
    """The right code, another time, and a replica that answered so."""
    assert deadlines.cancelled_at_deadline(Story().call(1.1, attempt, code=code, took=took).case()) is None


@pytest.mark.parametrize(
    ("variables", "how"),
    [
        (TO_WAIT, "WAIT_FOR_READY is true"),
        ({"GRPC_SERVICE_CONFIG": written(WAITING_CONFIG)}, "the service config sets waitForReady"),
    ],
)
def test_calls_that_fail_fast_do_not_wait(variables: dict[str, str], how: str) -> None:
    """They were configured to."""
    finding = deadlines.fails_fast(nobody("UNAVAILABLE", 0.3, given=variables).case())

    assert suspects(finding) == ("fails_fast",)
    assert finding is not None
    assert finding.seen == f"with no replica left, 3 calls failed within 0.30 s, although {how}"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"GRPC_SERVICE_CONFIG": written(SERVICE_CONFIG)},
        {"GRPC_SERVICE_CONFIG": written(WAITING_CONFIG), "WAIT_FOR_READY": "false"},
    ],
)
def test_calls_that_need_not_wait_may_fail_fast(variables: dict[str, str]) -> None:
    """By default a call fails fast, and so does one that is set to, regardless of the config."""
    assert deadlines.fails_fast(nobody("UNAVAILABLE", 0.3, given=variables).case()) is None


def test_calls_that_wait_until_their_deadline_do_not_fail_fast() -> None:
    """Nor do those that fail while a replica is there: they have other reasons."""
    assert deadlines.fails_fast(nobody("DEADLINE_EXCEEDED", 1.5, given=TO_WAIT).case()) is None
    assert deadlines.fails_fast(nobody("UNAVAILABLE", 0.3, of="ab", given=TO_WAIT).case()) is None


def dialled(before: float, after: float, *, silent: bool = True) -> Story:
    """Return an outage in which calls last so long, before and after the addresses accept connections again."""
    story = nobody("UNAVAILABLE", before) if before < 1 else nobody("DEADLINE_EXCEEDED", before)
    if silent:
        story.verb(3.0, "fall silent", "loopback", took=0.3, replicas=list(NAMES))
    return story.call(3.4, code="DEADLINE_EXCEEDED" if after > 1 else "UNAVAILABLE", took=after)


def test_calls_that_wait_once_a_lost_replica_is_redialled() -> None:
    """While its address refuses they fail, so they are not configured to wait."""
    finding = deadlines.no_sticky_failure(dialled(0.3, 1.5).case())

    assert suspects(finding) == ("no_sticky_transient_failure",)
    assert finding is not None
    assert finding.seen == (
        "with no replica left, 1 of 4 calls waited for 1.50 s once the addresses accepted connections again and stayed "
        "silent; while they refused connections, calls failed after 0.30 s"
    )


@pytest.mark.parametrize(
    "story",
    [dialled(0.3, 0.3), dialled(1.5, 1.5), dialled(0.3, 1.5, silent=False)],
    ids=["they go on failing", "they waited all the time", "no one is dialled"],
)
def test_calls_whose_failure_is_kept(story: Story) -> None:
    """Or that are configured to wait, which is another cause."""
    assert deadlines.no_sticky_failure(story.case()) is None


def timed(service_config: Config, took: float, code: str | None = "DEADLINE_EXCEEDED") -> Story:
    """Return calls that hang and last so long, although their own deadline is 10 s."""
    given = {"GRPC_SERVICE_CONFIG": written(service_config), "CALL_TIMEOUT_MS": "10000"}
    return Story(gateway_variables=given).call(1.1, "a:HANG", code=code, took=took, plan="HANG")


@pytest.mark.parametrize(
    ("took", "code", "cause"),
    [
        (0.2, "DEADLINE_EXCEEDED", "config_timeout_early"),
        (2.05, "DEADLINE_EXCEEDED", "config_timeout_early"),
        (HASTE + 0.6, None, "config_timeout"),
        (10.0, "DEADLINE_EXCEEDED", "config_timeout"),
    ],
)
def test_a_timeout_of_the_service_config_that_does_not_hold(took: float, code: str | None, cause: str) -> None:
    """Calls end before it, or long after it."""
    assert suspects(deadlines.config_timeout(timed(HASTY_CONFIG, took, code).case())) == (cause,)


def test_a_timeout_of_the_service_config_that_holds() -> None:
    """Calls end then; one longer than their own deadline shows nothing, nor does a call that failed differently."""
    assert deadlines.config_timeout(timed(HASTY_CONFIG, HASTE + 0.05).case()) is None
    assert deadlines.config_timeout(timed(PATIENT_CONFIG, 10.0).case()) is None
    assert deadlines.config_timeout(timed(SERVICE_CONFIG, 10.0).case()) is None
    assert deadlines.config_timeout(timed(HASTY_CONFIG, 0.2, "UNAVAILABLE").case()) is None
