"""The rules for calls that are not spread: each with a history that fires it, and those near it that must not."""

import pytest

from tests.behaviours.distribution import causes as distribution
from tests.behaviours.distribution import causes_connections as connections
from tests.harness.causes.case import Sureness
from tests.unit.helpers.story import ADDRESSES, Story, in_turn, suspects

ALL = (
    distribution.called_twice,
    distribution.connection_per_call,
    distribution.duplicate_address,
    connections.channel_pool,
    connections.left_open,
    distribution.one_replica,
    distribution.wrong_policy,
    distribution.served_by_changed,
)


def settled(**how: bool) -> Story:
    """Return a gateway that queried once and served one call of another caller before it is judged."""
    return Story(**how).asked(0.4).call(0.5, "a", caller=7)


@pytest.mark.parametrize("rule", ALL)
def test_round_robin_gives_no_rule_a_reason(rule: object) -> None:
    """Thirty calls in turn over one connection to each replica are explained by nothing."""
    case = settled().calls(1.1, *in_turn(30)).case()

    assert callable(rule)
    assert rule(case) is None


def test_one_replica_of_three_that_are_known_is_pick_first() -> None:
    """All calls of all callers on one connection, while the answer had three addresses: the policy, for certain."""
    story = settled()
    for number in range(30):
        story.call(1.1 + number / 100, "a", caller=number)
    finding = distribution.one_replica(story.case())

    assert finding is not None
    assert (finding.suspects, finding.sureness) == (("pick_first",), Sureness.CERTAIN)
    assert finding.seen == ("30 of 30 attempts went to a, over 1 connection; DNS had returned 3 addresses")


@pytest.mark.parametrize("callers", [1, 2, 12])
def test_few_callers_leave_a_doubt(callers: int) -> None:
    """Seen by few, pick_first is likely: a gateway that ties callers to replicas may look the same by chance."""
    story = Story().asked(0.4)
    for number in range(24):
        story.call(1.1 + number / 100, "a", caller=number % callers)
    finding = distribution.one_replica(story.case())

    assert finding is not None
    assert (finding.suspects, finding.sureness) == (("pick_first",), Sureness.LIKELY)


def test_connections_that_carry_nothing_show_a_tied_caller() -> None:
    """One caller's calls on one replica next to open connections to others: the caller is tied to it."""
    story = Story().asked(0.4).connected(0.5, "b", "pb").calls(1.1, *["a"] * 30)

    assert suspects(distribution.one_replica(story.case())) == ("tied_to_caller",)


def test_a_connection_to_a_replica_that_is_not_listed_shows_nothing() -> None:
    """A replica of an earlier behaviour was killed and reported no end."""
    story = settled().connected(0.0, "e", "pe").calls(1.1, *["a"] * 30)

    assert suspects(distribution.one_replica(story.case())) == ("pick_first",)


def test_each_caller_on_a_separate_replica_is_tied_to_it() -> None:
    """Where another caller met another replica only, callers are tied."""
    story = Story().asked(0.4).calls(0.5, "b", "b", caller=7).calls(1.1, *["a"] * 30)

    assert suspects(distribution.one_replica(story.case())) == ("tied_to_caller",)


def test_an_answer_with_one_address_is_the_name() -> None:
    """If DNS returned one address, no policy could do better."""
    story = Story().asked(0.4, ADDRESSES[0]).calls(1.1, *["a"] * 30)

    assert suspects(distribution.one_replica(story.case())) == ("one_address",)


def test_a_dns_server_that_was_never_queried_is_an_address_as_target() -> None:
    """If no one queried the name, the target is not a name."""
    assert suspects(distribution.one_replica(Story().calls(1.1, *["a"] * 30).case())) == ("address_list",)


def test_without_a_view_of_dns_policy_and_name_look_the_same() -> None:
    """If the DNS server is not ours, it is undecided, and what would decide is stated."""
    finding = distribution.one_replica(Story(names_ours=False).calls(1.1, *["a"] * 30).case())

    assert finding is not None
    assert finding.suspects == ("pick_first", "one_address")
    assert finding.sureness is Sureness.UNDECIDED
    assert "what the name resolves to" in finding.because


def test_a_replica_that_was_killed_explains_nothing_about_the_policy() -> None:
    """With the others down, all calls on one replica are right."""
    story = settled().verb(1.05, "kill", "b").calls(1.1, *["a"] * 30)

    assert distribution.one_replica(story.case()) is None


def test_a_new_connection_for_each_call_of_one_caller_is_a_channel_per_request() -> None:
    """One caller's calls over a connection each: no channel outlives its request."""
    story = settled().calls(1.1, *[f"{name}:OK:p{number}" for number, name in enumerate(in_turn(30))])

    assert suspects(distribution.connection_per_call(story.case())) == ("channel_per_request",)


def test_the_first_calls_of_a_caller_tell_nothing_about_its_channel() -> None:
    """Three calls of one caller over three connections are what round_robin makes of a separate channel, too."""
    story = Story(names_ours=False).calls(0.5, "a", "b", "c", caller=7)
    for number, name in enumerate(in_turn(30)):
        story.call(1.1 + number / 100, f"{name}:OK:p{number}", caller=10 + number)

    assert suspects(distribution.connection_per_call(story.case())) == ("channel_per_request", "channel_per_caller")


def test_connections_that_only_one_caller_uses_are_a_channel_per_caller() -> None:
    """Callers of one call each come over new connections; one that makes several calls uses its own again."""
    story = Story().asked(0.4).calls(0.5, "a", "b", "a", "b", caller=7)
    for number, name in enumerate(in_turn(30)):
        story.call(1.1 + number / 100, f"{name}:OK:p{number}", caller=10 + number)

    assert suspects(distribution.connection_per_call(story.case())) == ("channel_per_caller",)


@pytest.mark.parametrize(
    ("closed", "every", "cause"),
    [
        (0.02, 0.02, "channel_per_request"),
        (0.02, 0.002, "channel_per_request"),  # a gateway that is quick
        (None, 0.02, "channel_per_caller"),
        (None, 0.002, "channel_per_caller"),
    ],
)
def test_connections_tell_where_each_caller_makes_one_call(closed: float | None, every: float, cause: str) -> None:
    """What ends with its call was opened for it, what stays open was opened for the caller."""
    story = Story().asked(0.4)
    for number, name in enumerate(in_turn(30)):
        at, peer = 1.1 + number * every, f"p{number}"
        story.connected(at, name, peer, None if closed is None else at + closed)
        story.call(at, f"{name}:OK:{peer}", caller=10 + number)

    assert suspects(distribution.connection_per_call(story.case())) == (cause,)


def test_callers_of_one_call_each_leave_it_undecided() -> None:
    """Without a view of connections, one call per caller does not tell requests from callers."""
    story = Story(names_ours=False)
    for number, name in enumerate(in_turn(30)):
        story.call(1.1 + number / 100, f"{name}:OK:p{number}", caller=10 + number)

    assert suspects(distribution.connection_per_call(story.case())) == ("channel_per_request", "channel_per_caller")


def test_an_address_that_is_listed_twice_is_dns() -> None:
    """Shares of 2:1:1 after an answer of four records with three addresses."""
    story = Story().asked(0.4, ADDRESSES[0], *ADDRESSES).calls(1.1, *["a", "a", "b", "c"] * 8)
    finding = distribution.duplicate_address(story.case())

    assert suspects(finding) == ("duplicate_address",)
    assert finding is not None
    assert finding.seen.endswith("spread 16/8/8; DNS had returned 4 records with 3 different addresses")


def test_one_address_that_the_suite_itself_published_is_not_the_gateways_name() -> None:
    """A peer of ours was listed alone: what all calls on it mean is for its behaviour to say."""
    story = Story().event(0.3, "published", addresses=ADDRESSES[:1]).asked(0.4, ADDRESSES[0]).calls(1.1, *["a"] * 30)

    assert suspects(distribution.one_replica(story.case())) != ("one_address",)


@pytest.mark.parametrize(
    ("served", "cause"),
    [("abcbacabbcacbaabccabacbbcacbab" * 2 + "ccbbaacaab", "wrong_policy"), ("aabc" * 8, "unequal_weights")],
)
def test_calls_out_of_turn_are_a_wrong_policy(served: str, cause: str) -> None:
    """Without a pattern they are picked by chance or load, with one by weights."""
    assert suspects(distribution.wrong_policy(settled().calls(1.1, *served).case())) == (cause,)


@pytest.mark.parametrize("served", ["aabaabaabc" * 4, "a" + "bc" * 12], ids=["uneven", "one left out"])
def test_unequal_shares_of_concurrent_callers_are_a_wrong_policy(served: str) -> None:
    """Calls that overlap have no turn, but round_robin leaves their shares equal."""
    story = settled()
    for number, name in enumerate(served):
        story.call(1.1 + number / 1000, name, took=0.02, caller=number % 16)

    assert suspects(distribution.wrong_policy(story.case())) == ("wrong_policy",)


def test_shares_before_each_replica_was_in_use_are_not_a_wrong_policy() -> None:
    """A replica that is connected later than the others has fewer of the first calls, under any policy."""
    story = settled()
    for number, name in enumerate("ab" * 10 + "abc" * 5):
        story.call(1.1 + number / 1000, name, took=0.02, caller=number % 16)

    assert distribution.wrong_policy(story.case()) is None


def test_a_replica_that_fell_silent_before_the_gateway_started_is_not_a_wrong_policy() -> None:
    """Its first calls wait for the first connection and leave over it together, and the silent one gets none."""
    story = Story(names_ours=False).verb(1.1, "pause", "c").verb(1.2, "fresh gateway", "gateway")
    for number, name in enumerate("a" * 20 + "ab" * 5):
        story.call(1.5 + number / 1000, name, took=0.6, caller=number)

    assert distribution.wrong_policy(story.case()) is None


def test_a_reply_that_names_another_replica_is_made_up() -> None:
    """The ledger records who answered."""
    story = settled().call(1.1, "a", served_by="b").call(1.2, "b")
    finding = distribution.served_by_changed(story.case())

    assert suspects(finding) == ("served_by_changed",)
    assert finding is not None
    assert finding.seen == "1 of 2 replies named a replica that did not answer, such as b for a"


@pytest.mark.parametrize(
    ("previous", "gap", "plan", "named"),
    [
        (False, 0.05, "", ("called_twice",)),
        (False, 0.004, "", ("called_twice", "repeated_call")),
        (False, 0.1, "OK:delay=400", ("repeated_call",)),
        (False, 0.45, "OK:delay=400", ("called_twice",)),
        (True, 0.1, "OK:delay=400", ("hedged",)),
    ],
)
def test_two_attempts_that_are_both_answered_ok(
    previous: bool,  # noqa: FBT001, a parameter
    gap: float,
    plan: str,
    named: tuple[str, ...],
) -> None:
    """Numbered they are hedged attempts; otherwise only what was made after an answer is a second call for certain."""
    story = settled()
    for number in range(6):
        story.call(1.1 + number, "a", "b", previous=previous, gaps=(gap,), plan=plan)

    assert suspects(distribution.called_twice(story.case())) == named


def test_a_call_that_is_retried_after_its_replica_died_is_not_called_twice() -> None:
    """An attempt that was to be answered OK may die with its replica: its retry is right."""
    story = settled().verb(1.15, "kill", "a")
    for number in range(6):
        story.call(1.1 + number / 100, "a", "b")

    assert distribution.called_twice(story.case()) is None


def test_connections_in_turn_that_end_at_the_same_replica_are_balanced_by_an_intermediary() -> None:
    """Three connections in exact turn, two to one replica: something beyond the gateway chose."""
    story = Story().calls(1.1, *["a:OK:p1", "a:OK:p2", "b:OK:p3"] * 10)
    finding = distribution.balanced_by_intermediary(story.case())

    assert suspects(finding) == ("balanced_by_intermediary",)
    assert finding is not None
    assert finding.seen == "30 attempts used 3 connections in exact turn, of which 2/1/0 led to the replicas"


@pytest.mark.parametrize(
    "trails",
    [
        in_turn(30),
        ["a:OK:p1", "a:OK:p2", "b:OK:p3"] * 2,
        ["a:OK:p1", "a:OK:p1", "b:OK:p3", "a:OK:p2"] * 6,
        ["a:OK:p1", "a:OK:p2", "b:OK:p3", "b:OK:p4"] * 6,
    ],
    ids=["each its own", "too few", "no turn", "a pool"],
)
def test_other_evidence_is_not_balanced_by_an_intermediary(trails: list[str]) -> None:
    """One connection each, too few calls, no exact turn, or more connections than replicas do not show it."""
    assert distribution.balanced_by_intermediary(Story().calls(1.1, *trails).case()) is None


def test_answers_that_leave_a_replica_out_are_to_blame() -> None:
    """Two addresses were answered and two replicas called, of three."""
    story = Story().asked(0.4, *ADDRESSES[:2]).calls(1.1, *["a", "b"] * 9)
    finding = distribution.partial_dns_answer(story.case())

    assert suspects(finding) == ("partial_dns_answer",)
    assert finding is not None
    assert finding.seen == "DNS returned 2 addresses of 3 replicas; c got no calls"


@pytest.mark.parametrize(
    "story",
    [
        Story().asked(0.4).calls(1.1, *["a", "b"] * 9),
        Story().asked(0.4, *ADDRESSES[:2]).calls(1.1, *["a"] * 9),
        Story().asked(0.4).calls(1.1, *in_turn(9)),
        Story(names_ours=False).calls(1.1, *["a", "b"] * 9),
    ],
    ids=["all answered", "one used", "all used", "not seen"],
)
def test_other_answers_leave_nobody_out(story: Story) -> None:
    """A gateway that received all addresses, or that uses fewer than it received, is not excused."""
    assert distribution.partial_dns_answer(story.case()) is None
