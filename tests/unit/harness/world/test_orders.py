"""Orders: how a reply is read, how replies meet attempts, and how orders reach a gateway, here a small HTTP server."""

import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.subject.promises import CODES
from tests.harness.world.eventually import reached
from tests.harness.world.ledger import Attempt
from tests.harness.world.orders import Orders
from tests.harness.world.reply import Block, Reply, read_reply
from tests.harness.world.verdict import SubjectDiedError, SubjectWrongError
from tests.unit.helpers.small_gateway import Gateway

SLACK = 1.0
"""Seconds that a busy machine may add."""


# Reading one reply


def _read(status: int, body: object) -> Reply:
    return read_reply("o1", 1.0, 1.5, status, body if isinstance(body, str) else json.dumps(body))


def test_an_order_is_served_where_the_reply_is_as_the_contract_says() -> None:
    """A 200 with the order's id and a served_by is OK; whatever else it says does not matter."""
    reply = _read(200, {"id": "o1", "served_by": "order-service-2", "price": 7, "code": "UNAVAILABLE"})

    assert reply == Reply("o1", 1.0, 1.5, 200, "OK", "order-service-2")
    assert reply.ok
    assert reply.seconds == 0.5


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"id": "o2", "served_by": "a"}),
        (200, {"id": "o1"}),
        (200, {"served_by": "a"}),
        (200, {"id": "o1", "served_by": None}),
        (200, {"id": "o1", "served_by": 7}),
        (200, [{"id": "o1", "served_by": "a"}]),
        (200, "<h1>It works!</h1>"),
        (200, ""),
        (201, {"id": "o1", "served_by": "a"}),
        (204, ""),
        (301, {"id": "o1", "served_by": "a"}),
        (302, "rpc error: code = Unavailable"),
    ],
)
def test_a_success_that_is_none_has_no_code_and_shows_what_came(status: int, body: object) -> None:
    """A reply below 400 that is not as the contract says is no success, no code, and its text is in the message."""
    reply = _read(status, body)

    assert (reply.ok, reply.code, reply.served_by, reply.status) == (False, None, None, status)
    assert reply.message == f"HTTP {status}: {body if isinstance(body, str) else json.dumps(body)}"


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_told_by_name_or_number(code: str) -> None:
    """A JSON member `code` in capitals, in camel case or as a number is understood, whatever the HTTP status."""
    camel = "".join(word.capitalize() for word in code.split("_"))

    for told in (code, camel, code.lower(), CODES.index(code) + 1):
        assert _read(418, {"code": told, "message": "no"}).code == code


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, "rpc error: code = Aborted desc = two writers", "ABORTED"),
        (503, '{"error": "rpc error: code = DeadlineExceeded desc = late"}', "DEADLINE_EXCEEDED"),
        (500, "code = Canceled", "CANCELLED"),
        (500, "code = FAILED_PRECONDITION", "FAILED_PRECONDITION"),
        (503, {"code": "ABORTED", "error": "code = Internal"}, "ABORTED"),
        (500, {"code": "Oops", "error": "code = Internal"}, "INTERNAL"),
    ],
)
def test_a_code_is_told_by_text(status: int, body: object, code: str) -> None:
    """Text of the form "code = Aborted" comes before the HTTP status, and after a member that names a code."""
    assert _read(status, body).code == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (499, "CANCELLED"),
        (501, "UNIMPLEMENTED"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
@pytest.mark.parametrize("body", ["", "no", {"code": "Oops"}, {"code": 99}, {"code": 0}, {"code": None}, ["code"]])
def test_a_status_that_stands_for_one_code_tells_it(status: int, code: str, body: object) -> None:
    """Where nothing else names a code, the HTTP status does."""
    assert _read(status, body).code == code


@pytest.mark.parametrize("status", [400, 409, 418, 500, 502, 599])
def test_a_status_that_stands_for_several_codes_tells_none(status: int) -> None:
    """A status that the mapping gives to several codes, or to none, leaves the code unknown."""
    assert _read(status, "no").code is None


@pytest.mark.parametrize("code", ["OK", "Ok", 0])
def test_a_failure_cannot_call_itself_ok(code: object) -> None:
    """An HTTP error that names OK is a failure with an unknown code."""
    assert _read(500, {"code": code}).code is None


def test_a_code_that_is_true_is_no_number() -> None:
    """A member that is neither a name nor a number tells no code."""
    assert _read(500, {"code": True}).code is None


def test_nesting_beyond_measure_is_text() -> None:
    """A reply too deeply nested to be read as JSON is read as text."""
    assert _read(503, "[" * 100_000).code == "UNAVAILABLE"


def test_a_long_reply_is_cut_in_the_message() -> None:
    """Of a page three hundred characters are shown."""
    assert _read(500, "x" * 1000).message == f"HTTP 500: {'x' * 300}"


_JSON = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(), lambda more: st.lists(more) | st.dictionaries(st.text(), more)
)


@given(
    st.integers(100, 999),
    st.text() | _JSON.map(json.dumps) | st.fixed_dictionaries({"code": _JSON, "served_by": _JSON}).map(json.dumps),
)
def test_no_reply_is_beyond_reading(status: int, text: str) -> None:
    """Any text with any status is read as some reply: a failure, with a code that exists or none."""
    reply = read_reply("o1", 1.0, 1.5, status, text)

    assert not reply.ok
    assert reply.code in {None, *CODES}


# Replies and attempts


def _attempt(order_id: str, replica: str, code: str | None, arrived: float) -> Attempt:
    return Attempt(order_id, replica, "GetOrder", None, "peer", None, code, arrived)


@pytest.fixture
def block() -> Block:
    """Return a block of three orders: one retried, one served at once, one that reached nobody."""
    attempts = [
        _attempt("o2", "c", "OK", 3.0),
        _attempt("other", "c", "OK", 3.5),
        _attempt("o1", "b", "OK", 2.0),
        _attempt("o1", "a", "UNAVAILABLE", 1.0),
    ]
    replies = [_read(200, {"id": "o1", "served_by": "b"}), *(Reply(name, 1.0, 2.0, 503, None) for name in ("o2", "o3"))]
    return Orders(lambda: "", lambda _: attempts, 1.0).block(replies, 0.0)


def test_a_trail_is_the_attempts_of_one_order_as_they_arrived(block: Block) -> None:
    """Each order has its trail, in sending order, an empty one where nothing arrived; strangers are left out."""
    assert [[attempt.replica for attempt in trail] for trail in block.trails] == [["a", "b"], ["c"], []]
    assert block.attempts_of(block.replies[0]) == block.trails[0]


def test_who_served_is_what_the_ledgers_say(block: Block) -> None:
    """The replica that answered OK served the order, whatever the reply was; nobody did where none answered OK."""
    assert block.served == ["b", "c", None]
    assert [reply.id for reply in block.failed] == ["o2", "o3"]


def test_a_tally_counts_attempts(block: Block) -> None:
    """Each attempt counts for its replica, failed ones too."""
    assert dict(block.tally.counts) == {"a": 1, "b": 1, "c": 1}


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

    with pytest.raises(SubjectWrongError, match=r"^order o[0-9a-f]+-1~HANG: no reply within 0\.2 s$"):
        orders.waiting(0.2).place(plan="HANG")

    assert 0.2 <= time.monotonic() - began < 0.2 + SLACK
    assert orders.one().id.endswith("-2")
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
    """Where the gateway has died that is what is raised, also from the replies of a load."""
    orders = Orders(lambda: gateway.url, lambda _: [], 10.0, check_alive=_dead)

    with pytest.raises(SubjectDiedError, match="died of signal 9"):
        orders.one("BREAK")
    with pytest.raises(SubjectDiedError, match="died of signal 9"):
        orders.place(3, plan="BREAK", rate=1000)


# A load


def test_a_load_keeps_its_rate_while_replies_are_slow(gateway: Gateway) -> None:
    """Thirty orders at 50 per second arrive within 0.6 s, though each is answered after a second."""
    with gateway.caller().load(50, plan="SLOW", limit=30) as load:
        assert load.done.wait(10)
    arrivals = [when for when, _, _ in gateway.came]

    assert len(arrivals) == 30
    assert 29 / 50 - 0.1 < max(arrivals) - min(arrivals) < 29 / 50 + 0.3
    assert min(reply.seconds for reply in load.replies) >= 1.0


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
        load.wait_until_served(by=["a"])
        with pytest.raises(SubjectWrongError, match=r"^no call was served by b, c\n"):
            load.wait_until_served(by=["a", "b", "c"], within=0.1)


def test_a_load_waits_for_a_failure(gateway: Gateway) -> None:
    """A call that fails ends the wait; a load without one is the subject's fault."""
    with gateway.caller().load(100, plan="FAIL") as load:
        load.wait_until_failing(since=load.started)
    with gateway.caller().load(100) as right, pytest.raises(SubjectWrongError, match=r"^no call fails"):
        right.wait_until_failing(since=right.started, within=0.1)

    assert {reply.code for reply in load.replies} == {"UNAVAILABLE"}
