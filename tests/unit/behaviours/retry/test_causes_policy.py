"""The rule for retry policies that are refused although they are valid."""

from tests.behaviours.retry.causes_policy import codes_refused
from tests.harness.world.environment import GIVEN
from tests.unit.helpers.story import Story, suspects


def given(*starts: bool) -> Story:
    """Return a gateway that served an order, and was then given a config for each of these; it starts or does not."""
    story = Story().call(0.9, "a")
    for number, each in enumerate(starts):
        at = 1.1 + number
        if each:
            story.verb(at, GIVEN, "gateway", took=0.3)
        else:
            story.event(at, "asked", verb=GIVEN, on="gateway")
    return story


def test_a_gateway_that_does_not_start_has_refused_its_config() -> None:
    """One of two."""
    finding = codes_refused(given(*[True, False]).call(1.5, "a:UNAVAILABLE", code="UNAVAILABLE").case())

    assert suspects(finding) == ("valid_config_refused",)
    assert finding is not None
    assert finding.seen.startswith("1 of 2 service configs with a code in another spelling")


def test_a_gateway_of_which_no_call_reaches_a_replica_has_refused_its_config() -> None:
    """It starts, and fails each call by itself."""
    story = given(*[True]).call(1.5, code="INVALID_ARGUMENT")

    assert suspects(codes_refused(story.case())) == ("valid_config_refused",)


def test_configs_that_are_accepted_give_no_reason() -> None:
    """A call that reached a replica was made under what was given; without configs there is no reason either."""
    assert codes_refused(given(*[True]).call(1.5, "a:UNAVAILABLE", code="UNAVAILABLE").case()) is None
    assert codes_refused(Story().call(1.1, "a").case()) is None
