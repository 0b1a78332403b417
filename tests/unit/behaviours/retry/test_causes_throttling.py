"""The rule that finds out which retry throttling is in effect."""

import pytest

from tests.behaviours.retry.causes_throttling import other_throttling
from tests.harness.causes.case import Sureness
from tests.harness.subject.service_configs import Config, retried, throttled, written
from tests.unit.helpers.story import Story, suspects

FAILING = ("a:UNAVAILABLE", "b:UNAVAILABLE")


def placed(*made: int | str, config: Config | None = None) -> Story:
    """Return orders placed one after the other: so many attempts that all failed, or the code of a single one."""
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": written(config or throttled(10, 1.0))})
    for number, each in enumerate(made):
        code = each if isinstance(each, str) else "UNAVAILABLE"
        story.call(1.1 + number, *([f"a:{each}"] if isinstance(each, str) else FAILING[:each]), code=code)
    return story


@pytest.mark.parametrize(
    "made",
    [
        (2, 2, 1, 1, 1),
        (2, *["INVALID_ARGUMENT"] * 20, 2, 1),
        (2, 2, *[1] * 8, *["OK"] * 6, 1, *["OK"] * 2, 2),
        (*["OK"] * 20, 2, 2, 1),
    ],
)
def test_throttling_as_it_was_given_gives_no_reason(made: tuple[int | str, ...]) -> None:
    """Two retries, then none; other codes count nothing; seven successes bring one back; ten are all."""
    assert other_throttling(placed(*made).case()) is None


def test_failures_that_are_all_retried_are_not_throttled() -> None:
    """Three of five would have had to be left as they were."""
    finding = other_throttling(placed(2, 2, 2, 2, 2).case())

    assert suspects(finding) == ("not_throttled",)
    assert finding is not None
    assert finding.seen == "5 of 5 failures were retried, 3 with half the tokens used up"


def test_other_codes_that_take_tokens_are_found_out() -> None:
    """A retry before twenty other failures and none after them."""
    finding = other_throttling(placed(2, *["INVALID_ARGUMENT"] * 20, 1, 1).case())

    assert suspects(finding) == ("non_retryable_codes_throttle",)
    assert finding is not None
    assert "20 failures with other codes" in finding.seen


def test_tokens_that_come_back_too_slowly_are_a_low_ratio() -> None:
    """Seven successes are too few at a tenth of a token each."""
    finding = other_throttling(placed(2, 2, *[1] * 8, *["OK"] * 6, 1, *["OK"] * 2, 1).case())

    assert suspects(finding) == ("retry_throttling",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY
    assert "or less instead of 1" in finding.seen


@pytest.mark.parametrize("made", [(1, 1, 1), (2, 1, 2, 1), (1, 1, 2)])
def test_retries_that_no_throttling_explains_are_for_other_rules(made: tuple[int, ...]) -> None:
    """No retries at all is a policy that is missing; retries that come and go without a success are something else."""
    assert other_throttling(placed(*made).case()) is None


def test_a_gateway_that_was_given_no_throttling_has_none() -> None:
    """Then it is not for this rule to say that it should be throttled."""
    assert other_throttling(placed(2, 2, 2, 2, config=retried(maxAttempts=2)).case()) is None
    assert other_throttling(Story().call(1.1, *FAILING, code="UNAVAILABLE").case()) is None
