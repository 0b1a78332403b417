"""What a behaviour cost its callers, by synthetic histories: those that must give a price, and those that must not."""

import pytest

from tests.harness.price.price import NAME, NEW_ADDRESS, OTHER, RETURNED, SILENT, Found, Price, of, price_of
from tests.harness.subject.promises import Promises
from tests.unit.helpers.story import PROMISES, Story, in_turn

EVERY = 0.05
"""Seconds between two calls of a synthetic load."""

NO_RETRIES = Promises(call_timeout=1.5, min_resolution_interval=0.5, reconnects_within=0.5, max_attempts=1)


def priced(story: Story, promises: Promises = PROMISES) -> Price:
    """Return the price of a story that has one."""
    price = price_of(story.case(promises))
    assert price is not None
    return price


def load(story: Story, since: float, until: float, *, code: str | None = "OK", served_by: str = "") -> Story:
    """Place calls at a steady rate that end like this, those that are served by the replicas in turn, or by one."""
    for number in range(round((until - since) / EVERY)):
        replica = served_by or in_turn(number + 1)[-1]
        story.call(since + number * EVERY, *([replica] if code == "OK" else []), code=code)
    return story


def about(found: Found | None) -> tuple[str, float, bool, str]:
    """Return what was found, to a hundredth of a second."""
    assert found is not None
    return found.replica, round(found.seconds, 2), found.found, found.after


def replaced_fleet(seconds: float = 30.0) -> Story:
    """Return a fleet that is wholly replaced at 2.0, and found after so many seconds."""
    story = load(Story().verb(2.0, "restart", "world", took=0.3, moved=True), 1.1, 2.0)
    load(story, 2.05, 2.3 + seconds, code="UNAVAILABLE")
    for name in "abc":
        story.event(2.2, "replica serving", replica=name).connected(2.3 + seconds, name, f"new-{name}")
    return load(story, 2.3 + seconds, 4.0 + seconds)


# What is a price


def test_a_replaced_fleet_that_is_found_late_is_an_outage_even_if_that_is_promised() -> None:
    """Calls fail for 30 s although replicas are there; those before, while none is known to serve, do not count."""
    price = priced(replaced_fleet())
    assert price.outage is not None
    assert price.discovery is not None

    assert price.outage.seconds == pytest.approx(30.0, abs=2 * EVERY)
    assert price.outage.lost == price.outage.calls == price.lost == pytest.approx(600, abs=2)
    assert price.outage.waited_for == NEW_ADDRESS
    assert about(price.discovery) == ("a", 30.0, True, "restart")
    assert price.recovery is None


def test_of_the_lost_calls_those_count_as_served_in_time_whose_deadline_came_later() -> None:
    """They have 1.5 s, and none of them reached a replica."""
    price = priced(replaced_fleet())

    assert price.reached == 0
    assert price.in_time == pytest.approx(1.5 / EVERY, abs=1)


def test_without_a_deadline_every_call_that_waits_is_served_in_time() -> None:
    """A call that waits for a connection waits as long as it takes."""
    price = priced(replaced_fleet(5.0), Promises(call_timeout=0.0))

    assert price.in_time == price.lost


def test_an_outage_may_serve_some() -> None:
    """Every tenth call is served while the others fail."""
    story = Story()
    for number in range(60):
        served = number % 10 == 9
        story.call(1.1 + number * EVERY, *(["a"] if served else []), code="OK" if served else "UNAVAILABLE")
    outage = priced(load(story, 4.1, 6.0)).outage
    assert outage is not None

    assert (outage.calls, outage.lost) == (59, 54)


def test_two_outages_with_service_in_between_are_two() -> None:
    """The longer one counts; all lost calls count."""
    story = load(Story(), 1.1, 2.1, code="UNAVAILABLE")
    load(story, 2.1, 3.1)
    load(story, 3.1, 5.1, code="UNAVAILABLE")
    price = priced(load(story, 5.1, 6.0))
    assert price.outage is not None

    assert price.outage.at == pytest.approx(3.1)
    assert price.outage.lost == 40
    assert price.lost == 60


def test_an_outage_is_over_once_calls_are_served_however_long_it_was() -> None:
    """A hundred fail, fifty are served, and two more fail."""
    story = load(load(Story(), 1.1, 6.1, code="UNAVAILABLE"), 6.1, 8.6)
    outage = priced(load(story, 8.6, 8.7, code="UNAVAILABLE")).outage
    assert outage is not None

    assert (outage.lost, outage.calls) == (100, 100)


def test_time_without_calls_is_no_outage() -> None:
    """One call fails, and another one half a minute later."""
    story = load(load(Story(), 1.1, 1.2, code="UNAVAILABLE"), 31.1, 31.2, code="UNAVAILABLE")
    outage = priced(story).outage
    assert outage is not None

    assert outage.seconds < 1


def test_one_lost_call_is_lost_and_no_outage() -> None:
    """It was in flight on a replica that was killed."""
    story = load(Story(), 1.1, 2.0).call(2.0, "a:UNAVAILABLE", code="UNAVAILABLE").verb(2.001, "kill", "a")
    price = priced(load(story, 2.1, 3.0, served_by="b"), NO_RETRIES)

    assert (price.lost, price.reached, price.in_time, price.outage) == (1, 1, 0, None)


def test_calls_that_are_held_are_without_service_although_none_is_lost() -> None:
    """All that is sent in two seconds is served at the end of them."""
    story = load(Story(), 1.1, 2.0)
    for number in range(40):
        story.call(2.0 + number * EVERY, "a", took=2.5 - number * EVERY)
    price = priced(load(story, 4.6, 6.0))
    assert price.outage is not None

    assert (price.lost, price.outage.lost) == (0, 0)
    assert price.outage.seconds == pytest.approx(2.5, abs=EVERY)


def test_what_an_outage_waited_for_is_what_the_world_shows() -> None:
    """A replica that returned, one that was silent, or neither."""
    killed = load(Story(), 1.1, 2.0)
    for name in "abc":
        killed.verb(2.0, "kill", name)
    killed.verb(2.5, "restart", "world", took=0.1, moved=False)
    load(load(killed.connected(4.0, "a", "p"), 2.6, 4.0, code="UNAVAILABLE"), 4.0, 5.0, served_by="a")
    silent = load(Story().verb(1.5, "pause", "a"), 2.0, 4.0, code="DEADLINE_EXCEEDED")

    assert priced(killed).outage.waited_for == RETURNED  # type: ignore[union-attr]
    assert priced(silent).outage.waited_for == SILENT  # type: ignore[union-attr]
    assert priced(load(Story(), 1.1, 2.0, code="UNAVAILABLE")).outage.waited_for == OTHER  # type: ignore[union-attr]


def test_an_outage_after_a_name_was_healed_waits_for_the_name() -> None:
    """The gateway was started before its name existed."""
    story = Story().verb(1.1, "fail names", "name server").verb(1.2, "fresh gateway", "gateway", took=0.3)
    story = load(story.verb(2.0, "heal names", "name server"), 1.6, 3.0, code="UNAVAILABLE")
    price = priced(load(story, 3.0, 4.0))
    assert price.outage is not None

    assert (price.outage.waited_for, round(price.outage.seconds, 1)) == (NAME, 0.9)


def test_an_outage_is_not_put_down_to_a_replica_that_no_one_waited_for() -> None:
    """One returned long before it and was not used, as under pick_first; another one was used immediately."""
    story = load(Story(), 1.1, 2.0).verb(2.0, "kill", "a").verb(2.5, "start", "a", took=0.1, moved=False)
    story.verb(2.7, "kill", "c").verb(2.8, "start", "c", took=0.1, moved=False).connected(2.9, "c", "again")
    story = load(load(story, 3.0, 6.0, served_by="b"), 6.0, 8.0, code="UNAVAILABLE")

    assert priced(story, Promises(policy="pick_first")).outage.waited_for == OTHER  # type: ignore[union-attr]


def test_a_new_replica_counts_from_when_its_name_is_answered() -> None:
    """Until then the name server gives the old list."""
    story = load(Story().verb(1.2, "fail names", "name server"), 1.1, 5.0, served_by="b")
    story.event(1.5, "replica serving", replica="d").verb(1.4, "replace", "a", took=0.2)
    story.verb(3.0, "heal names", "name server").connected(3.5, "d", "new")

    assert about(priced(story).discovery) == ("d", 0.49, True, "replace")


def test_a_returned_replica_is_a_recovery() -> None:
    """It is killed, returns at its address, and is connected 0.8 s later."""
    story = load(Story(), 1.1, 2.0).verb(2.0, "kill", "a").verb(3.0, "start", "a", took=0.2, moved=False)
    price = priced(load(story.connected(4.0, "a", "again"), 2.05, 5.0, served_by="b"))

    assert about(price.recovery) == ("a", 0.8, True, "start")
    assert price.discovery is None


def test_an_added_replica_counts_from_the_first_loss_after_it() -> None:
    """Without one, a client that does not poll has no reason to re-resolve."""
    story = Story().event(1.5, "replica serving", replica="d").verb(1.4, "scale", "world", took=0.2, count=4)
    story.verb(5.0, "stop", "a")
    found = load(story.connected(5.3, "d", "new"), 1.1, 7.0, served_by="b")

    assert about(priced(found).discovery) == ("d", 0.3, True, "scale")


def test_an_added_replica_counts_from_its_listing_for_a_poller() -> None:
    """It promises to re-resolve on a timer."""
    story = Story().event(1.5, "replica serving", replica="d").verb(1.4, "scale", "world", took=0.2, count=4)
    found = load(story.connected(4.0, "d", "new"), 1.1, 5.0, served_by="b")
    discovery = priced(found, Promises(refresh_interval=3.0)).discovery
    assert discovery is not None

    assert discovery.seconds == pytest.approx(2.4)


def test_a_replica_that_is_never_found_takes_longer_than_was_watched() -> None:
    """It returned, and no connection was made to it."""
    story = load(Story(), 1.1, 2.0).verb(2.0, "kill", "a").verb(2.5, "start", "a", took=0.1, moved=False)
    recovery = priced(load(story, 2.05, 8.0, served_by="b")).recovery
    assert recovery is not None

    assert (recovery.found, round(recovery.seconds, 1)) == (False, 5.3)


# What is not


def none_to_serve() -> Story:
    """Return calls that fail while all replicas are down on purpose."""
    story = load(Story(), 1.1, 2.0)
    for name in "abc":
        story.verb(2.0, "kill", name)
    return load(story, 2.05, 12.0, code="UNAVAILABLE")


@pytest.mark.parametrize(
    "story",
    [
        none_to_serve(),
        load(load(Story(), 1.1, 2.0).verb(2.0, "fail names", "name server"), 2.1, 9.0, code="UNAVAILABLE"),
        load(load(Story(), 1.1, 2.0).verb(2.0, "list peers", "name server"), 2.1, 9.0, code="UNAVAILABLE"),
        load(load(Story(), 1.1, 2.0).verb(2.0, "stop gateway", "gateway"), 2.1, 9.0, code=None),
    ],
    ids=["all down", "names fail", "hand-written peers", "gateway stopped"],
)
def test_while_none_could_serve_nothing_is_lost(story: Story) -> None:
    """However long that lasts, and although every call fails."""
    price = priced(story)

    assert (price.lost, price.outage, price.calls) == (0, None, 18)


@pytest.mark.parametrize(
    "plan",
    [
        "UNAVAILABLE",
        "UNAVAILABLE@a",
        "OK,INTERNAL",
        "HANG",
        "CLOSE",
        "OK:delay=900",
        "OK:headers",
        "?",
        "OK:messages=5",
    ],
)
def test_a_failure_that_is_planned_is_no_price(plan: str) -> None:
    """The order makes its attempts fail, or last until its deadline."""
    story = Story()
    for number in range(40):
        story.call(1.1 + number * EVERY, code="UNAVAILABLE", plan=plan)

    assert price_of(story.case()) is None


def test_a_short_planned_delay_is_no_excuse() -> None:
    """The call has 1.5 s, and could be made twice."""
    story = Story()
    for number in range(10):
        story.call(1.1 + number * EVERY, code="UNAVAILABLE", plan="OK:delay=400")

    assert priced(story).lost == 10


def test_a_planned_delay_is_not_waiting() -> None:
    """Every call takes 1.4 s, as its order plans."""
    story = Story()
    for number in range(10):
        story.call(1.1 + number * EVERY, "a", plan="OK:delay=1400", took=1.41)

    assert priced(story, Promises(call_timeout=5.0)).outage is None


def test_a_breaker_that_planned_failures_open_is_promised() -> None:
    """It refuses calls for a while, whose orders plan nothing."""
    story = Story().call(1.1, "a:UNAVAILABLE", code="UNAVAILABLE", plan="UNAVAILABLE")

    assert price_of(load(story, 1.2, 3.0, code="UNAVAILABLE").case(Promises(ejection=True))) is None
    assert priced(load(Story(), 1.2, 3.0, code="UNAVAILABLE"), Promises(ejection=True)).lost == 36


def test_a_configuration_of_the_behaviour_has_no_price() -> None:
    """Its users do not run it."""
    story = load(Story(gateway_variables={"GRPC_SERVICE_CONFIG": "{}"}), 1.1, 3.0, code="UNAVAILABLE")

    assert price_of(story.case()) is None


def test_a_behaviour_without_calls_has_no_price() -> None:
    """Nor has one whose record is empty."""
    assert price_of(Story().case()) is None


def test_a_call_that_began_before_all_were_down_was_not_to_be_served() -> None:
    """It was in flight when the last replica was killed."""
    story = Story().call(1.9, "a:UNAVAILABLE", code="UNAVAILABLE", took=0.5)
    for name in "abc":
        story.verb(2.0, "kill", name)

    assert price_of(story.case()) is None


def test_an_added_replica_without_a_loss_is_not_late() -> None:
    """A client that does not poll finds it with the next connection that it loses."""
    story = Story().event(1.5, "replica serving", replica="d").verb(1.4, "scale", "world", took=0.2, count=4)

    assert priced(load(story, 1.1, 9.0, served_by="b")).discovery is None


def test_a_replica_waits_for_calls_only_while_there_are_any() -> None:
    """A client need not connect to one that no call needs."""
    story = load(Story(), 1.1, 2.0).verb(2.0, "kill", "a").verb(2.5, "start", "a", took=0.1, moved=False)

    assert priced(load(story.connected(9.0, "a", "again"), 9.0, 10.0)).recovery is None


def test_a_policy_with_one_replica_need_not_use_another_one() -> None:
    """pick_first stays where it is; what it does find counts."""
    story = load(Story(), 1.1, 2.0).verb(2.0, "kill", "a").verb(2.5, "start", "a", took=0.1, moved=False)

    assert priced(load(story, 2.05, 8.0, served_by="b"), Promises(policy="pick_first")).recovery is None


def test_a_replica_that_is_lost_again_is_not_late() -> None:
    """It was killed a second time before anything came."""
    story = load(Story(), 1.1, 2.0).verb(2.0, "kill", "a").verb(2.5, "start", "a", took=0.1, moved=False)

    assert priced(load(story.verb(3.0, "kill", "a"), 2.05, 8.0, served_by="b")).recovery is None


@pytest.mark.parametrize("story", [replaced_fleet(2.0), load(Story(), 1.1, 3.0)])
def test_a_price_survives_a_report(story: Story) -> None:
    """It is written as members, and read again."""
    price = priced(story)

    assert of(price.members()) == price
