"""The rules for names that are aliases, and for calls that wait until a name exists."""

from collections.abc import Mapping

from tests.behaviours.dns import causes_waiting
from tests.unit.helpers.story import Story, suspects

WAITS = {"WAIT_FOR_READY": "true"}


def test_an_alias_that_is_not_followed() -> None:
    """The answers have addresses and no call reaches any; one that does is enough to know better."""
    aliased = Story().verb(-0.05, "alias the name", "name server").asked(1.05).call(1.1, code="UNAVAILABLE")

    assert suspects(causes_waiting.alias_not_followed(aliased.case())) == ("alias_not_followed",)
    assert causes_waiting.alias_not_followed(aliased.call(1.2, "a").case()) is None
    assert causes_waiting.alias_not_followed(Story().asked(1.05).call(1.1, code="UNAVAILABLE").case()) is None


def missing(variables: Mapping[str, str]) -> Story:
    """Return a gateway with these variables whose name does not exist."""
    return Story(gateway_variables=variables).verb(-0.05, "fail names", "name server", fault="NXDOMAIN", kinds=[])


def test_calls_that_do_not_wait_for_a_name() -> None:
    """They fail early although they were configured to wait; at the deadline, or without that, they may."""
    early = missing(WAITS).call(1.1, code="UNAVAILABLE", took=0.3).case()
    late = missing(WAITS).call(1.1, code="DEADLINE_EXCEEDED", took=1.5).case()

    assert suspects(causes_waiting.did_not_wait_for_dns(early)) == ("fails_fast",)
    assert causes_waiting.did_not_wait_for_dns(late) is None
    assert causes_waiting.did_not_wait_for_dns(missing({}).call(1.1, code="UNAVAILABLE", took=0.3).case()) is None
