"""The rules for what comes over a connection, where a peer that is steered by hand sent it."""

import pytest

from tests.harness.causes import wire
from tests.harness.causes.case import Sureness
from tests.harness.causes.explain import Rule
from tests.loopback.peer import OnStream
from tests.unit.story import Story
from tests.unit.test_causes_distribution import suspects


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
    assert finding.seen.startswith("1 of 2 calls that were refused before they were looked at failed at once")


def test_a_refused_stream_that_is_counted_is_the_librarys() -> None:
    """What C-core does."""
    finding = wire.refused(peer(OnStream.REFUSES).call(1.1, "p:HANG", "a").case())

    assert suspects(finding) == ("refusal_counted",)


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


@pytest.mark.parametrize(("previous", "cause"), [(True, "code_listed"), (False, "application_retry")])
def test_cancelled_calls_that_are_sent_again(*, previous: bool, cause: str) -> None:
    """Numbered by gRPC's own policy, else by a loop of the application's."""
    story = peer(OnStream.CANCELS).call(1.1, "p:HANG", "a", previous=previous)

    assert suspects(wire.cancelled(story.case())) == (cause,)


def test_pushed_back_calls_that_are_sent_again_unnumbered_are_the_applications() -> None:
    """A loop of its own does not know the pushback."""
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
