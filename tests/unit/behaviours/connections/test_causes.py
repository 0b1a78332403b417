"""The rules for connections that are kept too long, and for addresses that are dialled too often or in step."""

from itertools import accumulate

import pytest

from tests.behaviours.connections import causes as connections
from tests.harness.causes.case import Sureness
from tests.harness.subject.service_configs import max_connections_of, scaled, written
from tests.unit.helpers.story import ADDRESSES, Story, suspects

IDLE = {"CLIENT_IDLE_TIMEOUT_MS": "1000"}
BACKOFF = {"INITIAL_RECONNECT_BACKOFF_MS": "100", "MAX_RECONNECT_BACKOFF_MS": "400"}
STEADY = {"INITIAL_RECONNECT_BACKOFF_MS": "300", "MAX_RECONNECT_BACKOFF_MS": "300"}


def quiet(until: float, given: dict[str, str], closed: float | None = None) -> Story:
    """Return a gateway with a connection to a, whose last call came at 1.1."""
    story = Story(gateway_variables=given).asked(0.4).connected(0.5, "a", "pa", closed)
    return story.call(1.1, "a").event(until, "waited", what="all connections are closed")


def test_connections_that_outlive_the_idle_timeout() -> None:
    """No one has called for more than twice the timeout."""
    finding = connections.never_idle(quiet(3.6, IDLE).case())

    assert suspects(finding) == ("no_idle_timeout",)
    assert finding is not None
    assert finding.seen == "2.5 s after the last call, 1 connection was still open; the configured idle timeout is 1 s"


def test_connections_may_be_open_before_the_idle_timeout_or_without_one() -> None:
    """A timer may take twice the timeout; without one they are kept."""
    assert connections.never_idle(quiet(3.0, IDLE).case()) is None
    assert connections.never_idle(quiet(3.6, {}).case()) is None
    assert connections.never_idle(quiet(3.6, IDLE, 2.5).case()) is None


def test_a_gateway_that_reconnects_without_a_query_has_an_address_list() -> None:
    """It closed its connection and opened another one, and never queried DNS."""
    silent = Story().connected(0.5, "a", "pa", 2.5).call(1.1, "a").call(3.0, "a:OK:p2").connected(3.0, "a", "p2")

    assert suspects(connections.idle_and_never_resolved(silent.case())) == ("address_list",)
    assert connections.idle_and_never_resolved(silent.asked(0.4).case()) is None
    assert connections.idle_and_never_resolved(Story().connected(0.5, "a", "pa").call(1.1, "a").case()) is None


def dialling(given: dict[str, str], *gaps: float, count: int = 1, apart: float = 0.0) -> Story:
    """Return a gateway that dials so many listeners with these gaps, each `apart` from the one before."""
    story = Story(gateway_variables=given).asked(0.4, *ADDRESSES, "127.0.0.9")
    for number in range(count):
        times = list(accumulate([1.2, *(gap + number * apart for gap in gaps)]))
        for at in times:
            story.event(at, "dialled", address=f"127.0.1.{number}", then="close")
    return story.event(4.0, "waited", what="the listeners were dialled")


def test_gaps_that_do_not_grow_are_too_short() -> None:
    """Every 100 ms, where 400 ms are due."""
    finding = connections.backoff(dialling(BACKOFF, 0.1, 0.1, 0.1, 0.1, 0.1).case())

    assert suspects(finding) == ("dials_too_often",)
    assert finding is not None
    assert "100, 100, 100, 100, 100 ms apart; the gap should grow to 400 ms" in finding.seen


def test_one_dial_is_a_backoff_that_is_too_long() -> None:
    """In time for several more."""
    finding = connections.backoff(dialling(BACKOFF).case())

    assert suspects(finding) == ("reconnect_backoff",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY


def test_gaps_that_are_the_backoffs_give_no_reason() -> None:
    """With all the jitter there may be, and where no backoff is configured."""
    right = (0.08, 0.128, 0.205, 0.32, 0.32)

    assert connections.backoff(dialling(BACKOFF, *right).case()) is None
    assert connections.backoff(dialling({}, 0.1, 0.1, 0.1, 0.1).case()) is None
    assert connections.backoff(Story(gateway_variables=BACKOFF).call(1.1, "a").case()) is None


def test_addresses_that_are_dialled_in_step_have_no_jitter() -> None:
    """All sixteen three times after 300 ms, give or take a millisecond each."""
    finding = connections.no_jitter(dialling(STEADY, 0.3, 0.3, 0.3, count=16, apart=0.0005).case())

    assert suspects(finding) == ("no_reconnect_jitter",)
    assert finding is not None
    assert finding.seen == "three backoffs of 16 addresses were equally long, to within 22 ms"


def test_dials_that_drift_apart_or_are_few_have_jitter_as_far_as_is_known() -> None:
    """Sixteen that differ, three that do not, and sixteen that were dialled twice."""
    assert connections.no_jitter(dialling(STEADY, 0.3, 0.3, 0.3, count=16, apart=0.004).case()) is None
    assert connections.no_jitter(dialling(STEADY, 0.3, 0.3, 0.3, count=3).case()) is None
    assert connections.no_jitter(dialling(STEADY, 0.3, count=16).case()) is None


def channelz(*started: int) -> Story:
    """Return a gateway that made three calls, and whose channelz has so many for each subchannel."""
    story = Story().calls(1.1, "a", "b", "c")
    shown = [{"replica": name, "started": count} for name, count in zip("abc", started, strict=False)]
    return story.event(2.0, "channelz", subchannels=shown)


def test_channelz_that_lacks_calls_is_of_another_channel() -> None:
    """The replicas got three."""
    finding = connections.channelz_shows_another_channel(channelz(0, 0, 0).case())

    assert suspects(finding) == ("channelz_shows_another_channel",)
    assert finding is not None
    assert finding.seen == "channelz counted 0 calls, but the replicas got 3 attempts"


def test_channelz_that_has_all_calls_or_was_not_queried_gives_no_reason() -> None:
    """It may have more than the ledgers, of calls that got lost."""
    assert connections.channelz_shows_another_channel(channelz(1, 1, 2).case()) is None
    assert connections.channelz_shows_another_channel(Story().calls(1.1, "a", "b", "c").case()) is None


def greeted(*gaps: float) -> Story:
    """Return a gateway whose address failed twice, was ready, and then failed with these gaps between its dials."""
    story = Story(gateway_variables=BACKOFF).call(1.1, "a")
    for at, then in ((1.2, "close"), (1.3, "close"), (1.46, "greet")):
        story.event(at, "dialled", address="127.0.1.1", then=then)
    for at in accumulate([1.56, *gaps]):
        story.event(at, "dialled", address="127.0.1.1", then="close")
    return story


def test_a_backoff_that_a_success_does_not_reset() -> None:
    """It continues with 400 ms where 100 ms are due."""
    finding = connections.not_reset(greeted(0.4).case())

    assert suspects(finding) == ("reconnect_backoff",)
    assert finding is not None
    assert "was redialled after 400 ms; the configured initial backoff is 100 ms" in finding.seen


def test_a_backoff_that_restarts_is_right() -> None:
    """With its jitter; and where it was not redialled, or never ready, nothing is known."""
    assert connections.not_reset(greeted(0.12, 0.19).case()) is None
    assert connections.not_reset(greeted().case()) is None
    assert connections.not_reset(dialling(BACKOFF, 0.1, 0.16, 0.256, 0.4).case()) is None


def test_silent_connections_that_are_kept_outlive_the_connect_timeout() -> None:
    """One dial each in more than twice the timeout."""
    finding = connections.waits_on_silent_address(dialling({"CONNECT_TIMEOUT_MS": "500"}, count=3).case())

    assert suspects(finding) == ("connect_timeout",)
    assert finding is not None
    assert "3 connections to silent addresses were kept for 2.8 s" in finding.seen
    assert connections.waits_on_silent_address(dialling({"CONNECT_TIMEOUT_MS": "500"}, 0.5, count=3).case()) is None
    assert connections.waits_on_silent_address(dialling({"CONNECT_TIMEOUT_MS": "2000"}, count=3).case()) is None
    assert connections.waits_on_silent_address(dialling({}, count=3).case()) is None


def limited(*attempts: str, config: str = written(scaled(3)), streams: int | None = 2) -> Story:
    """Return a gateway whose concurrent calls came to a peer with so many streams on a connection."""
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": config})
    story.verb(1.05, "list a peer", "p", most_streams=streams)
    for number, attempt in enumerate(attempts):
        story.call(1.1 + number / 1000, attempt, took=0.2)
    return story


def test_calls_that_share_one_connection_where_three_are_configured() -> None:
    """Four concurrent calls, two streams."""
    finding = connections.not_scaled(limited("p", "p", "p", "p").case())

    assert suspects(finding) == ("connections_not_scaled",)
    assert finding is not None
    assert finding.seen == (
        "up to 4 concurrent calls went over one connection with 2 streams; up to 3 connections are configured"
    )


@pytest.mark.parametrize(
    "story",
    [
        limited("p", "p:OK:p2", "p", "p"),
        limited("p", "p"),
        limited("p", "p", "p", streams=None),
        limited("p", "p", "p", config="{}"),
    ],
)
def test_calls_that_need_no_other_connection_show_nothing(story: Story) -> None:
    """Over two connections, no more than there are streams, without a limit, or not configured."""
    assert connections.not_scaled(story.case()) is None


def test_a_service_config_limits_how_many_connections_there_may_be() -> None:
    """One, if it does not."""
    assert max_connections_of(written(scaled(3))) == 3
    assert [max_connections_of(text) for text in ("", "{}", "[]", '{"connectionScaling": {}}')] == [1] * 4
