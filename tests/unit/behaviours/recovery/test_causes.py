"""The rules for service that does not continue when replicas stop, die, freeze and return."""

import dataclasses
import math

import pytest

from tests.behaviours.recovery import causes as recovery
from tests.behaviours.retry import causes as retry
from tests.harness.causes.case import Sureness
from tests.harness.subject.keepalive import Keepalive
from tests.unit.helpers.story import PROMISES, Story, in_turn, outage, suspects

DIED = "gateway exited with status 70; last output:\nhello\nout of cheese"


def test_a_gateway_that_ended_died() -> None:
    """Its last words are the sentence."""
    story = Story().calls(1.1, *in_turn(3)).event(1.2, "gateway ended", message=DIED)
    finding = recovery.gateway_died(story.case())

    assert suspects(finding) == ("gateway_died",)
    assert finding is not None
    assert finding.seen == "gateway exited with status 70, 3 calls into the behaviour; last output: out of cheese"


def test_a_gateway_that_runs_has_not_died() -> None:
    """Nothing is found about one that keeps running."""
    assert recovery.gateway_died(Story().calls(1.1, *in_turn(3)).case()) is None


def stopped(exits: float) -> Story:
    """Return a replica that is stopped at 2.0 with a call of 200 ms in flight since 1.95, and exits."""
    story = Story().asked(0.4).verb(2.0, "stop", "a", took=exits - 2.0 + 0.01).event(exits, "replica exit", replica="a")
    return story.call(1.949, "a", "b", plan="OK:delay=200", took=0.5, gaps=(exits - 1.95 + 0.01,))


def test_a_replica_that_ends_with_calls_in_flight_did_not_drain() -> None:
    """It exited before the call could be answered: no gateway could have kept it."""
    finding = recovery.not_drained(stopped(exits=2.01).case())

    assert suspects(finding) == ("not_drained",)
    assert finding is not None
    assert finding.seen == "a cut 1 call in flight 10 ms after SIGTERM"


def test_calls_are_cut_when_the_grace_is_over_however_long_the_exit_takes() -> None:
    """A starved replica exited after the call would have been answered, which was cut before."""
    story = (
        stopped(exits=2.3).event(2.001, "replica drain", replica="a").event(2.002, "replica grace_over", replica="a")
    )
    finding = recovery.not_drained(story.case())

    assert suspects(finding) == ("not_drained",)
    assert finding is not None
    assert finding.seen == "a cut 1 call in flight 1 ms after SIGTERM"


def test_calls_that_come_after_a_goaway_are_the_gateways_doing() -> None:
    """The replica announced its end, and cut what was sent to it nevertheless: it did drain."""
    story = Story().asked(0.4).verb(2.0, "stop", "a", took=1.0).event(2.001, "replica drain", replica="a")
    story.event(3.0, "replica exit", replica="a")
    for number in range(8):
        story.call(2.2 + number / 10, "a", code="UNAVAILABLE", plan="OK:delay=900", took=0.9)
    finding = recovery.not_drained(story.case())

    assert suspects(finding) == ("goaway_ignored",)
    assert finding is not None
    assert finding.seen.startswith("a got 8 calls up to 900 ms after its SIGTERM")


def test_a_replica_that_answers_before_it_ends_drained() -> None:
    """A call that is repeated nevertheless is the gateway's doing."""
    assert recovery.not_drained(stopped(exits=2.3).case()) is None


def test_calls_that_fail_among_served_ones_were_sent_to_nobody() -> None:
    """No attempt arrived anywhere, while other calls were served just before and after."""
    story = Story().asked(0.4).verb(1.05, "publish a dead address", "name server")
    for number in range(13):
        at = 1.1 + number / 20
        story.call(at, code="UNAVAILABLE", took=0.03) if number % 4 == 3 else story.call(at, "abc"[number % 3])
    finding = recovery.picks_unconnected_replicas(story.case())

    assert suspects(finding) == ("picks_unconnected_replicas",)
    assert finding is not None
    assert finding.seen == (
        "3 of 13 calls failed without reaching a replica, while 10 around them were served by 3 replicas"
    )


def test_calls_that_fail_while_nobody_is_there_were_not_misdirected() -> None:
    """In an outage calls fail without a replica, and there is none to pick."""
    story = Story().asked(0.4).verb(1.5, "kill", "a").calls(1.1, *in_turn(30))
    for number in range(20):
        story.call(1.5 + number / 10, code="UNAVAILABLE")
    story.calls(3.6, *in_turn(30))

    assert recovery.picks_unconnected_replicas(story.case()) is None


def test_calls_that_are_lost_with_a_killed_replica_were_not_misdirected() -> None:
    """Those that were sent just then may not be in its ledger."""
    story = Story().asked(0.4).calls(1.1, *in_turn(20)).verb(1.3, "kill", "a").calls(1.32, "b", "c", "b", "c")
    for number in range(4):
        story.call(1.298 + number / 200, code="UNAVAILABLE", took=0.004)

    assert recovery.picks_unconnected_replicas(story.case()) is None


def silent_at_start(*spread: str, names_ours: bool = True) -> Story:
    """Return a gateway that spread calls like this, and a fresh one that serves none with one replica silent."""
    story = Story(names_ours=names_ours).calls(0.5, *spread)
    story.verb(1.2, "pause", "c").verb(1.3, "fresh gateway", "gateway")
    story = story.asked(1.4) if names_ours else story
    for number in range(20):
        story.call(1.7 + number / 50, code=None, took=2.7)
    return story


def test_a_gateway_that_serves_nothing_with_one_replica_silent_waits_for_all() -> None:
    """It had spread calls before, so neither policy nor name is what is wrong."""
    finding = recovery.waits_for_all(silent_at_start("a", "b", "c").case())

    assert suspects(finding) == ("waits_for_all",)
    assert finding is not None
    assert finding.sureness is Sureness.CERTAIN
    assert finding.seen.startswith("with c silent, a fresh gateway served none of 20 calls in 3.1 s")


def test_a_gateway_that_was_never_seen_to_spread_may_be_stuck_on_one() -> None:
    """Without calls before, pick_first on the silent replica looks the same: likely, not certain."""
    finding = recovery.waits_for_all(silent_at_start().case())

    assert finding is not None
    assert finding.sureness is Sureness.LIKELY


@pytest.mark.parametrize(("names_ours", "named"), [(False, ("pick_first", "one_address")), (True, ("pick_first",))])
def test_a_gateway_whose_calls_all_went_to_one_replica_before_is_stuck_on_one(
    names_ours: bool,  # noqa: FBT001, a parameter
    named: tuple[str, ...],
) -> None:
    """Its calls were not spread while all replicas were there: it has one connection, and waits for no other."""
    finding = recovery.waits_for_all(silent_at_start(*"bbbb", names_ours=names_ours).case())

    assert suspects(finding) == named
    assert finding is not None
    assert finding.seen.endswith("; before, 4 of 4 calls went to one replica")


@pytest.mark.parametrize("spread", ["", "b", "bbb"])
def test_a_few_calls_to_one_replica_show_no_policy(spread: str) -> None:
    """They may have met the first connection alone, as a fresh round_robin's do."""
    assert suspects(recovery.waits_for_all(silent_at_start(*spread).case())) == ("waits_for_all",)


def test_a_gateway_that_serves_with_one_replica_silent_waits_for_nobody() -> None:
    """One call that was served is enough."""
    assert recovery.waits_for_all(silent_at_start("a", "b", "c").call(2.0, "a").case()) is None


def returned(first: float | None, *, moved: bool = False) -> Story:
    """Return a replica that is killed at 1.5, is back at 2.0, and has its first call then, if any."""
    story = Story().asked(0.4).calls(1.1, *in_turn(9)).verb(1.5, "kill", "a").verb(1.9, "start", "a", 0.1, moved=moved)
    story.calls(1.6, *["b", "c"] * 60, every=0.02)
    return story if first is None else story.call(first, "a")


def test_a_replica_that_is_back_and_gets_no_call_is_dialled_too_late() -> None:
    """It listens at its old address and gets nothing for longer than promised."""
    finding = recovery.slow_reconnect(returned(None).case())

    assert suspects(finding) == ("reconnect_backoff", "address_given_up")
    assert finding is not None
    assert finding.seen.startswith(
        "a was listening again at its old address and got none of the 99 calls in the 2.0 s after that"
    )


def test_a_replica_that_gets_its_call_late_is_dialled_too_late() -> None:
    """A first call after the promised time counts too, with its time: then it is not given up."""
    finding = recovery.slow_reconnect(returned(3.2).case())

    assert suspects(finding) == ("reconnect_backoff",)

    assert finding is not None
    assert "got the first call 1.2 s later" in finding.seen


def test_a_replica_that_gets_its_call_in_time_is_not_missed() -> None:
    """Within the promised time nothing is wrong."""
    assert recovery.slow_reconnect(returned(2.2).case()) is None


def test_a_replica_that_moved_is_not_a_matter_of_dialling() -> None:
    """At a new address it has to be found first."""
    assert recovery.slow_reconnect(returned(None, moved=True).case()) is None


def cut(until: float) -> Story:
    """Return a replica that is cut off at 1.5, and calls that wait for it in vain until then."""
    seconds = {"KEEPALIVE_TIME_MS": "1000", "KEEPALIVE_TIMEOUT_MS": "1000"}
    story = Story(names_ours=False, gateway_variables=seconds).verb(1.5, "disconnect", "a")
    for number in range(90):
        at = 1.6 + number / 20
        lost = number % 3 == 0 and at < until
        story.call(at, code="DEADLINE_EXCEEDED", took=1.5) if lost else story.call(at, "bc"[number % 2])
    return story


def test_calls_that_keep_waiting_for_a_silent_replica_lack_a_keepalive() -> None:
    """The connection is kept, and every third call waits for its deadline."""
    finding = recovery.no_keepalive(cut(until=9.0).case())

    assert suspects(finding) == ("no_keepalive",)
    assert finding is not None
    assert finding.seen == (
        "a was cut off from the network, and 30 of the 90 calls after that waited for it in vain, the last one until "
        "5.9 s later; 2 s are promised"
    )


def test_calls_that_are_served_by_others_miss_nothing() -> None:
    """No lost call, no complaint."""
    assert recovery.no_keepalive(cut(until=0.0).case()) is None


def test_calls_that_wait_no_longer_than_the_keepalive_takes_miss_nothing() -> None:
    """Until it has given the connection up, a right gateway sends calls to it too."""
    assert recovery.no_keepalive(cut(until=1.7).case()) is None


def test_calls_that_wait_until_their_deadline_are_sent_to_wait() -> None:
    """With no one there they should fail immediately."""
    finding = recovery.waits_for_ready(outage("DEADLINE_EXCEEDED", 1.5).case())

    assert suspects(finding) == ("wait_for_ready", "long_backoff")
    assert finding is not None
    assert finding.seen == "with all 3 replicas down, 5 of 5 calls waited for 1.50 s; the deadline is 1.5 s"


def test_calls_without_a_reply_wait_for_no_replica() -> None:
    """Those that wait for one end at their deadline; a gateway that has no time for them answers nothing."""
    assert recovery.waits_for_ready(outage(None, 2.8).case()) is None


def test_calls_that_fail_fast_do_not_wait() -> None:
    """UNAVAILABLE after the backoffs is right."""
    assert recovery.waits_for_ready(outage("UNAVAILABLE", 0.3).case()) is None


def test_requests_without_a_reply_are_stuck_in_the_gateway() -> None:
    """It lives, other requests were served, and these got nothing."""
    story = (
        Story().asked(0.4).calls(1.1, *in_turn(6)).call(1.3, code=None, took=2.2).call(1.4, "a", code=None, took=2.2)
    )
    finding = recovery.unanswered(story.case())

    assert suspects(finding) == ("unanswered",)
    assert finding is not None
    assert finding.seen == "2 of 8 requests got no reply in 2.2 s; 1 of them had reached a replica"
    assert recovery.unanswered(story.event(4.0, "gateway ended", message="gone").case()) is None
    assert recovery.unanswered(Story().calls(1.1, *in_turn(6)).case()) is None


def test_a_gateway_that_promises_no_keepalive_lacks_none() -> None:
    """Calls wait for the silent replica, and that is no news."""
    story = Story(names_ours=False).verb(1.5, "disconnect", "a")
    for number in range(900):
        story.call(1.6 + number / 20, code="DEADLINE_EXCEEDED", took=1.5) if number % 3 == 0 else story.call(
            1.6 + number / 20, "b"
        )
    promised = dataclasses.replace(PROMISES, keepalive=Keepalive(time=3, timeout=1))

    assert suspects(recovery.no_keepalive(story.case(promised))) == ("no_keepalive",)
    assert recovery.no_keepalive(story.case(dataclasses.replace(PROMISES, keepalive=Keepalive(time=0)))) is None


def test_calls_without_a_promised_deadline_are_never_late() -> None:
    """Neither a slow call nor one that fails with all replicas down shows that it waited for a deadline."""
    story = Story().asked(0.4)
    for name in "abc":
        story.verb(1.2, "kill", name)
    case = story.call(1.5, code=None, took=9.0).case(dataclasses.replace(PROMISES, call_timeout=0.0))

    assert case.deadline == math.inf
    assert recovery.waits_for_ready(case) is None
    assert (
        retry.no_deadline(story.call(3.0, "a", took=9.0).case(dataclasses.replace(PROMISES, call_timeout=0.0))) is None
    )
