"""How an order becomes a request of the subject's own, and how its reply is read."""

import json
import time

import pytest

from services.order.correlation import find
from services.order.faults import field_of
from tests.harness.subject.call import Call
from tests.harness.world.exchange import Answer
from tests.harness.world.order_ids import IDS
from tests.harness.world.orders import Orders
from tests.harness.world.placing import Page, Placed, values_of
from tests.harness.world.reply import Reply
from tests.unit.helpers.hostile_server import DRIPS, FLOODS, HEAD, HostileServer, once

ORDER = f"o{time.time_ns():x}-7~UNAVAILABLE,OK"
PATIENCE = 0.3
SLACK = 1.0


def placed(call: Call, served_by: str | None = "a", told: list[str] | None = None) -> Placed:
    """Return how orders are placed with a call, at a subject whose ledgers name one replica."""
    return Placed(call, (told if told is not None else []).append, lambda _: served_by)


def read(call: Call, status: int, body: str = "", **headers: str) -> Reply:
    """Return what an answer means."""
    return placed(call).reply(ORDER, 1.0, 2.0, Answer(status, body.encode(), headers))


def test_the_contracts_request_is_as_it_was() -> None:
    """GET, with the id as the last segment of the path."""
    assert Page().request("http://g", "a b~OK:delay=1@x!y")[:2] == ("GET", "http://g/orders/a%20b~OK:delay=1@x!y")
    assert Page().reply("1", 0, 1, Answer(200, b'{"id": "1", "served_by": "b"}')).served_by == "b"


def test_a_request_is_filled_for_each_order() -> None:
    """Replicas are told what they must know of it beforehand."""
    told: list[str] = []
    call = Call("POST", "/carts/{id}", {"X-Id": "{id}"}, '{"cart": "{id}", "n": {number}}')
    request = placed(call, told=told).request("http://g", ORDER)

    assert (request.method, request.url) == ("POST", f"http://g/carts/{ORDER}")
    assert request.headers == {"X-Id": ORDER, "Content-Type": "application/json"}
    assert json.loads(request.body) == {"cart": ORDER, "n": IDS.number(ORDER)}
    assert told == [ORDER]


def test_what_a_request_carries_is_found_again() -> None:
    """In whichever form it comes through."""
    values = values_of(ORDER)

    assert find(field_of(1, values["id"].encode()), ()).id == ORDER
    for name in ("uuid", "traceparent"):
        assert find(b"", [("x", values[name])]).id == ORDER.partition("~")[0]
    assert values_of("fence-1")["uuid"] != values["uuid"]


def test_a_number_is_made_only_for_a_request_that_carries_one() -> None:
    """There are only so many for calls with a plan."""
    planned = IDS.make("OK:delay=17")

    assert values_of(planned, {"id"})["number"] == ""
    assert values_of(planned, {"number"})["number"] == str(IDS.number(planned))


def test_who_served_a_call_is_in_the_ledgers() -> None:
    """The reply need not be JSON."""
    reply = read(Call(), 204)

    assert (reply.ok, reply.code, reply.served_by, reply.id) == (True, "OK", "a", ORDER)


@pytest.mark.parametrize(
    ("where", "status", "body", "code"),
    [
        ("", 503, "", "UNAVAILABLE"),
        ("", 500, "rpc error: code = Aborted desc = x", "ABORTED"),
        ("", 500, '{"code": 10}', "ABORTED"),
        ("json:error.code", 502, '{"error": {"code": "Unavailable"}}', "UNAVAILABLE"),
        ("json:error.code", 502, '{"error": {"code": "14"}}', "UNAVAILABLE"),
        ("json:errors.1.code", 502, '{"errors": [{}, {"code": 14}]}', "UNAVAILABLE"),
        ("json:error.code", 503, '{"error": "down"}', None),  # not guessed from the status
        ("json:error.code", 503, "down", None),
        ("json:errors.9.code", 503, '{"errors": []}', None),
        ("header:grpc-status", 502, "", "UNAVAILABLE"),
        ("header:x-other", 503, "", None),
        ("text", 500, "code = Aborted", "ABORTED"),
        ("text", 503, "", None),
        ("none", 503, '{"code": "UNAVAILABLE"}', None),
    ],
)
def test_a_code_is_read_where_it_is_told(where: str, status: int, body: str, code: str | None) -> None:
    """And only there; one that is told somewhere is no guess."""
    reply = read(Call(code=where), status, body, **{"grpc-status": "14"})

    assert (reply.ok, reply.code) == (False, code)
    if where:
        assert reply.named_code == code


def test_a_status_that_is_not_a_success_is_a_failure() -> None:
    """Whatever HTTP thinks of it."""
    assert not read(Call(success=((200, 299),)), 302).ok
    assert read(Call(success=((404, 404),)), 404).ok


POST = Call("POST", "/checkout", body='{"cart": "{id}"}')


@pytest.mark.parametrize("script", [DRIPS["trailers"], FLOODS["trailers"]], ids=["drips", "floods"])
def test_the_limits_of_an_exchange_hold_for_post(script: object) -> None:
    """Neither a reply that drips nor one without end is waited for."""
    with HostileServer(script) as server:  # type: ignore[arg-type]
        began = time.monotonic()
        reply = Orders(lambda: server.url, lambda _: [], PATIENCE, placing=placed(POST)).one()

    assert time.monotonic() - began < PATIENCE + SLACK
    assert reply.status is None


def test_a_body_is_sent_once_and_whole() -> None:
    """With its length, over a connection that is kept."""
    with HostileServer(once(HEAD + b"Content-Length: 2\r\n\r\nok")) as server:
        reply = Orders(lambda: server.url, lambda _: [], 5.0, placing=placed(POST)).one()
        (request,) = server.requests

    assert reply.ok
    assert request.startswith(b"POST /checkout HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in request
