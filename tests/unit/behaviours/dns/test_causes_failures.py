"""The rules for what a gateway makes of a failed resolution: what fires them, and what comes near and must not."""

import pytest

from tests.behaviours.dns import causes as names
from tests.unit.helpers.answers import answered, cut
from tests.unit.helpers.story import ADDRESSES, Story, in_turn, suspects


def failing(
    fault: str = "NXDOMAIN", *, lost: int = 12, ours: bool = True, answer: tuple[str, ...] = (), rcode: str = "NXDOMAIN"
) -> Story:
    """Return a gateway that spread calls, was answered with a failure at 2.0, and then loses calls."""
    story = (
        Story(names_ours=ours).asked(0.4).calls(1.1, *in_turn(9)).verb(1.5, "fail names", "name server", fault=fault)
    )
    answered(cut(story, 1.9), 2.0, *answer, rcode=rcode)
    for number in range(12):
        story.call(2.1 + number / 50, *(() if number < lost else ("b",)), code="UNAVAILABLE" if number < lost else "OK")
    return story


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "SERVFAIL"])
def test_calls_that_reach_nobody_since_a_query_failed_show_dropped_addresses(rcode: str) -> None:
    """Nothing else was broken, and no call reaches a replica."""
    finding = names.addresses_dropped(failing(rcode, rcode=rcode).case())

    assert suspects(finding) == ("addresses_dropped_on_dns_failure",)
    assert finding is not None
    assert finding.seen == (
        f"DNS returned {rcode}, and 12 of 12 calls after that reached none of the 3 replicas, which were healthy"
    )


def test_an_answer_without_addresses_is_a_failure_too() -> None:
    """NOERROR and nothing in it."""
    finding = names.addresses_dropped(failing("EMPTY", rcode="NOERROR").case())

    assert finding is not None
    assert finding.seen.startswith("DNS returned 0 addresses, and 12 of 12 calls")


@pytest.mark.parametrize(
    "story",
    [
        failing(lost=0),
        failing(lost=3),
        failing(answer=ADDRESSES, rcode="NOERROR"),
        failing().verb(2.5, "kill", "b"),
        failing("TRUNCATED", rcode="NOERROR"),
    ],
    ids=["no call lost", "a few lost", "it was answered", "a replica was killed", "another fault"],
)
def test_calls_that_were_served_or_lost_differently_show_no_dropped_address(story: Story) -> None:
    """Near misses."""
    assert names.addresses_dropped(story.case()) is None


def beginning(*, again: float | None = None, until: float = 4.0, took: float = 0.02) -> Story:
    """Return a gateway that starts before its name, which exists from 1.5; it queries at 1.1, and perhaps again."""
    story = Story(fresh=False).verb(0.5, "fail names", "name server", fault="NXDOMAIN")
    story.verb(0.9, "fresh gateway", "gateway", took=0.1)
    answered(story, 1.1, rcode="NXDOMAIN").call(1.1, code="UNAVAILABLE" if took < 1 else "DEADLINE_EXCEEDED", took=took)
    story.verb(1.5, "heal names", "name server")
    if again:
        story.asked(again)
    for number in range(int((until - 1.6) * 10)):
        story.call(1.6 + number / 10, code="UNAVAILABLE")
    return story


def test_a_gateway_that_never_queries_again_after_a_failure_keeps_it() -> None:
    """One query, which failed, and calls that fail long after the name exists."""
    finding = names.failure_treated_as_permanent(beginning().case())

    assert suspects(finding) == ("dns_failure_treated_as_permanent",)
    assert finding is not None
    assert finding.seen == (
        "the gateway had queried DNS once, got NXDOMAIN, and did not query again in the 2.4 s after DNS had addresses"
    )


def test_a_gateway_that_queried_again_or_had_no_time_to_keeps_no_failure() -> None:
    """A query after the name is back, or the end too soon after it."""
    assert names.failure_treated_as_permanent(beginning(again=2.0).case()) is None
    assert names.failure_treated_as_permanent(beginning(until=2.2).case()) is None


def test_calls_that_wait_for_a_name_that_does_not_exist_are_sent_wait_for_ready() -> None:
    """The answer came immediately, and the call ended at its deadline."""
    finding = names.waited_for_dns(beginning(took=1.5).case())

    assert suspects(finding) == ("wait_for_ready", "long_backoff")
    assert finding is not None
    assert finding.seen == ("DNS returned NXDOMAIN, and 1 call waited for 1.50 s; the deadline is 1.5 s")


def test_calls_that_fail_fast_or_wait_for_an_answer_are_not_sent_wait_for_ready() -> None:
    """A call that failed fast, and one that waited where nothing was answered."""
    silent = (
        Story().verb(1.2, "fail names", "name server", fault="SILENT").call(1.3, code="DEADLINE_EXCEEDED", took=1.5)
    )

    assert names.waited_for_dns(beginning().case()) is None
    assert names.waited_for_dns(silent.case()) is None


def scaled_to_nothing(*, again: float | None = None) -> Story:
    """Return a gateway that served, received no address at 2.0, and makes calls after replicas came back at 3.0."""
    story = Story().asked(0.4).calls(1.1, *in_turn(9)).verb(1.5, "scale", "world", count=0)
    answered(story, 2.0).verb(2.9, "scale", "world", took=0.1, count=3)
    if again:
        story.asked(again)
    for number in range(50):
        story.call(3.1 + number / 10, code="UNAVAILABLE")
    return story


def test_a_gateway_that_received_no_address_and_stops_querying_keeps_that() -> None:
    """It had served before, so it knows how to query."""
    finding = names.failure_treated_as_permanent(scaled_to_nothing().case())

    assert suspects(finding) == ("dns_failure_treated_as_permanent",)
    assert finding is not None
    assert finding.seen.startswith("the gateway had queried DNS 2 times, got 0 addresses, and did not query again")
    assert names.failure_treated_as_permanent(scaled_to_nothing(again=3.5).case()) is None


def silent(took: float = 2.7, rcode: str = "silent") -> Story:
    """Return a gateway whose query is not answered, and a call that waits so long."""
    return answered(Story(), 0.4, rcode=rcode).call(1.1, code=None if took > 2 else "DEADLINE_EXCEEDED", took=took)


def test_calls_that_wait_for_unresponsive_dns_past_their_deadline_have_none() -> None:
    """The deadline is 1.5 s."""
    finding = names.waited_without_deadline(silent().case())

    assert suspects(finding) == ("no_deadline", "wrong_deadline")
    assert finding is not None
    assert finding.seen == ("DNS did not answer, and 1 call waited for it for 2.7 s or longer; the deadline is 1.5 s")


def test_calls_that_end_at_their_deadline_or_had_an_answer_are_not_accused() -> None:
    """Near misses."""
    assert names.waited_without_deadline(silent(took=1.55).case()) is None
    assert names.waited_without_deadline(silent(rcode="NXDOMAIN").case()) is None
