"""The rules for retries that exceed what limits them."""

import pytest

from tests.behaviours.retry import causes_limits as retry_limits
from tests.harness.causes.case import Finding, Sureness
from tests.harness.subject.service_configs import Config, retried, written
from tests.unit.helpers.story import Story, suspects

FAILS = tuple(f"{name}:UNAVAILABLE" for name in "abcabcabca")

RULES = (
    retry_limits.limit_raised,
    retry_limits.pushback_ignored,
    retry_limits.pushback_retries_any_code,
    retry_limits.backoff_not_restarted,
    retry_limits.instant_retry_hangs,
    retry_limits.switched_off,
    retry_limits.buffer_larger,
)


def given(config: Config | None = None, **variables: str) -> Story:
    """Return a gateway that was started with this service config, and with these variables."""
    if config:
        variables["GRPC_SERVICE_CONFIG"] = written(config)
    return Story(gateway_variables=variables)


def pushed(
    milliseconds: int,
    *attempts: str,
    story: Story | None = None,
    gaps: tuple[float, ...] = (),
    took: float = 0.005,
    previous: bool = True,
) -> Story:
    """Return three calls whose first attempt was answered with such a pushback."""
    story = story or Story()
    code = attempts[0].partition(":")[2]
    plan = f"{code}:pushback={milliseconds}"
    for number in range(3):
        story.call(1.1 + number, *attempts, code=code, plan=plan, gaps=gaps, took=took, previous=previous)
    return story


def words(finding: Finding | None) -> str:
    """Return what a rule has seen."""
    assert finding is not None
    return finding.seen


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "story",
    [
        Story().call(1.1, *FAILS[:3], code="UNAVAILABLE", plan="UNAVAILABLE", gaps=(0.1, 0.2)),
        given(retried(maxAttempts=10)).call(1.1, *FAILS[:5], code="UNAVAILABLE", plan="UNAVAILABLE"),
        pushed(250, *FAILS[:3], gaps=(0.252, 0.11)),
        pushed(-1, FAILS[0]),
        pushed(0, *FAILS[:3], gaps=(0.002, 0.002)),
        pushed(10, "a:ABORTED"),
        given(retried(initialBackoff="0.001s")).call(1.1, *FAILS[:3], code="UNAVAILABLE", gaps=(0.001, 0.002)),
        given(ENABLE_RETRIES="false").call(1.1, FAILS[0], code="UNAVAILABLE", plan="UNAVAILABLE"),
        given(RETRY_BUFFER_BYTES="20").call(1.1, *FAILS[:3], code="UNAVAILABLE").call(2.1, FAILS[0], plan="A" * 30),
    ],
)
def test_what_keeps_to_its_limits_gives_no_rule_a_reason(rule: object, story: Story) -> None:
    """Each limit as it should be, one after the other."""
    assert callable(rule)
    assert rule(story.case()) is None


def test_more_than_five_attempts_are_a_limit_that_was_raised() -> None:
    """Ten were configured and made; without numbers they are the application's, and six of six are fine."""
    ten = given(retried(maxAttempts=10)).call(1.1, *FAILS, code="UNAVAILABLE", plan="UNAVAILABLE")
    unnumbered = given(retried(maxAttempts=10)).call(1.1, *FAILS, code="UNAVAILABLE", previous=False)

    assert suspects(retry_limits.limit_raised(ten.case())) == ("limit_raised",)
    assert retry_limits.limit_raised(unnumbered.case()) is None
    assert retry_limits.limit_raised(Story().call(1.1, *FAILS, code="UNAVAILABLE").case()) is None


def test_a_retry_before_its_pushback_has_ignored_it() -> None:
    """Requested 250 ms, retried after 100; a late one may be the machine's fault."""
    early = retry_limits.pushback_ignored(pushed(250, *FAILS[:3], gaps=(0.1, 0.2)).case())
    late = retry_limits.pushback_ignored(pushed(0, *FAILS[:3], gaps=(0.1, 0.1)).case())

    assert suspects(early) == suspects(late) == ("pushback_ignored",)
    assert early is not None
    assert late is not None
    assert (early.sureness, late.sureness) == (Sureness.CERTAIN, Sureness.LIKELY)
    assert early.seen == "3 calls were retried after 100 ms; the server had requested 250 ms"


def test_a_retry_that_the_server_forbade_has_ignored_its_pushback() -> None:
    """A negative one; unnumbered attempts are the application's own."""
    finding = retry_limits.pushback_ignored(pushed(-1, *FAILS[:3]).case())

    assert suspects(finding) == ("pushback_ignored",)
    assert "3 of 3 calls with a negative pushback" in words(finding)
    assert retry_limits.pushback_ignored(pushed(-1, *FAILS[:3], previous=False).case()) is None


def test_another_code_that_a_pushback_makes_retryable() -> None:
    """ABORTED with a pushback is retried; a promised code may be."""
    finding = retry_limits.pushback_retries_any_code(pushed(10, "a:ABORTED", "b:ABORTED").case())

    assert suspects(finding) == ("pushback_retries_any_code",)
    assert "3 calls that failed with ABORTED and a pushback" in words(finding)
    assert retry_limits.pushback_retries_any_code(pushed(10, *FAILS[:2]).case()) is None


def test_a_backoff_that_grows_on_after_a_pushback() -> None:
    """800 ms where the first backoff is 200."""
    story = pushed(50, *FAILS[:3], story=given(retried(initialBackoff="0.2s", backoffMultiplier=4)), gaps=(0.05, 0.8))

    assert suspects(retry_limits.backoff_not_restarted(story.case())) == ("backoff_not_restarted",)


@pytest.mark.parametrize(
    "story",
    [
        pushed(0, FAILS[0], took=1.5),
        given(retried(initialBackoff="0.001s")).call(1.1, *FAILS[:2], code="DEADLINE_EXCEEDED", took=1.5),
    ],
)
def test_a_retry_that_is_due_immediately_and_never_comes(story: Story) -> None:
    """By a pushback of 0, or by a backoff that rounds to it, the call hangs until its deadline."""
    assert suspects(retry_limits.instant_retry_hangs(story.case())) == ("instant_retry_hangs",)


def test_a_call_that_hangs_at_a_replica_is_not_a_retry_that_never_comes() -> None:
    """Neither is one whose retry was not due immediately."""
    assert retry_limits.instant_retry_hangs(pushed(0, "a:HANG", took=1.5).case()) is None
    assert retry_limits.instant_retry_hangs(pushed(900, FAILS[0], took=1.5).case()) is None


def test_retries_that_stay_on() -> None:
    """They were switched off, and the attempts are gRPC's."""
    story = given(ENABLE_RETRIES="false").call(1.1, *FAILS[:3], code="UNAVAILABLE", plan="UNAVAILABLE")

    assert suspects(retry_limits.switched_off(story.case())) == ("retry_switch_ignored",)
    assert words(retry_limits.switched_off(story.case())) == "with ENABLE_RETRIES=false, 1 call made up to 3 attempts"


def test_a_call_that_is_kept_beyond_the_buffer() -> None:
    """Its id alone is larger."""
    story = given(RETRY_BUFFER_BYTES="20").call(1.1, *FAILS[:3], code="UNAVAILABLE", plan="UNAVAILABLE" * 3)

    assert suspects(retry_limits.buffer_larger(story.case())) == ("retry_buffer_limit_ignored",)
