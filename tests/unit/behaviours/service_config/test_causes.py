"""The rules for which part of a service config is in effect."""

import pytest

from tests.behaviours.retry import causes as retry
from tests.behaviours.retry import causes_missing as missing
from tests.behaviours.service_config import causes as service_config
from tests.behaviours.service_config.mutants import BY_METHOD, BY_SERVICE, INVALID, OF_OTHERS, UNKNOWN_FIELDS
from tests.harness.causes.case import Sureness
from tests.harness.subject.service_configs import written
from tests.unit.helpers.story import FAILS, Story, in_turn, suspects


def failing(config: dict[str, object], *counts: int) -> Story:
    """Return calls that failed UNAVAILABLE each time after so many attempts, by a gateway that was given this."""
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": written(config)})
    for number, count in enumerate(counts):
        story.call(1.1 + number, *FAILS[:count], code="UNAVAILABLE", plan="UNAVAILABLE")
    return story


@pytest.mark.parametrize(
    ("config", "made", "said"),
    [
        (BY_METHOD, 5, "allows 2, and the policy for every method allows 5"),
        (BY_METHOD, 4, "allows 2, and the policy for order.OrderService allows 4"),
        (BY_SERVICE, 5, "allows 4, and the policy for every method allows 5"),
        (OF_OTHERS, 4, "allows 1, and the policy for order.OrderService/Other allows 4"),
    ],
)
def test_the_policy_of_another_name_decides(config: dict[str, object], made: int, said: str) -> None:
    """The number of attempts is that of a policy whose name is less specific, or of another method."""
    finding = service_config.less_specific_name(failing(config, made, made).case())

    assert suspects(finding) == ("less_specific_name",)
    assert finding is not None
    assert finding.seen == f"2 calls made {made} attempts each; the most specific name {said}"


@pytest.mark.parametrize(
    ("config", "counts"),
    [(BY_METHOD, (2, 2)), (BY_SERVICE, (4,)), (OF_OTHERS, (1, 1)), (BY_METHOD, (4, 2)), (BY_METHOD, ())],
)
def test_the_right_policy_or_several_give_no_reason(config: dict[str, object], counts: tuple[int, ...]) -> None:
    """What the most specific name allows is right, and numbers that differ are another matter."""
    assert service_config.less_specific_name(failing(config, *counts).case()) is None


def test_the_gateways_own_policy_in_spite_of_the_given_one() -> None:
    """Three attempts are promised, and no policy of the given config allows them."""
    finding = service_config.less_specific_name(failing(BY_METHOD, 3).case())

    assert suspects(finding) == ("config_ignored",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY
    assert service_config.less_specific_name(failing(UNKNOWN_FIELDS, 1).case()) is None


def test_attempts_are_counted_against_the_given_config() -> None:
    """Two attempts are right if the service config that was given sets two, regardless of what is promised."""
    assert retry.attempt_count(failing(UNKNOWN_FIELDS, 2, 2).case()) is None
    assert suspects(retry.attempt_count(failing(UNKNOWN_FIELDS, 3, 3).case())) == ("more_attempts",)
    assert missing.no_retry(failing(OF_OTHERS, 1, 1).case()) is None
    assert suspects(missing.no_retry(failing(UNKNOWN_FIELDS, 1, 1).case())) == ("no_retry_policy",)


def given(*trails: str, took: bool = True) -> Story:
    """Return a gateway that was given an invalid config, and what it made of calls."""
    story = Story().event(
        1.1, "asked", verb="give", on="gateway", gateway_variables={"GRPC_SERVICE_CONFIG": written(INVALID)}
    )
    if took:
        story.event(1.4, "confirmed", verb="give", on="gateway")
    return story.calls(2.0, *trails)


def test_part_of_an_invalid_config_is_in_effect() -> None:
    """It serves, and all by one replica, as the valid half has it; or it makes fewer attempts than its own config."""
    finding = service_config.partly_applied(given(*["a"] * 9).case())

    assert suspects(finding) == ("partly_applied_config",)
    assert finding is not None
    assert finding.seen == "given a service config with an invalid field, the gateway made 9 attempts, spread 9"
    short = given(*in_turn(9)).call(3.0, "a:UNAVAILABLE", code="UNAVAILABLE", plan="UNAVAILABLE")
    finding = service_config.partly_applied(short.case())
    assert finding is not None
    assert finding.seen.endswith("spread 4/3/3, up to 1 per call")


@pytest.mark.parametrize("story", [given(), given(took=False), given(*in_turn(9)), Story().calls(1.1, *["a"] * 9)])
def test_a_gateway_that_rejects_or_keeps_its_own_config_gives_no_reason(story: Story) -> None:
    """Nothing served, nothing started, everything from its own config, or no such config given."""
    assert service_config.partly_applied(story.case()) is None
