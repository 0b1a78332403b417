"""The rules for gateways that ignore what replicas report of their health."""

import pytest

from tests.behaviours.health import causes as health
from tests.harness.causes.case import Sureness
from tests.unit.helpers.story import NAMES, Story, in_turn, suspects

SERVICE = "order.OrderService"


def reported(story: Story, at: float, status: str, *watched: str, replica: str = "a") -> Story:
    """Let a replica say this while it is watched under these names."""
    story.verb(at - 0.01, "say health", replica, status=status)
    return story.event(at, "replica health", replica=replica, status=status, watched=list(watched))


def queried(story: Story, at: float, by: str, service: str = SERVICE, *, peer: str = "p") -> Story:
    """Let the gateway query the health of every replica."""
    for name in NAMES:
        story.event(at, "replica health_asked", replica=name, peer=f"{peer}{name}", service=service, by=by)
    return story


def ignored(status: str = "NOT_SERVING", *watched: str, fresh: bool = True) -> Story:
    """Return a replica that reports this and gets its share nevertheless."""
    story = Story(fresh=fresh).calls(1.1, *in_turn(30))
    return reported(story, 2.0, status, *watched).calls(2.1, *in_turn(60))


def honoured() -> Story:
    """Return a replica that reports NOT_SERVING and gets nothing once that is known, and then reports SERVING again."""
    story = queried(Story(), 0.4, "Watch").calls(1.1, *in_turn(30))
    reported(story, 2.0, "NOT_SERVING", SERVICE).calls(2.1, "a", "b", "c", *["b", "c"] * 20)
    return reported(story, 3.0, "SERVING", SERVICE).calls(3.1, *in_turn(30))


@pytest.mark.parametrize(
    "rule",
    [
        health.not_checked,
        health.not_checked_by_fresh_gateway,
        health.wrong_service_name,
        health.checked_by_hand,
        health.other_status,
        health.waits_for_serving,
    ],
)
def test_a_gateway_that_honours_health_gives_no_rule_a_reason(rule: object) -> None:
    """It watches the service, and a call in flight when NOT_SERVING was reported does not count."""
    assert callable(rule)
    assert rule(honoured().case()) is None


def test_nobody_queried() -> None:
    """The replica keeps getting calls, and no client watches."""
    finding = health.not_checked(ignored().case())

    assert suspects(finding) == ("no_health_check",)
    assert finding is not None
    assert finding.seen == "a reported NOT_SERVING and got 15 more attempts; no client watched its health"
    assert finding.sureness is Sureness.CERTAIN


def test_a_gateway_with_a_past_may_have_checked_before() -> None:
    """Only the first Check of a connection is on the ledger."""
    finding = health.not_checked(ignored(fresh=False).case())

    assert finding is not None
    assert finding.sureness is Sureness.LIKELY
    assert health.not_checked(queried(ignored(), 0.4, "Check").case()) is None


def test_a_gateway_that_watches_and_keeps_calling_has_another_reason() -> None:
    """A health check in effect is not missing."""
    assert health.not_checked(ignored("NOT_SERVING", SERVICE).case()) is None


def test_a_fresh_gateway_that_queries_no_health() -> None:
    """It has served calls and queried nothing."""
    calls = Story().calls(1.1, *in_turn(6))

    assert suspects(health.not_checked_by_fresh_gateway(calls.case())) == ("no_health_check",)
    assert health.not_checked_by_fresh_gateway(Story(fresh=False).calls(1.1, *in_turn(6)).case()) is None
    assert health.not_checked_by_fresh_gateway(queried(Story(), 0.4, "Check").calls(1.1, *in_turn(6)).case()) is None
    assert health.not_checked_by_fresh_gateway(Story().case()) is None


@pytest.mark.parametrize("name", ["", "orders"])
def test_another_name_is_watched(name: str) -> None:
    """By the queries of a fresh gateway, and by who watches when something is reported."""
    finding = health.wrong_service_name(queried(Story(), 0.4, "Watch", name).case())

    assert suspects(finding) == ("wrong_health_service_name",)
    assert finding is not None
    assert (
        finding.seen
        == f"the gateway watched the health of {name!r}, and the replicas report that of order.OrderService"
    )
    assert suspects(health.wrong_service_name(ignored("NOT_SERVING", name, fresh=False).case())) == (
        "wrong_health_service_name",
    )


def test_checks_by_hand() -> None:
    """Check instead of Watch; and a replica that is well again comes back over another connection."""
    story = queried(Story(), 0.4, "Check").calls(1.1, *in_turn(30))
    assert suspects(health.checked_by_hand(story.case())) == ("own_health_checks",)
    reported(story, 2.0, "NOT_SERVING").calls(2.1, "b", "c", "b", "c")
    finding = health.checked_by_hand(reported(story, 3.0, "SERVING").calls(3.1, "a:OK:p2", "b", "c").case())

    assert finding is not None
    assert finding.seen.endswith("a reported SERVING again and got its calls over another connection")


def test_gateways_that_watch_may_check_as_well() -> None:
    """A Check alongside gRPC's own Watch is not a finding."""
    assert health.checked_by_hand(queried(queried(Story(), 0.4, "Watch"), 0.4, "Check").case()) is None


def test_another_status_than_not_serving() -> None:
    """UNKNOWN is received, and calls continue."""
    finding = health.other_status(ignored("UNKNOWN", SERVICE).case())

    assert suspects(finding) == ("other_status_treated_as_serving",)
    assert finding is not None
    assert finding.seen == "the health of a was queried, it reported UNKNOWN and got 15 more attempts"
    assert suspects(health.other_status(queried(ignored("UNKNOWN"), 0.4, "Check").case())) == (
        "other_status_treated_as_serving",
    )
    assert health.other_status(ignored("UNKNOWN").case()) is None
    assert health.other_status(ignored("NOT_SERVING", SERVICE).case()) is None


def returned(*after: str, **variables: str) -> Story:
    """Return a replica that was killed and started with these variables, and the calls after that."""
    story = Story().calls(1.1, *in_turn(6)).verb(1.5, "kill", "a").verb(1.6, "start", "a", took=0.3, **variables)
    return story.connected(2.0, "a", "p2").calls(2.1, *after)


def test_a_replica_without_a_health_service_is_left_out() -> None:
    """It is connected and gets nothing."""
    finding = health.health_service_required(returned("b", "c", "b", "c", HEALTH_SERVICE="false").case())

    assert suspects(finding) == ("health_required",)
    assert finding is not None
    assert finding.seen == (
        "a returned without a health service, 1 connection led to it, and it got none of the 4 calls after that"
    )
    assert health.health_service_required(returned("b", "c", "b", "c").case()) is None
    assert health.health_service_required(returned("b", "a:OK:p2", "c", HEALTH_SERVICE="false").case()) is None


def late(*after: tuple[float, str]) -> Story:
    """Return a replica that returned, was queried at 2.0 and answers after 0.8 s, and the attempts after that."""
    story = Story().calls(1.1, *in_turn(6)).verb(1.5, "kill", "a").verb(1.6, "start", "a", HEALTH_DELAY_MS="800")
    queried(story, 2.0, "Watch")
    for at, attempt in after:
        story.call(at, attempt)
    return story


def test_calls_before_the_first_answer() -> None:
    """A replica gets one within the time that its answer takes."""
    finding = health.called_before_health_response(late((2.1, "b"), (2.299, "a:OK:p2"), (2.9, "c")).case())

    assert suspects(finding) == ("pending_health_treated_as_serving",)
    assert finding is not None
    assert finding.seen == (
        "the health of a was queried, it answers after 0.8 s, and it got a first attempt 0.30 s after the query"
    )
    assert health.called_before_health_response(late((2.1, "b"), (2.9, "a:OK:p2")).case()) is None


def test_a_replica_that_returned_and_is_not_queried() -> None:
    """Its calls come without a query."""
    finding = health.not_checked_after_return(returned("b", "a:OK:p2", "c").case())

    assert suspects(finding) == ("no_health_check",)
    assert finding is not None
    assert finding.seen == "a returned and got 1 attempt, and its health was not queried"
    assert health.not_checked_after_return(late((2.9, "a:OK:p2")).case()) is None
    assert health.not_checked_after_return(returned("b", "c").case()) is None


def all_ill(took: float, *, but: str = "") -> Story:
    """Return replicas that all say NOT_SERVING, but for one, and calls that failed after so many seconds."""
    story = Story()
    for name in NAMES:
        if name != but:
            reported(story, 1.2, "NOT_SERVING", SERVICE, replica=name)
    code = "UNAVAILABLE" if took < 1 else "DEADLINE_EXCEEDED"
    return story.call(1.6, code=code, took=took).call(1.7, code=code, took=took)


def test_calls_that_wait_for_a_healthy_replica() -> None:
    """They last until their deadline, where they should fail immediately."""
    finding = health.waits_for_serving(all_ill(1.5).case())

    assert suspects(finding) == ("wait_for_ready",)
    assert finding is not None
    assert finding.seen == "with every replica reporting NOT_SERVING, 2 calls waited for 1.50 s; the deadline is 1.5 s"
    assert health.waits_for_serving(all_ill(0.3).case()) is None
    assert health.waits_for_serving(all_ill(1.5, but="c").case()) is None
