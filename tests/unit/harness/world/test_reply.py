"""How a reply is read, and how replies meet attempts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.subject.promises import CODES
from tests.harness.world.ledger import Attempt
from tests.harness.world.orders import Orders
from tests.harness.world.reply import LONGEST_NAME, Block, Reply, read_reply

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


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"id": "o1", "servedBy": "a"}, "the reply has `servedBy`; the contract's name is `served_by`"),
        ({"id": "o1", "server": "a"}, "the reply has `server`; the contract's name is `served_by`"),
        ({"orderId": "o1", "served_by": "a"}, "the reply has `orderId`; the contract's name is `id`"),
        ({"id": "o1", "status": "a"}, ""),
    ],
)
def test_a_member_under_another_name_is_named(members: dict[str, str], named: str) -> None:
    """With the name that the contract has for it."""
    reply = _read(200, members)

    assert not reply.ok
    assert reply.message.startswith(f"HTTP 200: {named}" if named else 'HTTP 200: {"id"')


def test_a_name_that_no_file_can_hold_is_kept_as_one_that_every_file_can() -> None:
    """Half of a character is written out, and of a long name the beginning is kept."""
    assert _read(200, r'{"id": "o1", "served_by": "a\ud800b"}').served_by == r"a\ud800b"
    assert _read(200, {"id": "o1", "served_by": "x" * 60000}).served_by == "x" * LONGEST_NAME + "…"


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


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"code": "UNAVAILABLE"}', True),
        ('{"error": 1, "code":14}', True),
        ("rpc error: code = Unavailable desc = no", True),
        ("503 Service Unavailable", False),
        ('{"code": 503, "title": "Service Unavailable"}', False),
        ("", False),
    ],
)
def test_a_code_is_written_or_concluded_from_the_status(text: str, *, named: bool) -> None:
    """A status that stands for a code elsewhere may stand for any failure in this gateway."""
    reply = read_reply("o", 0.0, 0.1, 503, text)

    assert reply.code == "UNAVAILABLE"
    assert reply.names_its_code is named
    assert reply.named_code == ("UNAVAILABLE" if named else None)
