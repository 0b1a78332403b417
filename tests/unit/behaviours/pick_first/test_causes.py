"""The rules for pick_first: each with a history that fires it, and those near it that must not."""

import pytest

from tests.behaviours.pick_first import causes as pick_first
from tests.unit.helpers.story import ADDRESSES, Story, in_turn, suspects

DOORS = ("127.0.0.7", "127.0.0.8", "127.0.0.9")

ALL = (
    pick_first.called_in_turn,
    pick_first.connected_to_several,
    pick_first.dialled_alongside,
    pick_first.moved_unprompted,
    pick_first.dialled_without_a_call,
    pick_first.out_of_order,
    pick_first.redialled,
    pick_first.not_shuffled,
    pick_first.not_re_resolved,
    pick_first.no_other_address,
    pick_first.waits_on_silent_replica,
    pick_first.stays_down,
)


def story() -> Story:
    """Return a gateway that should use pick_first and has queried once."""
    return Story(gateway_variables={"GRPC_SERVICE_CONFIG": "{}"}).asked(0.9)


@pytest.mark.parametrize("rule", ALL)
def test_what_pick_first_does_gives_no_rule_a_reason(rule: object) -> None:
    """It stays on one replica, and moves to the next one when that is lost."""
    case = story().calls(1.1, *["a"] * 9).connected(1.0, "a", "pa", closed=1.3).verb(1.3, "kill", "a")
    case = case.connected(1.4, "b", "pb").calls(1.4, *["b"] * 9).verb(1.6, "start", "a").calls(2.0, *["b"] * 9)

    assert callable(rule)
    assert rule(case.case()) is None


@pytest.mark.parametrize("rule", ALL[:4])
def test_what_another_policy_does_does_not_concern_pick_first(rule: object) -> None:
    """If round_robin should be in effect, calls in turn are right."""
    case = Story().asked(0.9).connected(1.0, "a", "pa").connected(1.0, "b", "pb").calls(1.1, *in_turn(30)).case()

    assert callable(rule)
    assert rule(case) is None


def test_calls_that_come_back_are_another_policys() -> None:
    """Thirty calls in turn over one connection each."""
    finding = pick_first.called_in_turn(story().calls(1.1, *in_turn(30)).case())

    assert suspects(finding) == ("not_pick_first",)
    assert finding is not None
    assert finding.seen.startswith("30 attempts were spread 10/10/10 over 3 connections")


def test_calls_that_come_back_over_more_connections_are_a_pools() -> None:
    """Four channels in turn have two connections to one replica."""
    case = story().calls(1.1, *["a", "b", "c", "a:OK:p2"] * 6).case()

    assert suspects(pick_first.called_in_turn(case)) == ("channel_pool",)


def test_a_replica_that_has_calls_again_over_a_new_connection_was_not_kept() -> None:
    """It was lost and is back: that is pick_first, too."""
    case = story().calls(1.1, "a", "a", "b", "b", "a:OK:p2", "a:OK:p2").case()

    assert pick_first.called_in_turn(case) is None


def test_connections_side_by_side_are_another_policys() -> None:
    """Two replicas are connected, although only one has calls."""
    case = story().connected(1.0, "a", "pa").connected(1.0, "b", "pb").calls(1.1, *["a"] * 90).case()

    assert suspects(pick_first.connected_to_several(case)) == ("not_pick_first",)


def test_a_connection_opened_once_a_call_was_served_is_another_policys() -> None:
    """The first replica is lost before both were open for long."""
    case = story().connected(1.0, "a", "pa", closed=1.12).calls(1.0, "a").connected(1.05, "b", "pb")
    finding = pick_first.dialled_alongside(case.verb(1.1, "kill", "a").case())

    assert suspects(finding) == ("not_pick_first",)
    assert finding is not None
    assert finding.seen == "a connection to b was opened 0.05 s after a had got the first call"


def test_a_connection_opened_after_the_first_was_lost_is_right() -> None:
    """It is the one that the next call needs."""
    case = story().connected(1.0, "a", "pa", closed=1.12).calls(1.0, "a").verb(1.1, "kill", "a")

    assert pick_first.dialled_alongside(case.connected(1.2, "b", "pb").case()) is None


def test_a_connection_that_lost_the_race_is_happy_eyeballs() -> None:
    """The slower one is closed immediately, which may be reported a little late."""
    case = story().connected(1.0, "a", "pa", closed=1.2).connected(1.0, "b", "pb").calls(1.1, *["b"] * 90).case()

    assert pick_first.connected_to_several(case) is None


def test_a_connection_of_the_previous_gateway_does_not_count() -> None:
    """Its end is not reported if its replica is frozen."""
    case = story().connected(-0.1, "a", "pa").connected(1.0, "b", "pb").calls(1.1, *["b"] * 90).case()

    assert pick_first.connected_to_several(case) is None


def test_calls_that_leave_a_replica_that_is_there_have_a_new_channel() -> None:
    """After its loss a has calls again, over new connections, while b is there."""
    case = story().calls(1.1, "a").verb(1.2, "kill", "a").calls(1.3, "b", "b").verb(1.4, "start", "a")
    finding = pick_first.moved_unprompted(case.calls(2.0, *["a:OK:p2"] * 9).calls(2.5, *["a:OK:p3"] * 9).case())

    assert suspects(finding) == ("polling",)
    assert finding is not None
    assert finding.seen.startswith(
        "calls moved from b to a over a new connection, although b was available; 2 connections ended"
    )


def test_connections_that_replicas_end_are_not_the_gateways() -> None:
    """By age, or because an order planned it."""
    aged = Story(gateway_variables={"GRPC_SERVICE_CONFIG": "{}"}, replica_variables={"MAX_CONNECTION_AGE_MS": "300"})
    closed = story().call(1.1, "a:HANG", "b", plan="CLOSE,OK").calls(1.3, "b")

    assert pick_first.moved_unprompted(aged.calls(1.1, "a", "b", "c").case()) is None
    assert pick_first.moved_unprompted(closed.case()) is None


def test_an_order_that_closes_one_connection_does_not_close_the_next() -> None:
    """Its second attempt was answered, so what calls leave after it was there."""
    made = story().call(1.1, "a:HANG", "a:OK:p2", plan="CLOSE,OK").calls(1.3, "b", "b")

    assert suspects(pick_first.moved_unprompted(made.case())) == ("polling",)


def test_a_connection_without_a_call_was_dialled_for_nothing() -> None:
    """It opens after the loss, and no one placed an order."""
    case = story().call(1.1, "a").verb(1.2, "kill", "a").connected(1.3, "b", "pb")
    finding = pick_first.dialled_without_a_call(case.case())

    assert suspects(finding) == ("dials_without_a_call",)
    assert finding is not None
    assert finding.seen == "a connection to b was opened 0.10 s after a was lost, with no call in between"


def test_a_gateway_whose_calls_failed_dials_on() -> None:
    """In TRANSIENT_FAILURE it does so rightly."""
    case = story().call(1.1, "a").verb(1.2, "kill", "a").call(1.25, code="UNAVAILABLE").connected(1.9, "b", "pb")

    assert pick_first.dialled_without_a_call(case.case()) is None


def doors(*tried: str, config: str = "{}") -> Story:
    """Return a gateway that received three doors before the replicas, and tried these."""
    made = Story(gateway_variables={"GRPC_SERVICE_CONFIG": config}).verb(-0.05, "list doors", "names", count=3)
    made.event(0.1, "door dialled", address=DOORS[1])  # by the gateway before, while this one starts
    made.asked(1.05, *DOORS, *ADDRESSES)
    for number, door in enumerate(tried):
        made.event(1.1 + number / 100, "door dialled", address=door)
    return made.call(1.2, "a")


@pytest.mark.parametrize(
    ("tried", "cause"),
    [
        (DOORS, ()),
        (DOORS * 2, ()),
        (DOORS[::-1], ("shuffled_addresses",)),
        (DOORS[:1], ("shuffled_addresses",)),
        ((), ("shuffled_addresses",)),
    ],
)
def test_doors_in_another_order_are_shuffled(tried: tuple[str, ...], cause: tuple[str, ...]) -> None:
    """Each has to be tried, in the order listed, before a replica."""
    assert suspects(pick_first.out_of_order(doors(*tried).case())) == cause


@pytest.mark.parametrize(
    ("tried", "cause"),
    [
        (DOORS * 2, ("redials_discarded_addresses",)),
        ((*DOORS, DOORS[0]), ("redials_discarded_addresses",)),
        (DOORS, ()),
        (DOORS[::-1] * 2, ()),
    ],
)
def test_doors_tried_twice_in_the_order_listed_are_dialled_again(
    tried: tuple[str, ...], cause: tuple[str, ...]
) -> None:
    """In another order it is something else that is wrong."""
    assert suspects(pick_first.redialled(doors(*tried).case())) == cause


def moved(back: float, closed: float | None = None) -> Story:
    """Return a replica that is lost and back, and reconnected then, alongside the one that has the calls."""
    case = story().connected(1.0, "a", "pa", closed=1.2).calls(1.0, "a").verb(1.2, "kill", "a")
    case = case.connected(1.25, "b", "pb", closed=closed).calls(1.25, "b", "b").verb(1.3, "start", "a")
    return case.connected(back, "a", "p2").calls(2.4, *["b"] * 30)


def test_a_lost_replica_that_is_connected_to_again_is_dialled_again() -> None:
    """Calls have another one."""
    finding = pick_first.redialled(moved(2.2).case())

    assert suspects(finding) == ("redials_discarded_addresses",)
    assert finding is not None
    assert finding.seen.startswith("a was lost, and reconnected 1.00 s later, alongside the connection")


def test_a_lost_replica_that_is_connected_to_instead_of_another_is_not_dialled_again() -> None:
    """A new channel, or the next call after another loss, has one connection at a time."""
    assert pick_first.redialled(moved(2.2, closed=2.3).case()) is None
    assert pick_first.redialled(moved(1.22).case()) is None


@pytest.mark.parametrize(("tried", "cause"), [(DOORS, ("not_shuffled",)), (DOORS[::-1], ()), (DOORS[:1], ())])
def test_doors_in_the_order_listed_are_not_shuffled(tried: tuple[str, ...], cause: tuple[str, ...]) -> None:
    """If they should be; a part of them shows nothing."""
    config = '{"loadBalancingConfig":[{"pick_first":{"shuffleAddressList":true}}]}'

    assert suspects(pick_first.not_shuffled(doors(*tried, config=config).case())) == cause
    assert pick_first.not_shuffled(doors(*tried).case()) is None


@pytest.mark.parametrize(
    ("asked", "until", "cause"), [(None, 3.0, ("long_resolution_interval",)), (2.1, 3.0, ()), (None, 1.9, ())]
)
def test_a_closed_connection_is_a_reason_to_query(asked: float | None, until: float, cause: tuple[str, ...]) -> None:
    """Within the configured interval, 1 s; before it is over, nothing is found."""
    given = {"GRPC_SERVICE_CONFIG": "{}", "DNS_MIN_RESOLUTION_INTERVAL_MS": "1000"}
    made = Story(gateway_variables=given).asked(0.9).call(1.1, "a", "a:OK:p2", plan="CLOSE,OK")
    made = made if asked is None else made.asked(asked)

    assert suspects(pick_first.not_re_resolved(made.event(until, "listed", replicas=["a"]).case())) == cause


def test_one_address_for_three_replicas_leaves_no_other() -> None:
    """The calls failed with the only one that was known; where more are known that is not why."""
    made = Story(gateway_variables={"GRPC_SERVICE_CONFIG": "{}"}).asked(1.05, ADDRESSES[0])

    assert suspects(pick_first.no_other_address(made.call(1.1, code="UNAVAILABLE").case())) == ("one_address",)
    assert pick_first.no_other_address(story().call(1.1, code="UNAVAILABLE").case()) is None


@pytest.mark.parametrize(("others", "cause"), [((), ("one_address",)), (("b",), ())])
def test_a_gateway_that_tries_no_other_replica_knows_one_address(
    others: tuple[str, ...], cause: tuple[str, ...]
) -> None:
    """Where DNS is not seen, what was tried shows it."""
    made = Story(names_ours=False, gateway_variables={"GRPC_SERVICE_CONFIG": "{}"}).calls(1.1, *["a"] * 9, *others)
    case = made.verb(1.5, "kill", "a").call(1.6, code="UNAVAILABLE").case()

    assert suspects(pick_first.no_other_address(case)) == cause


@pytest.mark.parametrize(("after", "cause"), [(0.3, ()), (1.2, ("slow_happy_eyeballs",))])
def test_a_silent_replica_may_cost_a_quarter_of_a_second(after: float, cause: tuple[str, ...]) -> None:
    """The first attempt reaches the next replica after that, or later."""
    made = story().verb(0.95, "pause", "a").event(1.1 + after, "replica attempt", **attempt("b"))
    order = {"sent": 1.1, "received": 1.1 + after, "status": 200, "code": "OK", "served_by": "b", "message": ""}

    assert suspects(pick_first.waits_on_silent_replica(made.event(1.1, "order", id="o1-9", **order).case())) == cause


def attempt(replica: str) -> dict[str, object]:
    """Return what a ledger holds of an attempt."""
    members = {"replica": replica, "peer": f"p{replica}", "deadline_left": 1.0, "code": "OK"}
    return {"id": "o1-9", "previous_attempts": None, **members}


@pytest.mark.parametrize(
    ("opened", "until", "cause"),
    [(None, 3.0, ("reconnect_backoff",)), (2.5, 3.0, ()), (None, 2.2, ())],
)
def test_a_fleet_that_is_back_is_connected_to(opened: float | None, until: float, cause: tuple[str, ...]) -> None:
    """In the promised 0.5 s; before they are over, nothing is found."""
    made = story().verb(1.1, "kill", "a").call(1.2, code="UNAVAILABLE").verb(1.9, "restart", "world", took=0.1)
    made = made if opened is None else made.connected(opened, "b", "pb")

    assert suspects(pick_first.stays_down(made.event(until, "listed", replicas=["a", "b", "c"]).case())) == cause


def test_calls_that_come_back_are_another_policys_whatever_was_configured() -> None:
    """Where pick_first is promised it does not matter that no service config was given."""
    turns = Story().calls(1.1, *in_turn(30))

    assert suspects(pick_first.in_turn(turns.case())) == ("not_pick_first",)
    assert pick_first.in_turn(Story().calls(1.1, *["a"] * 30).case()) is None


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ((), ("pick_first", "one_address")),
        (ADDRESSES, ("pick_first",)),
        (ADDRESSES[:1], ("one_address",)),
    ],
)
def test_one_replica_with_every_call_leaves_policy_and_name(answer: tuple[str, ...], cause: tuple[str, ...]) -> None:
    """What the name server answered tells them apart, where it is ours."""
    story = Story(names_ours=bool(answer)).calls(1.1, *["a"] * 75)
    if answer:
        story.asked(0.4, *answer)

    assert suspects(pick_first.one_of_all(story.case())) == cause


def test_calls_to_several_replicas_are_not_all_to_one() -> None:
    """Two of three are not one, and a lost replica explains the rest."""
    assert pick_first.one_of_all(Story().asked(0.4).calls(1.1, *["a", "b"] * 9).case()) is None
    assert pick_first.one_of_all(Story().asked(0.4).verb(1.0, "kill", "b").calls(1.1, *["a"] * 9).case()) is None


def unlisted(*later: str) -> Story:
    """Return a gateway that called a until that was killed, then those, and failed twice; its names are not ours."""
    story = Story(names_ours=False).calls(1.1, *["a"] * 9).verb(1.5, "kill", "a").calls(1.6, *later)
    return story.call(1.8, code="UNAVAILABLE").call(1.9, code="UNAVAILABLE")


def test_a_gateway_that_called_no_other_replica_may_know_no_other() -> None:
    """After the kill every call fails, and none reaches another replica."""
    finding = pick_first.no_other_address(unlisted().case())

    assert suspects(finding) == ("one_address",)
    assert finding is not None
    assert finding.seen == "2 of 11 calls failed; a was lost, and no other was tried"


def test_a_gateway_that_moved_knows_another_address() -> None:
    """One call to b is enough."""
    assert pick_first.no_other_address(unlisted("b").case()) is None
