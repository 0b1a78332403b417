"""The rules for a replica that falls silent with its connection open."""

import pytest

from tests.behaviours.keepalive import causes as liveness
from tests.harness.causes.case import Sureness
from tests.unit.helpers.story import Story, suspects


def frozen(time_ms: str, *, moved_at: float | None, previous: int | None = 1) -> Story:
    """Return a replica that freezes at 1.2, whose calls are moved to another one at that time, or reach no other."""
    story = Story(gateway_variables={"KEEPALIVE_TIME_MS": time_ms}).asked(0.4).verb(1.2, "pause", "a")
    for number in range(4):
        at = 1.3 + number / 20
        story.call(at, "b").call(at + 0.01, "c")
        if moved_at is None:
            story.call(at + 0.02, code="DEADLINE_EXCEEDED", took=1.5)
        else:
            moved(story, at + 0.02, moved_at, previous)
    return story


def moved(story: Story, sent: float, arrived: float, previous: int | None) -> None:
    """Let an order reach b at that time, after so many attempts that no one has seen."""
    order = f"o2-{sent}"
    members = {"replica": "b", "peer": "pb", "previous_attempts": previous, "deadline_left": 1.0, "code": "OK"}
    story.event(arrived, "replica attempt", id=order, **members)
    reply = {"sent": sent, "received": arrived + 0.01, "status": 200, "code": "OK", "served_by": "b", "message": ""}
    story.event(sent, "order", id=order, **reply)


def test_calls_that_leave_a_silent_replica_are_moved_by_a_keepalive() -> None:
    """Nothing else ends a connection that is open and silent."""
    finding = liveness.unrequested_keepalive(frozen("0", moved_at=1.9).case())

    assert suspects(finding) == ("unrequested_keepalive",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY
    assert finding.seen == (
        "a fell silent, and 4 of the 12 calls after that waited and then reached another replica, all within "
        "0.69 s; without keepalive nothing moves them"
    )


@pytest.mark.parametrize(("moved_at", "previous"), [(1.48, 1), (1.9, None)], ids=["numbered", "late"])
def test_an_attempt_that_is_not_the_first_is_numbered_or_comes_late(moved_at: float, previous: int | None) -> None:
    """A library that numbers its attempts shows it directly; for any other, the wait does."""
    assert suspects(liveness.unrequested_keepalive(frozen("0", moved_at=moved_at, previous=previous).case()))


def test_calls_that_arrive_immediately_were_not_moved() -> None:
    """They were sent to the others to begin with."""
    assert liveness.unrequested_keepalive(frozen("0", moved_at=1.48, previous=None).case()) is None


@pytest.mark.parametrize(
    ("time_ms", "moved_at"), [("0", None), ("1000", 1.9)], ids=["they wait to their deadline", "it was asked for"]
)
def test_calls_that_wait_as_they_should_were_not_moved(time_ms: str, moved_at: float | None) -> None:
    """Without keepalive they wait, with it they are moved."""
    assert liveness.unrequested_keepalive(frozen(time_ms, moved_at=moved_at).case()) is None


def test_calls_that_a_replica_answers_late_were_not_moved() -> None:
    """Once it resumes, it answers what it holds."""
    story = frozen("0", moved_at=1.9).verb(1.7, "resume", "a")

    assert liveness.unrequested_keepalive(story.case()) is None


def stalled(after: str, *, until: float = 2.5, before: str = "a:OK:p1") -> Story:
    """Return a replica that stalls from 1.2 until then, with calls before and after, where a ping may take 5 s."""
    story = Story(gateway_variables={"KEEPALIVE_TIMEOUT_MS": "5000"}).asked(0.4).call(1.1, before)
    return story.verb(1.2, "pause", "a").verb(until, "resume", "a").call(until + 0.2, after)


def test_a_connection_that_does_not_outlast_a_stall_is_given_up_hastily() -> None:
    """The replica was silent for less time than the answer to a ping may take."""
    finding = liveness.short_timeout(stalled("a:OK:p2").case())

    assert suspects(finding) == ("short_keepalive_timeout",)
    assert finding is not None
    assert finding.seen == (
        "a was silent for 1.3 s, and calls came over another connection afterwards; a ping may stay unanswered for 5 s"
    )


@pytest.mark.parametrize(
    "story",
    [
        stalled("a:OK:p1"),
        stalled("a:OK:p2", until=6.5),
        stalled("a:OK:p2", before="b"),
        stalled("b:OK:p2"),
        frozen("1000", moved_at=1.9),
    ],
    ids=["it is kept", "it was silent for long", "it had none", "others are used", "it is silent still"],
)
def test_a_connection_that_is_not_given_up_hastily(story: Story) -> None:
    """It is still used, or it was not to outlast that, or no one can tell."""
    assert liveness.short_timeout(story.case()) is None


def idle(permitted: str | None, *pings: float, peer: bool = True) -> Story:
    """Return a gateway with one call to a peer at 1.5, and pings at these times."""
    story = Story(gateway_variables={} if permitted is None else {"KEEPALIVE_PERMIT_WITHOUT_CALLS": permitted})
    if peer:
        story.verb(1.2, "list a peer", "a")
    story.call(1.5, "a").event(1.51, "replica frame", replica="a", peer="pa", direction="sent", frame="GOAWAY")
    for at in pings:
        story.event(at, "replica frame", replica="a", peer="pa", direction="received", frame="PING")
    return story


def test_an_idle_connection_that_is_pinged_unasked() -> None:
    """The ping comes long after the last answer, so it measures nothing."""
    finding = liveness.idle_pings(idle("false", 1.51, 2.6).case())

    assert suspects(finding) == ("idle_connections_pinged",)
    assert finding is not None
    assert finding.seen == "an idle connection was pinged 1.10 s after its last call"


def test_an_idle_connection_that_is_never_pinged() -> None:
    """The only ping was an answer's echo."""
    finding = liveness.idle_pings(idle("true", 1.51).case())

    assert suspects(finding) == ("idle_connections_not_pinged",)
    assert finding is not None
    assert finding.sureness is Sureness.CERTAIN


@pytest.mark.parametrize(
    "story",
    [idle("true", 1.51, 2.6), idle("false", 1.51), idle(None), idle("true", peer=False)],
    ids=["pinged as asked", "left alone as asked", "nothing asked", "no one counts"],
)
def test_connections_that_are_treated_as_configured(story: Story) -> None:
    """And those of which no one can tell."""
    assert liveness.idle_pings(story.case()) is None


def refused(pinged_after: float | None, detail: str = "last stream 1, ENHANCE_YOUR_CALM") -> Story:
    """Return a connection that ends with this GOAWAY at 2.0, and one from 2.1 on that is pinged so much later."""
    story = Story(gateway_variables={"KEEPALIVE_TIME_MS": "300"}).verb(1.2, "list a peer", "a").call(1.5, "a:OK:p1")
    story.connected(1.4, "a", "p1", closed=2.0)
    story.event(1.99, "replica frame", replica="a", peer="p1", direction="received", frame="PING", detail="")
    story.event(2.0, "replica frame", replica="a", peer="p1", direction="sent", frame="GOAWAY", detail=detail)
    story.connected(2.1, "a", "p2")
    if pinged_after is not None:
        at = 2.1 + pinged_after
        story.event(at, "replica frame", replica="a", peer="p2", direction="received", frame="PING", detail="")
    return story


def test_a_connection_that_is_pinged_as_soon_as_the_one_that_was_refused() -> None:
    """Its keepalive time is the same as before."""
    finding = liveness.time_not_doubled(refused(0.3).case())

    assert suspects(finding) == ("keepalive_time_not_doubled",)
    assert finding is not None
    assert finding.seen == ("after too_many_pings, the next connection was pinged after 0.30 s, before 0.6 s")


@pytest.mark.parametrize(
    "story",
    [refused(0.6), refused(None), refused(0.3, "last stream 1, NO_ERROR")],
    ids=["twice as late", "not at all", "another reason"],
)
def test_a_connection_that_is_pinged_in_its_time(story: Story) -> None:
    """The time was doubled, or there was no reason to double it."""
    assert liveness.time_not_doubled(story.case()) is None
