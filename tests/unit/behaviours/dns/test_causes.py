"""The rules for what a gateway makes of DNS: what fires them, and what comes near and must not."""

import pytest

from tests.behaviours.dns import causes as names
from tests.unit.helpers.answers import answered, cut
from tests.unit.helpers.story import Story, in_turn, suspects


def test_a_gateway_that_serves_and_never_queried_has_an_address_list() -> None:
    """Calls that are served without a single query."""
    finding = names.never_resolved(Story().calls(1.1, *in_turn(9)).case())

    assert suspects(finding) == ("address_list",)
    assert finding is not None
    assert finding.seen == "the gateway served 9 calls and has not queried DNS once since it started"


def test_a_gateway_that_queried_or_serves_nobody_or_is_not_seen_has_no_address_list() -> None:
    """One query, no call that was served, or a DNS server that is not ours."""
    assert names.never_resolved(Story().asked(0.4).calls(1.1, *in_turn(9)).case()) is None
    assert names.never_resolved(Story().call(1.1, code="UNAVAILABLE").case()) is None
    assert names.never_resolved(Story(names_ours=False).calls(1.1, *in_turn(9)).case()) is None


def querying(*times: float) -> Story:
    """Return a gateway that loses connections, and queries then."""
    story = cut(Story().asked(0.4), 1.1)
    for at in times:
        story.asked(at)
    return story


def test_queries_much_closer_than_the_minimum_interval_have_none() -> None:
    """Two gaps of less than half the promise."""
    finding = names.resolved_too_often(querying(1.2, 1.3, 1.4).case())

    assert suspects(finding) == ("short_resolution_interval",)
    assert finding is not None
    assert finding.seen == (
        "the gateway queried DNS 3 times in 0.20 s, 2 times sooner than half of the promised 0.5 s after the previous "
        "query"
    )


@pytest.mark.parametrize("times", [(1.2, 1.7, 2.2), (1.2, 1.3), (1.2, 1.3, 1.9), (1.2, 1.46, 1.72)])
def test_queries_that_roughly_keep_the_minimum_interval_are_not_accused(times: tuple[float, ...]) -> None:
    """The interval itself, one gap that is short by chance, and gaps of half the interval and more."""
    assert names.resolved_too_often(querying(*times).case()) is None


def test_failed_queries_are_repeated_without_a_minimum_interval() -> None:
    """A resolver queries several times when DNS fails: those do not count as resolutions."""
    story = cut(Story().asked(0.4), 1.1)
    for at in (1.2, 1.21, 1.22, 1.23):
        answered(story, at, rcode="SERVFAIL")

    assert names.resolved_too_often(story.case()) is None


def test_a_gateway_that_queries_twice_with_nothing_lost_polls() -> None:
    """Two queries and a healthy world."""
    finding = names.resolved_unprompted(Story().asked(0.4).asked(1.4).calls(1.1, *in_turn(60)).case())

    assert suspects(finding) == ("polling",)


@pytest.mark.parametrize(
    "story",
    [
        Story().asked(0.4),
        Story().asked(0.4).asked(2.0).verb(1.9, "kill", "a"),
        cut(Story().asked(0.4).asked(2.0), 1.9),
        Story(replica_variables={"MAX_CONNECTION_AGE_MS": "300"}).asked(0.4).asked(2.0),
    ],
    ids=["one question", "a replica was killed", "a connection was cut", "connections end by age"],
)
def test_a_query_with_a_reason_is_not_polling(story: Story) -> None:
    """The first query, and those after a loss."""
    assert names.resolved_unprompted(story.calls(1.1, *in_turn(60)).case()) is None
