"""When a replica could serve, by synthetic histories: what is not known to serve does not."""

import math

import pytest

from tests.harness.price.servable import Servable, own_configuration
from tests.unit.helpers.story import Story


def spans(story: Story) -> list[tuple[float, float]]:
    """Return the spans of a story in which a replica could serve."""
    return [(round(since, 2), round(until, 2)) for since, until in Servable.of(story.case().history).spans]


def all_killed() -> Story:
    """Return three replicas that are killed one after the other, the last one at 2.0."""
    return Story().verb(1.8, "kill", "a").verb(1.9, "kill", "b").verb(2.0, "kill", "c")


def test_one_replica_is_enough() -> None:
    """Two of three are killed."""
    assert spans(Story().verb(1.8, "kill", "a").verb(1.9, "stop", "b")) == [(1.0, math.inf)]


def test_none_serves_from_the_moment_at_which_the_last_fault_is_requested_until_a_return_is_confirmed() -> None:
    """All are killed; one returns."""
    assert spans(all_killed().verb(3.0, "start", "b", took=0.5)) == [(1.0, 2.0), (3.5, math.inf)]


def test_a_return_that_is_never_confirmed_is_none() -> None:
    """It was requested, and did not take effect."""
    assert spans(all_killed().verb(3.0, "start", "b", took=None)) == [(1.0, 2.0)]


@pytest.mark.parametrize("moved", [False, True])
def test_a_restart_of_all_takes_until_it_is_confirmed(*, moved: bool) -> None:
    """In between some may serve, which ones is not known."""
    story = Story().verb(2.0, "restart", "world", took=0.4, moved=moved)

    assert spans(story) == [(1.0, 2.0), (2.4, math.inf)]
    assert [arrival.new for arrival in Servable.of(story.case().history).arrivals] == [moved] * 3


def test_what_is_started_with_something_wrong_does_not_serve() -> None:
    """Its certificate is one that no client may accept."""
    assert spans(all_killed().verb(3.0, "start", "b", TLS_CERTIFICATE="expired")) == [(1.0, 2.0)]
    assert spans(Story().verb(2.0, "restart", "world", MAX_CONNECTION_AGE_GRACE_MS="10")) == [(1.0, 2.0)]
    assert len(spans(Story().verb(2.0, "restart", "world", MAX_CONNECTION_AGE_MS="500"))) == 2


def test_frozen_replicas_do_not_serve() -> None:
    """All three are paused, and one of them is resumed; until then it was silent."""
    story = Story().verb(1.8, "pause", "a").verb(1.9, "pause", "b").verb(2.0, "pause", "c").verb(4.0, "resume", "c")

    assert spans(story) == [(1.0, 2.0), (4.01, math.inf)]
    assert (2.0, 4.01) in Servable.of(story.case().history).silent


def test_a_name_that_is_not_answered_leaves_nothing_to_be_found() -> None:
    """Until the name server is healed."""
    story = Story().verb(2.0, "fail names", "name server").verb(5.0, "heal names", "name server")

    assert spans(story) == [(1.0, 2.0), (5.01, math.inf)]


def test_a_replica_that_is_listed_no_more_does_not_count() -> None:
    """The name server lists one of three from then on, which is killed; the others run, and cannot be found."""
    story = Story().verb(2.0, "list in order", "name server", replicas=["a"]).verb(3.0, "kill", "a")

    assert spans(story) == [(1.0, 3.0)]


def test_a_list_without_replicas_counts_until_the_next_one() -> None:
    """The name server lists a dead address alone, then the replicas again."""
    story = Story().verb(2.0, "list a dead address only", "name server").event(2.01, "published", addresses=["x"])

    assert spans(story) == [(1.0, 2.0)]
    assert spans(story.event(3.0, "published", addresses=[])) == [(1.0, 2.0), (3.0, math.inf)]


@pytest.mark.parametrize("verb", ["list peers", "set a proxy", "steer", "roll out", "a verb that comes later"])
def test_after_a_verb_that_is_not_known_nothing_is(verb: str) -> None:
    """Hand-written peers may refuse, a proxy may be down."""
    assert spans(Story().verb(2.0, verb, "world")) == [(1.0, 2.0)]


def test_without_a_gateway_no_replica_can_serve() -> None:
    """One is stopped on purpose, or replaced by another one."""
    story = Story().verb(2.0, "stop gateway", "gateway").verb(4.0, "fresh gateway", "gateway", took=0.5)

    assert spans(story) == [(1.0, 2.0), (4.5, math.inf)]
    assert spans(Story().event(3.0, "gateway ended", message="")) == [(1.0, 3.0)]


def test_health_counts_from_the_moment_at_which_it_is_to_change() -> None:
    """All report NOT_SERVING, then one SERVING."""
    story = Story()
    for name in "abc":
        story.verb(2.0, "say health", name, status="NOT_SERVING")

    assert spans(story) == [(1.0, 2.0)]
    assert spans(story.verb(3.0, "say health", "a", status="SERVING")) == [(1.0, 2.0), (3.01, math.inf)]


def test_a_plan_that_changes_health_ends_what_is_known() -> None:
    """The replica that gets the order reports another status from then on."""
    assert spans(Story().call(2.0, "a", plan="OK:health=NOT_SERVING")) == [(1.0, 2.0)]


def test_a_new_replica_serves_once_it_is_listed() -> None:
    """It is added after all others were killed; which one it is stands in its ledger."""
    story = all_killed().event(3.1, "replica serving", replica="d").verb(3.0, "scale", "world", took=0.5, count=4)
    (arrival,) = Servable.of(story.case().history).arrivals

    assert spans(story) == [(1.0, 2.0), (3.5, math.inf)]
    assert (arrival.replica, arrival.ready, arrival.listed, arrival.new, arrival.lost_one) == (
        "d",
        3.1,
        3.5,
        True,
        False,
    )


def test_a_replica_that_a_scale_removes_does_not_return_with_a_restart() -> None:
    """One of three remains."""
    story = Story().verb(2.0, "scale", "world", took=1.0, count=2).verb(2.2, "stop", "c")
    arrivals = Servable.of(story.verb(4.0, "restart", "world", took=0.2).case().history).arrivals

    assert [arrival.replica for arrival in arrivals] == ["a", "b"]


def test_a_replica_that_is_not_listed_does_not_come_into_service() -> None:
    """It is started at an address that DNS lists no more: another service, say."""
    story = all_killed().verb(2.1, "unlist", "a").verb(3.0, "start", "a", moved=False)
    found = Servable.of(story.case().history)

    assert (spans(story), found.arrivals) == ([(1.0, 2.0)], [])
    assert len(Servable.of(story.verb(4.0, "start", "a", moved=True).case().history).arrivals) == 1


def test_what_was_never_restored_is_not_known() -> None:
    """The record ends before judging begins."""
    assert Servable.of(Story(fresh=False).case().history).throughout(1.0, 2.0)
    assert Servable.of(Story().verb(9.0, "restore", "world", took=None).case().history).spans == [(1.0, math.inf)]


def test_a_configuration_of_the_behaviour_is_not_the_subjects() -> None:
    """What it was started with, or given later."""
    assert own_configuration(Story(gateway_variables={}).case().history)
    assert not own_configuration(Story(gateway_variables={"KEEPALIVE_TIME_MS": "1000"}).case().history)
    assert not own_configuration(Story().verb(1.5, "give", "gateway", gateway_variables={"X": "1"}).case().history)
