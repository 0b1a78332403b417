"""How orders reach a gateway, here a small HTTP server, one by one and as a load."""

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.harness.subject.promises import Promises
from tests.harness.world.eventually import reached
from tests.harness.world.orders import Orders
from tests.harness.world.verdict import SubjectDiedError, SubjectWrongError
from tests.unit.helpers.small_gateway import Gateway

if TYPE_CHECKING:
    from tests.harness.world.reply import Reply

SLACK = 1.0
"""Seconds that a busy machine may add."""


# Placing orders


def test_one_caller_places_orders_over_one_connection(gateway: Gateway) -> None:
    """Serial orders arrive in sending order over a single connection, each with an id of its own, all kept."""
    kept: list[Reply] = []
    block = Orders(lambda: gateway.url, lambda _: [], 10.0, keep=kept.append).place(10)

    assert [path for _, path, _ in gateway.came] == [f"/orders/{reply.id}" for reply in block.replies]
    assert len({port for _, _, port in gateway.came}) == 1
    assert len({reply.id for reply in block.replies}) == 10
    assert kept == list(block.replies)
    assert not block.failed


def test_reconnect_uses_a_connection_for_each_order(gateway: Gateway) -> None:
    """With `reconnect` every order comes over a new connection."""
    gateway.caller().place(10, reconnect=True)

    assert len({port for _, _, port in gateway.came}) == 10


def test_callers_place_orders_side_by_side(gateway: Gateway) -> None:
    """Four callers have four orders under way at once: each is answered only when four are there."""
    block = gateway.caller().place(8, plan="MEET", callers=4)

    assert not block.failed
    assert len({reply.id for reply in block.replies}) == 8
    assert len({port for _, _, port in gateway.came}) == 4


def test_two_callers_never_use_one_id_twice(gateway: Gateway) -> None:
    """Callers made one after the other have ids that differ."""
    replies = [gateway.caller().one() for _ in range(3)]

    assert len({reply.id for reply in replies}) == 3


def test_an_order_says_whose_it_is(gateway: Gateway) -> None:
    """The customer stands before a dot, in front of an id of its own."""
    replies = gateway.caller().place_for(["ann", "bob", "ann"]).replies

    assert [reply.id.partition(".")[0] for reply in replies] == ["ann", "bob", "ann"]
    assert len({reply.id.partition(".")[2] for reply in replies}) == 3


@pytest.mark.parametrize(
    "plan", ["UNAVAILABLE:delay=200", "UNAVAILABLE@order-service-1,OK", "OK:headers,UNAVAILABLE!x"]
)
def test_a_plan_passes_unescaped(gateway: Gateway, plan: str) -> None:
    """The plan is behind a tilde in the path, character by character as it was given."""
    reply = gateway.caller().one(plan)

    assert gateway.came[0][1] == f"/orders/{reply.id}"
    assert reply.id.endswith(f"~{plan}")
    assert reply.ok


def test_no_proxy_comes_between(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders go straight to the gateway where the environment names a proxy that does not exist."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert gateway.caller().one().ok


def test_a_redirect_is_not_followed(gateway: Gateway) -> None:
    """A redirect is what the gateway answered, and no success."""
    reply = gateway.caller().one("MOVED")

    assert (reply.ok, reply.status) == (False, 302)
    assert len(gateway.came) == 1


@pytest.mark.parametrize("callers", [1, 2])
def test_an_order_without_an_answer_is_the_subjects_fault(gateway: Gateway, callers: int) -> None:
    """An order that stays unanswered beyond the patience is named, and was waited for that long and no longer."""
    began = time.monotonic()

    with pytest.raises(SubjectWrongError, match=r"^order o[0-9a-f]+-\d+~HANG: no reply within 0\.2 s$"):
        gateway.caller(patience=0.2).place(callers, plan="HANG", callers=callers)

    assert 0.2 <= time.monotonic() - began < 0.2 + SLACK


def test_orders_may_be_waited_for_otherwise(gateway: Gateway) -> None:
    """A behaviour may give its orders another time; the others keep theirs, and no id comes twice."""
    orders = gateway.caller(patience=10.0)
    began = time.monotonic()

    with pytest.raises(SubjectWrongError, match=r"^order o[0-9a-f]+-[0-9]+~HANG: no reply within 0\.2 s$") as raised:
        orders.waiting(0.2).place(plan="HANG")

    assert 0.2 <= time.monotonic() - began < 0.2 + SLACK
    assert orders.one().id not in str(raised.value)
    assert orders.patience == 10.0


def test_a_broken_connection_of_a_living_gateway_is_the_subjects_fault(gateway: Gateway) -> None:
    """A connection that ends without a reply is no reply; the next order goes over a new one."""
    checks: list[int] = []
    orders = Orders(lambda: gateway.url, lambda _: [], 10.0, check_alive=lambda: checks.append(len(gateway.came)))

    with pytest.raises(SubjectWrongError, match="the gateway dropped the connection"):
        orders.place(plan="BREAK")

    assert checks == [1]
    assert orders.one().ok


def _dead() -> None:
    raise SubjectDiedError("gateway died of signal 9")


def test_a_broken_connection_of_a_dead_gateway_tells_its_death(gateway: Gateway) -> None:
    """Where the gateway has died that is what is raised, also from the replies of a load; the orders are kept."""
    kept: list[Reply] = []
    orders = Orders(lambda: gateway.url, lambda _: [], 10.0, check_alive=_dead, keep=kept.append)

    with pytest.raises(SubjectDiedError, match="died of signal 9"):
        orders.one("BREAK")
    with pytest.raises(SubjectDiedError, match="died of signal 9"):
        orders.place(3, plan="BREAK", rate=1000)

    assert sorted(f"/orders/{reply.id}" for reply in kept) == sorted(path for _, path, _ in gateway.came)
    assert {reply.status for reply in kept} == {None}


# A load


def test_a_load_keeps_its_rate_while_replies_are_slow(gateway: Gateway) -> None:
    """Thirty orders at 50 per second arrive, though none is answered before all have come, and none too early."""
    gateway.meeting = threading.Barrier(30)
    with gateway.caller().load(50, plan="MEET", limit=30) as load:
        assert load.done.wait(10)
    arrivals = [when for when, _, _ in gateway.came]

    assert len(arrivals) == 30
    assert not gateway.meeting.broken
    assert max(arrivals) - min(arrivals) > 29 / 50 - 0.1


def test_a_load_ends_at_its_limit_and_has_all_replies_in_sending_order(gateway: Gateway) -> None:
    """No more than `limit` orders are sent; afterwards each has its reply."""
    block = gateway.caller().place(20, rate=1000)

    assert len(gateway.came) == 20
    assert [reply.sent for reply in block.replies] == sorted(reply.sent for reply in block.replies)


def test_a_load_stops_with_its_block(gateway: Gateway) -> None:
    """Behind the with block nothing more is sent, and every order that was sent has its reply."""
    with gateway.caller().load(200) as load:
        reached(lambda: len(gateway.came) >= 5, within=10, what="five orders have come")
    sent = len(gateway.came)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("load", "order_"))]
    assert len(load.block().replies) == sent == len(gateway.came) < 2000


def test_a_load_tells_who_has_not_served(gateway: Gateway) -> None:
    """A replica that answers nothing is named after its time; one that answered is not waited for."""
    with gateway.caller().load(100) as load:
        load.wait_until_served(by=["a"], within=5.0)
        with pytest.raises(SubjectWrongError, match=r"^no call was served by b, c\n"):
            load.wait_until_served(by=["a", "b", "c"], within=0.1)


def test_a_load_waits_for_a_failure(gateway: Gateway) -> None:
    """A call that fails ends the wait; a load without one is the subject's fault."""
    with gateway.caller().load(100, plan="FAIL") as load:
        load.wait_until_failing(since=load.started, within=5.0)
    with gateway.caller().load(100) as right, pytest.raises(SubjectWrongError, match=r"^no call fails"):
        right.wait_until_failing(since=right.started, within=0.1)

    assert {reply.code for reply in load.replies} == {"UNAVAILABLE"}


@pytest.mark.parametrize("callers", [1, 3])
def test_a_repeated_order_has_one_id(gateway: Gateway, callers: int) -> None:
    """It is sent as often as asked for, one by one or concurrently, and every reply is kept."""
    block = gateway.caller().repeat(3, plan="OK", callers=callers)

    assert len(gateway.came) == len(block.replies) == 3
    assert len({path for _, path, _ in gateway.came}) == len({reply.id for reply in block.replies}) == 1
    assert not block.failed


def test_a_gateway_that_takes_few_calls_at_a_time_gets_no_more(gateway: Gateway) -> None:
    """Callers are fewer, and a load is so slow that calls do not add up, even if each lasts until it is given up."""
    orders = gateway.caller(patience=2.0).promising(Promises(concurrent_calls=4))
    block = orders.place(8, plan="MEET", callers=16)

    assert len({reply.caller for reply in block.replies}) == 4
    assert (orders.load(60.0).rate, orders.load(1.0).rate, orders.load(60.0, lasting=0.5).rate) == (2.0, 1.0, 8.0)
    assert gateway.caller().load(60.0).rate == 60.0


def test_a_load_that_has_to_last_is_calm(gateway: Gateway) -> None:
    """By the promises, unless a behaviour needs another rate."""
    usual, calm = gateway.caller(), gateway.caller().promising(Promises(min_resolution_interval=30.0))

    assert (usual.load().rate, calm.load().rate, calm.load(50.0).rate) == (60.0, 30.0, 50.0)


def test_no_code_is_read_from_replies_that_are_not_promised_to_tell_it(gateway: Gateway) -> None:
    """A failure is one without its code; an order that was served is served."""
    told, untold = gateway.caller(), gateway.caller().promising(Promises(codes="untold"))

    assert [orders.one(plan).code for orders in (told, untold) for plan in ("", "FAIL")] == [
        *("OK", "UNAVAILABLE"),
        *("OK", None),
    ]
    assert not untold.one("FAIL").ok


def test_a_load_without_a_limit_goes_on(gateway: Gateway) -> None:
    """Nothing but its end ends it, however long a subject may take."""
    with gateway.caller().load(500) as load:
        reached(lambda: len(gateway.came) >= 20, within=10, what="twenty orders have come")
        assert not load.done.is_set()
