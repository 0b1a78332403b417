"""The rules for names that are aliases, and for calls that wait until a name exists."""

from collections.abc import Mapping

from tests.behaviours.dns import causes_waiting
from tests.unit.helpers.story import Story, in_turn, suspects

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


def test_a_query_for_each_call() -> None:
    """Each of twelve calls is preceded by a query; a gateway that queries once does not."""
    story = Story()
    for number in range(12):
        story.asked(1.1005 + number).call(1.1 + number, "abc"[number % 3], took=0.01)

    assert suspects(causes_waiting.query_for_each_call(story.case())) == ("resolves_in_calls",)
    assert causes_waiting.query_for_each_call(Story().asked(0.4).calls(1.1, *in_turn(12)).case()) is None


def test_a_query_for_each_channel_is_no_query_for_each_call() -> None:
    """A channel for each request resolves each time, over a new connection: that has another cause."""
    story = Story()
    for number in range(12):
        story.asked(1.1005 + number).call(1.1 + number, f"a:OK:p{number}", took=0.01)

    assert causes_waiting.query_for_each_call(story.case()) is None
