"""The rules for replicas that are not found, or queried without a reason."""

import pytest

from tests.behaviours.dns import causes_discovery as discovery
from tests.harness.causes.case import Sureness
from tests.unit.helpers.story import NAMES, Story, in_turn, suspects

MOVED = ("127.0.0.9", "127.0.0.3", "127.0.0.4")


def replaced(*, names_ours: bool = True) -> Story:
    """Return a gateway that queried at 0.4, a replica that was replaced at 2.0, and calls until 4.0 that miss it."""
    story = Story(names_ours=names_ours)
    if names_ours:
        story.event(2.0, "published", addresses=list(MOVED))
    story.event(1.9, "replica serving", replica="d").verb(1.8, "replace", "a", took=0.2)
    return story.calls(1.1, *in_turn(9)).calls(2.1, *["b", "c"] * 50, every=0.02)


def test_a_gateway_that_never_queried_has_an_address_list() -> None:
    """Not a single query since it started, although it needs new addresses."""
    finding = discovery.never_resolved(replaced().case())

    assert suspects(finding) == ("address_list",)
    assert finding is not None
    assert finding.seen == (
        "the gateway has not queried DNS once since it started, not even in the 2.3 s after a was replaced"
    )


def test_a_gateway_that_queried_has_no_address_list() -> None:
    """One query is enough to know that its target is a name."""
    assert discovery.never_resolved(replaced().asked(0.4).case()) is None


def test_nobody_has_to_query_while_nothing_changes() -> None:
    """If nothing happens, a gateway without queries in this history may have queried before."""
    assert discovery.never_resolved(Story().calls(1.1, *in_turn(9)).case()) is None


def test_a_gateway_that_queried_once_waits_too_long() -> None:
    """It queried at its start, and not again within the promised interval after it lost a replica."""
    finding = discovery.not_re_resolved(replaced().asked(0.4).case())

    assert suspects(finding) == ("long_resolution_interval", "resolves_when_all_are_lost")
    assert finding is not None
    assert finding.seen == "the gateway had queried DNS once, and did not re-resolve in the 2.1 s after a was replaced"


def test_a_query_at_the_goaway_is_a_query_after_the_loss() -> None:
    """A replica that stops sends GOAWAY long before its process is gone, and the gateway re-resolves then."""
    story = Story().asked(0.4).verb(2.0, "stop", "a", took=0.5).asked(2.02).calls(2.1, *["b", "c"] * 90, every=0.02)

    assert discovery.not_re_resolved(story.case()) is None


def test_a_gateway_that_re_resolves_with_its_last_loss_alone() -> None:
    """Two losses without a query, and one right after the third: it looks at the state of the whole channel."""
    story = (
        Story().asked(0.4).verb(1.2, "kill", "a").verb(2.0, "kill", "b").calls(2.1, *"c" * 30).verb(3.0, "kill", "c")
    )
    finding = discovery.not_re_resolved(story.asked(3.01).calls(3.1, *"c" * 90, every=0.02).case())

    assert suspects(finding) == ("resolves_when_all_are_lost",)
    assert finding is not None
    assert finding.seen.startswith(
        "the gateway did not re-resolve in the 1.8 s after its first loss, and did 0.0 s after"
    )


def test_a_change_of_size_before_all_are_lost_does_not_begin_a_wait() -> None:
    """All are lost at one time, and the gateway re-resolves then."""
    story = Story().asked(0.4).verb(1.2, "scale", "loopback").calls(1.3, *in_turn(30))
    for name in "abc":
        story.verb(3.0, "kill", name)
    finding = discovery.not_re_resolved(story.asked(3.01).calls(3.1, *"c" * 90, every=0.02).case())

    assert finding is None


def test_a_loss_of_everything_leaves_the_minimum_interval_alone() -> None:
    """Nothing was left, and no query came: it waits too long, whatever it looks at."""
    story = Story().asked(0.4).verb(1.2, "kill", "a").verb(1.2, "kill", "b").verb(1.2, "kill", "c")
    for number in range(20):
        story.call(1.4 + number / 10, code="UNAVAILABLE", took=0.3)

    assert suspects(discovery.not_re_resolved(story.case())) == ("long_resolution_interval",)


def test_in_containers_an_earlier_find_rules_a_fixed_list_out() -> None:
    """A replica that was added before got calls, so the target is a name: the next one is only found too late."""
    story = Story(names_ours=False).event(1.1, "replica serving", replica="d").verb(1.15, "scale", "world")
    story.calls(1.2, *"abcd" * 5).event(1.5, "replica serving", replica="e").verb(1.55, "scale", "world")
    finding = discovery.new_replica_unused(story.calls(1.6, *"abcd" * 40).case())

    assert suspects(finding) == ("long_resolution_interval",)


def test_a_gateway_that_re_resolved_is_not_accused() -> None:
    """A query after the change is what is promised."""
    assert discovery.not_re_resolved(replaced().asked(0.4).asked(2.3).case()) is None


def test_a_gateway_whose_minimum_interval_has_not_passed_is_not_accused() -> None:
    """Calls that end within the interval leave it no time to query."""
    story = Story().asked(0.4).verb(2.0, "kill", "a").calls(2.05, *["b", "c"] * 10)

    assert discovery.not_re_resolved(story.case()) is None


def test_a_replica_that_returns_at_its_old_address_needs_no_query() -> None:
    """If no address is new, a missing query explains nothing."""
    story = Story().asked(0.4).verb(2.0, "kill", "a").verb(2.3, "start", "a", moved=False)

    assert discovery.not_re_resolved(story.calls(2.4, *["b", "c"] * 50, every=0.02).case()) is None


def test_without_a_view_of_dns_list_and_interval_look_the_same() -> None:
    """If queries are not seen, a new replica without calls leaves both."""
    finding = discovery.new_replica_unused(replaced(names_ours=False).case())

    assert suspects(finding) == ("address_list", "long_resolution_interval")
    assert finding is not None
    assert finding.sureness is Sureness.UNDECIDED
    assert finding.seen == "d got none of the 100 calls in the 2.1 s after a was replaced"


def test_newcomers_may_have_the_names_of_those_before_them() -> None:
    """A fleet that is restarted elsewhere: the old ones serve until they are killed, under the same names."""
    story = Story(names_ours=False).verb(2.0, "restart", "world", took=1.0, moved=True)
    for name in NAMES:
        story.event(2.5, "replica serving", replica=name)
    story.calls(1.1, *in_turn(180))
    for number in range(60):
        story.call(3.1 + number / 50, code="UNAVAILABLE")
    finding = discovery.new_replica_unused(story.case())

    assert finding is not None
    assert (
        finding.seen
        == "a, b, c got none of the 60 calls in the 1.3 s after all replicas were restarted at a new address"
    )


def test_pods_of_a_rollout_without_calls_are_newcomers() -> None:
    """A Deployment's new pods that get no call leave both, too."""
    story = Story(names_ours=False).verb(2.0, "roll out", "order-service", took=1.0)
    finding = discovery.new_replica_unused(
        story.event(2.5, "replica serving", replica="d").calls(1.1, *in_turn(300)).case()
    )

    assert suspects(finding) == ("address_list", "long_resolution_interval")


def unready(age: str = "800", *, ours: bool = False) -> Story:
    """Return a replica that is not listed from 2.0 on, and calls that go round all three until 2.9."""
    story = Story(names_ours=ours, replica_variables={"MAX_CONNECTION_AGE_MS": age} if age else {})
    return story.verb(2.0, "take readiness", "a", took=0.1).calls(1.1, *in_turn(180))


def test_a_replica_that_is_not_listed_and_still_called_leaves_both() -> None:
    """Its connections end by age, and each new one to it shows that no one queried, or that DNS still listed it."""
    finding = discovery.unlisted_replica_used(unready().case())

    assert suspects(finding) == ("address_list", "long_resolution_interval")
    assert finding is not None
    assert finding.seen.startswith("a was no longer listed, and ")


def test_connections_that_do_not_end_give_no_reason_to_query() -> None:
    """Without an age a gateway keeps its connection, and that is right; where names are ours other rules tell."""
    assert discovery.unlisted_replica_used(unready(age="").case()) is None
    assert discovery.unlisted_replica_used(unready(ours=True).case()) is None


def test_a_newcomer_with_calls_was_found() -> None:
    """Once it has a call, discovery is not what is wrong."""
    assert discovery.new_replica_unused(replaced(names_ours=False).call(3.9, "d").case()) is None


@pytest.mark.parametrize(
    ("variables", "cause"), [({}, "polling"), ({"MAX_CONNECTION_AGE_MS": "300"}, "connection_age_limit")]
)
def test_a_query_without_a_loss_is_polling_unless_replicas_end_connections(
    variables: dict[str, str], cause: str
) -> None:
    """A gateway that queries although it lost nothing polls; if connections end by age, it had a reason."""
    story = Story(replica_variables=variables).asked(0.4).verb(1.5, "scale", "world", count=4)
    story.calls(1.6, *in_turn(90)).asked(2.0)

    assert suspects(discovery.resolved_after_scaling(story.case())) == (cause,)


def test_a_query_after_a_loss_is_not_polling() -> None:
    """A lost connection is a reason to query."""
    story = Story().asked(0.4).verb(1.5, "scale", "world", count=4).verb(1.6, "kill", "a").asked(2.0)

    assert discovery.resolved_after_scaling(story.calls(1.7, "b", "c").case()) is None


@pytest.mark.parametrize(
    ("variables", "cause"), [({}, "polling"), ({"MAX_CONNECTION_AGE_MS": "300"}, "connection_age_limit")]
)
def test_calls_to_an_added_replica_are_polling_unless_replicas_end_connections(
    variables: dict[str, str], cause: str
) -> None:
    """Where queries are not seen, the calls show them."""
    story = Story(names_ours=False, replica_variables=variables).verb(1.5, "scale", "world", count=4)
    found = discovery.used_after_scaling(story.calls(1.6, *in_turn(9), "d").case())

    assert suspects(found) == (cause,)
    assert found is not None
    assert found.seen.startswith("d was added, and got 1 attempt")


@pytest.mark.parametrize(
    "story",
    [
        Story(names_ours=False).verb(1.5, "scale", "world", count=4).calls(1.6, *in_turn(9)),
        Story(names_ours=False).verb(1.5, "scale", "world", count=4).verb(1.6, "kill", "a").calls(1.7, "b", "d"),
        Story(names_ours=False).calls(1.6, *in_turn(9), "d"),
        Story().verb(1.5, "scale", "world", count=4).calls(1.6, *in_turn(9), "d"),
    ],
    ids=["not called", "a replica was lost", "none was added", "queries are seen"],
)
def test_an_added_replica_that_is_called_rightly_or_not_at_all_is_not_polling(story: Story) -> None:
    """After a loss it is found as it should be; and where queries are seen, they tell more."""
    assert discovery.used_after_scaling(story.case()) is None


def test_a_gateway_that_gets_old_addresses_is_not_to_blame() -> None:
    """It queried after the change, and the answer was the one from before."""
    finding = discovery.stale_records(replaced().asked(0.4).asked(2.3).case())

    assert suspects(finding) == ("stale_dns_records",)
    assert finding is not None
    assert finding.seen == ("the gateway queried DNS once after a was replaced, and got only old addresses")


@pytest.mark.parametrize(
    "story",
    [
        replaced().asked(0.4),
        replaced().asked(0.4).asked(2.3, *MOVED),
        replaced().asked(0.4).asked(2.2).asked(2.6, *MOVED),
        Story().asked(0.4).asked(2.3).calls(1.1, *in_turn(9)),
    ],
    ids=["not asked again", "answered rightly", "answered rightly at last", "nothing changed"],
)
def test_other_answers_are_not_stale_records(story: Story) -> None:
    """Without a later query, with one right answer, or if nothing has changed, no cache is accused."""
    assert discovery.stale_records(story.case()) is None


def probed(*, scaled: bool) -> Story:
    """Return a replica whose probe fails at 2.0, another one that is removed at 2.1, and calls to both."""
    story = Story(names_ours=False).verb(2.0, "fail probe", "a", took=0.05)
    if scaled:
        story.verb(2.1, "scale", "kind", count=3)
    return story.calls(1.1, *in_turn(270))


def test_a_replica_that_is_not_listed_is_left_after_a_loss() -> None:
    """A pod that was removed closed its connections: a gateway that re-resolves learns of both."""
    finding = discovery.unlisted_replica_used(probed(scaled=True).case())

    assert suspects(finding) == ("address_list", "long_resolution_interval")
    assert finding is not None
    assert finding.seen.endswith("although another replica was removed before that")
    assert discovery.unlisted_replica_used(probed(scaled=False).case()) is None


@pytest.mark.parametrize(
    ("variables", "cause"), [({}, "polling"), ({"MAX_CONNECTION_AGE_MS": "300"}, "connection_age_limit")]
)
def test_a_newcomer_with_calls_before_a_loss_was_polled_for(variables: dict[str, str], cause: str) -> None:
    """Where queries cannot be seen, the calls show that there was one."""
    story = Story(names_ours=False, replica_variables=variables).calls(1.1, *in_turn(9))
    story.verb(1.5, "scale", "compose", count=4).calls(1.6, *["a", "b", "c", "d"] * 9)

    assert suspects(discovery.called_after_scaling(story.case())) == (cause,)


def test_a_newcomer_with_calls_after_a_loss_was_found() -> None:
    """A lost connection is a reason to query."""
    story = Story(names_ours=False).calls(1.1, *in_turn(9)).verb(1.5, "scale", "compose", count=4)
    story.calls(1.6, *in_turn(9)).verb(1.8, "kill", "a").calls(1.9, *["b", "c", "d"] * 9)

    assert discovery.called_after_scaling(story.case()) is None


def test_a_returned_replica_with_calls_before_a_loss_was_polled_for() -> None:
    """It was known before, and had been forgotten."""
    story = Story(names_ours=False).calls(1.1, *in_turn(9)).verb(1.3, "stop", "a").calls(1.4, *["b", "c"] * 9)
    story.verb(1.7, "start", "a", moved=True).calls(1.8, *in_turn(9))
    finding = discovery.called_after_scaling(story.case())

    assert suspects(finding) == ("polling",)
    assert finding is not None
    assert finding.seen.startswith("a got a call 0.09 s after a returned at a new address")
