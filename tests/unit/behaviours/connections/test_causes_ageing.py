"""The rules for calls that end with a connection that has reached its maximum age."""

import pytest

from tests.behaviours.connections import causes_ageing as ageing
from tests.harness.causes.case import Sureness
from tests.harness.causes.rules import Rule
from tests.unit.helpers.story import Story, suspects


def ageing_world(grace: str = "", *, fresh: bool = True) -> Story:
    """Return a gateway whose replicas end connections after 400 ms, and calls in flight after that grace."""
    return Story(fresh=fresh, replica_variables={ageing.AGE: "400"} | ({ageing.GRACE: grace} if grace else {}))


def test_a_grace_shorter_than_the_calls_is_the_worlds() -> None:
    """A call was cut 30 ms after it had arrived, although it takes 100 ms, and was retried."""
    story = ageing_world("10").call(1.1, "a", "b", gaps=(0.15,), plan="OK:delay=100")
    finding = ageing.cut_by_world(story.call(1.2, "c", plan="OK:delay=100", took=0.11).case())

    assert suspects(finding) == ("short_connection_age_grace",)
    assert finding is not None
    assert finding.seen.startswith("1 call that take 100 ms ended early")


def test_calls_that_are_cut_and_not_retried_have_no_policy() -> None:
    """From a gateway's first call on it is certain."""
    story = ageing_world().call(1.1, "a", code="UNAVAILABLE", took=0.6, plan="OK:delay=2000,OK")
    finding = ageing.not_retried(story.case())

    assert suspects(finding) == ("no_retry_policy",)
    assert finding is not None
    assert finding.sureness is Sureness.CERTAIN
    story = ageing_world(fresh=False).call(1.1, "a", code="UNAVAILABLE", took=0.6, plan="OK:delay=2000,OK")
    finding = ageing.not_retried(story.case())
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY


@pytest.mark.parametrize("rule", [ageing.cut_by_world, ageing.not_retried])
@pytest.mark.parametrize(
    "story",
    [
        # the grace is long enough, so something else ended the call, and it was tried again
        ageing_world("200").call(1.1, "a", "b", gaps=(0.15,), plan="OK:delay=100"),
        # the replicas limit no age
        Story().call(1.1, "a", code="UNAVAILABLE", took=0.05, plan="OK:delay=100"),
        # a replica was killed
        ageing_world().verb(1.12, "kill", "a").call(1.1, "a", code="UNAVAILABLE", took=0.05, plan="OK:delay=100"),
        # its attempt was answered as planned
        ageing_world().call(1.1, "a", code="UNAVAILABLE", took=0.15, plan="OK:delay=100"),
        # its deadline came first
        ageing_world().call(1.1, "a", code="DEADLINE_EXCEEDED", took=1.5, plan="OK:delay=2000"),
        # the attempt was not retried but sent again, as it was never looked at
        ageing_world().call(1.1, "a", "b", gaps=(0.15,), plan="OK:delay=100", previous=False),
    ],
)
def test_what_ends_differently_gives_no_reason(rule: Rule, story: Story) -> None:
    """Only what ends early, with nothing else to end it, ended with its connection."""
    assert rule(story.case()) is None


def idle_world(*opened: float, until: float = 3.0) -> Story:
    """Return a gateway whose connection to a ended half a second after its last call, and when it opened others."""
    story = Story(replica_variables={ageing.IDLE: "400"}).calls(1.1, "a", "b")
    story.connected(0.5, "a", "pa", closed=1.6).connected(0.5, "b", "pb")
    for number, at in enumerate(opened):
        story.connected(at, "a", f"pa{number}")
    return story.event(until, "wait ended")


def test_a_connection_that_stays_closed_until_a_call_is_picked_by_hand() -> None:
    """Replica a ended it, and was not reconnected."""
    finding = ageing.not_reconnected(idle_world().case())

    assert suspects(finding) == ("picks_unconnected_replicas",)
    assert finding is not None
    assert finding.seen == "a closed its idle connection and had no new one 1.9 s after the last call"


@pytest.mark.parametrize("story", [idle_world(1.7), idle_world(until=1.5), Story().calls(1.1, "a", "b")])
def test_a_connection_that_is_replaced_or_had_no_time_for_it_shows_nothing(story: Story) -> None:
    """So does one in a world where none ends for lack of calls."""
    assert ageing.not_reconnected(story.case()) is None
