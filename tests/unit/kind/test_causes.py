"""The rules for Services that are wrong in a way that looks right."""

from tests.kind import causes as services
from tests.unit.helpers.story import Story, in_turn, suspects


def lost() -> Story:
    """Return a gateway that serves nothing."""
    story = Story().asked(0.4)
    for number in range(5):
        story.call(1.1 + number / 10, code="UNAVAILABLE", took=0.3)
    return story


def test_calls_of_which_none_reaches_a_replica_have_the_wrong_port() -> None:
    """Nothing was done to any replica, and none saw a call."""
    finding = services.wrong_port(lost().case())

    assert suspects(finding) == ("wrong_port",)
    assert finding is not None
    assert finding.seen == "5 calls failed, none of them reached a replica, and all replicas were ready"


def test_an_outage_or_a_served_call_does_not_mean_a_wrong_port() -> None:
    """Where replicas were killed no one can be reached; where one call is served the port is right."""
    killed = Story().verb(0.3, "kill", "a").verb(0.5, "fresh gateway", "gateway")
    for number in range(5):
        killed.call(1.1 + number / 10, code="UNAVAILABLE", took=0.3)

    assert services.wrong_port(killed.case()) is None
    assert services.wrong_port(lost().calls(2.0, *in_turn(1)).case()) is None


def unready(*served: str) -> Story:
    """Return a gateway that starts after `a` was taken out of service, and the replicas that serve its calls."""
    return Story().verb(0.2, "take readiness", "a", took=0.1).verb(0.5, "fresh gateway", "gateway").calls(1.1, *served)


def test_a_replica_that_is_not_ready_and_gets_calls_is_listed() -> None:
    """It was not ready before the gateway started, and the gateway uses it."""
    finding = services.unready_replicas_listed(unready("a", "b", "c").case())

    assert suspects(finding) == ("unready_replicas_listed",)
    assert finding is not None
    assert finding.seen.startswith("a was not ready before the gateway started, and it got 1 attempt over ")


def test_a_replica_that_is_ready_again_or_unused_does_not_count() -> None:
    """Nothing is found if it gets no call, was ready again, or lost readiness while the gateway ran."""
    again = Story().verb(0.2, "take readiness", "a").verb(0.3, "give readiness", "a")
    later = Story().verb(0.5, "fresh gateway", "gateway").verb(0.8, "take readiness", "a")

    assert services.unready_replicas_listed(unready("b", "c", "b").case()) is None
    assert (
        services.unready_replicas_listed(again.verb(0.5, "fresh gateway", "gateway").calls(1.1, "a", "b").case())
        is None
    )
    assert services.unready_replicas_listed(later.calls(1.1, "a", "b").case()) is None
