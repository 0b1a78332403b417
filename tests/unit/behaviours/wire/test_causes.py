"""The rules for what comes over a connection, where a scripted peer sent it."""

import pytest

from tests.behaviours.wire import causes as wire
from tests.harness.causes.case import Sureness
from tests.harness.causes.rules import Rule
from tests.harness.world.endpoints import OnStream
from tests.unit.helpers.story import Story, suspects


def peer(on_stream: OnStream) -> Story:
    """Return a gateway in front of replicas a, b and c and a peer p."""
    return Story().verb(-0.01, "list a peer", "p", on_stream=on_stream)


@pytest.mark.parametrize("on_stream", [OnStream.REFUSES_BY_GOAWAY, OnStream.REFUSES])
def test_refused_calls_that_are_lost_show_that_retries_are_off(on_stream: OnStream) -> None:
    """A retry policy alone would have saved them, late."""
    story = peer(on_stream).call(1.1, "p:HANG", code="UNAVAILABLE").call(1.2, "a").call(1.3, "p:HANG", "b")
    finding = wire.refused(story.case())

    assert suspects(finding) == ("retries_disabled",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY
    assert finding.seen.startswith("1 of 2 calls that were refused before they were processed failed immediately")


def test_a_refused_stream_that_is_counted_is_the_librarys() -> None:
    """What C-core does."""
    finding = wire.refused(peer(OnStream.REFUSES).call(1.1, "p:HANG", "a").case())

    assert suspects(finding) == ("refused_stream_counted",)


def test_a_call_excluded_by_goaway_that_is_counted_has_no_known_cause() -> None:
    """No library is known to do so."""
    finding = wire.refused(peer(OnStream.REFUSES_BY_GOAWAY).call(1.1, "p:HANG", "a").case())

    assert finding is not None
    assert finding.sureness is Sureness.UNDECIDED


@pytest.mark.parametrize("on_stream", [OnStream.REFUSES_BY_GOAWAY, OnStream.REFUSES])
def test_refused_calls_that_are_sent_again_uncounted_give_no_reason(on_stream: OnStream) -> None:
    """That is how it has to be; what failed elsewhere is not about the peer."""
    story = peer(on_stream).call(1.1, "p:HANG", "a", previous=False).call(1.2, "b:UNAVAILABLE", code="UNAVAILABLE")

    assert wire.refused(story.case()) is None


@pytest.mark.parametrize(("previous", "cause"), [(True, "extra_retryable_code"), (False, "application_retry")])
def test_cancelled_calls_that_are_sent_again(*, previous: bool, cause: str) -> None:
    """Numbered by gRPC's own policy, or else by a loop in the application."""
    story = peer(OnStream.CANCELS).call(1.1, "p:HANG", "a", previous=previous)

    assert suspects(wire.cancelled(story.case())) == (cause,)


def test_pushed_back_calls_that_are_sent_again_unnumbered_are_the_applications() -> None:
    """A loop in the application does not know the pushback."""
    story = peer(OnStream.PUSHES_BACK_IN_WORDS).call(1.1, "p:UNAVAILABLE", "a", previous=False)

    assert suspects(wire.pushed_back(story.case())) == ("application_retry",)


def test_pushed_back_calls_that_grpc_retries_have_no_known_setting() -> None:
    """It is the library's."""
    finding = wire.pushed_back(peer(OnStream.PUSHES_BACK_IN_WORDS).call(1.1, "p:UNAVAILABLE", "a").case())

    assert finding is not None
    assert finding.sureness is Sureness.UNDECIDED


@pytest.mark.parametrize("rule", [wire.cancelled, wire.pushed_back])
@pytest.mark.parametrize("on_stream", OnStream)
def test_one_attempt_each_gives_no_reason(rule: Rule, on_stream: OnStream) -> None:
    """And neither do retries of what another replica failed."""
    story = peer(on_stream).call(1.1, "p:HANG", code="CANCELLED").call(1.2, "a:UNAVAILABLE", "b")

    assert rule(story.case()) is None


def frame(story: Story, at: float, peer: str, kind: str, detail: str = "") -> Story:
    """Add what a peer wrote down of a frame."""
    direction = "received" if kind == "PING" else "sent"
    return story.event(at, "replica frame", replica="p", peer=peer, direction=direction, frame=kind, detail=detail)


def goaway(*asked: float, until: float = 2.0) -> Story:
    """Return a gateway that got a GOAWAY at 1.2 and queried DNS at these times."""
    story = frame(peer(OnStream.REFUSES_BY_GOAWAY).asked(0.4), 1.2, "p1", "GOAWAY", "last stream 0, NO_ERROR")
    for at in asked:
        story.asked(at)
    return story.call(1.1, "a").call(until, "b")


def test_a_goaway_without_a_query_after_it_shows_a_long_interval() -> None:
    """Promised are 0.5 s, and 0.8 s passed."""
    finding = wire.not_re_resolved_after_goaway(goaway().case())

    assert suspects(finding) == ("long_resolution_interval", "resolves_when_all_are_lost")
    assert finding is not None
    assert finding.seen.startswith("the gateway had queried DNS once, and did not re-resolve in the 0.8 s after")


@pytest.mark.parametrize("story", [goaway(1.6), goaway(until=1.5), Story().asked(0.4).call(2.0, "a")])
def test_a_goaway_that_is_followed_or_is_young_gives_no_reason(story: Story) -> None:
    """It queried, or had no time for it, or there was no GOAWAY."""
    assert wire.not_re_resolved_after_goaway(story.case()) is None


def test_calls_that_fail_among_served_ones_without_reaching_the_server() -> None:
    """The gateway shed them itself."""
    story = Story().call(1.1, "p", took=0.2).call(1.15, code="RESOURCE_EXHAUSTED")
    finding = wire.own_limit(story.case())

    assert suspects(finding) == ("own_concurrency_limit",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY


@pytest.mark.parametrize(
    "story",
    [
        Story().call(1.1, "p", took=0.02).call(1.15, code="UNAVAILABLE"),  # no one was served then
        Story().call(1.1, "p", took=0.2).call(1.15, "p:HANG", code="UNAVAILABLE"),  # it had reached the server
        frame(Story().call(1.1, "p", took=0.2).call(1.15, code="UNAVAILABLE"), 1.16, "p1", "against the protocol"),
    ],
)
def test_calls_that_fail_differently_show_no_limit(story: Story) -> None:
    """A connection that the client broke by too many streams is another matter."""
    assert wire.own_limit(story.case()) is None


def spoken(first: float, last: float) -> Story:
    """Return a gateway with a peer that responds from 1.2 and gets its first call then, with calls until then."""
    return Story().verb(1.2, "steer", "p").call(1.1, "a").call(first, "p").call(last, "a")


def test_a_peer_that_gets_no_call_for_too_long_was_not_dialled() -> None:
    """Promised are 0.5 s."""
    assert suspects(wire.reconnected_too_late(spoken(2.5, 2.6).case())) == ("reconnect_backoff",)
    never = Story().verb(1.2, "steer", "p").call(1.1, "a").call(2.5, "a")
    assert suspects(wire.reconnected_too_late(never.case())) == ("reconnect_backoff",)


@pytest.mark.parametrize("story", [spoken(1.6, 2.5), Story().call(1.1, "a").call(2.5, "a")])
def test_a_peer_that_is_used_in_time_gives_no_reason(story: Story) -> None:
    """And neither does a world in which none was steered."""
    assert wire.reconnected_too_late(story.case()) is None
