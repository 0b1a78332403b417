"""Any method of any service at a replica: its answers, its faults, and its lines in the ledger."""

import json
import time
from typing import Any

import grpc
import grpc.aio
import pytest

from services.order import plans as told_plans
from services.order.any_service import FIELD
from services.order.correlation import key_of
from services.order.faults import field_of, unknown_field
from services.order.numbers import BLOCK, FIRST, PLANNED, Slot
from services.order.plans import numbering, telling
from services.order.settings import Settings
from services.variables import SettingsError
from tests.unit.helpers.order_replica import LOOPBACK, Running, in_loop, running

RUN = f"o{time.time_ns():x}"
RESERVE, USERS = "/inventory.v2.Inventory/Reserve", "/users.v1.Users/Get"
ANSWERS = json.dumps({"judged": RESERVE, "replies": {RESERVE: ["0a026f6b"], USERS: [[1, [None]]]}, "stubs": [USERS]})
RETRIED = {
    "methodConfig": [
        {
            "name": [{"service": "inventory.v2.Inventory"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.01s",
                "maxBackoff": "0.01s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def call(order: Running, method: str, order_id: str = "", **given: Any) -> Any:  # noqa: ANN401, a call of grpc.aio
    """Call a method with an id in a nested message."""
    request = field_of(1, field_of(1, order_id.encode())) + b"\x10\x01" if order_id else b""
    method_of: Any = order.channel.unary_unary(method)
    return method_of(request, timeout=5, **given)


def test_any_method_is_answered_with_the_empty_message() -> None:
    """Every method is judged where none is named; the order service answers as before."""

    async def scenario() -> None:
        async with running(ANSWERS="{}") as order:
            assert await call(order, "/a.B/C", f"{RUN}-1") == b""
            assert (await order.call("42")).served_by == "order-1"
            one, two = order.ledger.attempts()
            assert (one["method"], one["id"], one["carried"]) == ("/a.B/C", f"{RUN}-1", "request bytes")
            assert (two["method"], "carried" in two) == ("/order.OrderService/GetOrder", False)

    in_loop(scenario)


def test_without_the_variable_other_methods_do_not_exist() -> None:
    """As it was."""

    async def scenario() -> None:
        async with running() as order:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await call(order, "/a.B/C")
            assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED

    in_loop(scenario)


def test_plans_are_carried_out_and_retried_as_configured() -> None:
    """A failure without headers is Trailers-Only, so that gRPC retries it; the reply is the method's."""

    async def scenario() -> None:
        async with running(RETRIED, ANSWERS=ANSWERS) as order:
            assert await call(order, RESERVE, f"{RUN}-1~UNAVAILABLE,OK:bytes=3") == b"\x0a\x02ok" + unknown_field(
                FIELD, 3
            )
            attempts = order.ledger.attempts()
            assert [(line["code"], line["previous_attempts"]) for line in attempts] == [
                ("UNAVAILABLE", None),
                ("OK", 1),
            ]

    in_loop(scenario)


def test_stubs_are_answered_and_not_judged_and_others_refused() -> None:
    """Neither is an attempt in the ledger; health is as ever, under the name of the service."""

    async def scenario() -> None:
        async with running(ANSWERS=ANSWERS) as order:
            assert await call(order, USERS, f"{RUN}-1") == field_of(1, f"{RUN}-1".encode())
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await call(order, "/users.v1.Users/Put", f"{RUN}-1")
            assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
            assert await call(order, "/grpc.health.v1.Health/Check", "") == b"\x08\x01"
            events = [(line["event"], line["method"]) for line in order.ledger.read_all() if "method" in line]
            assert events == [("stub_called", USERS), ("other_called", "/users.v1.Users/Put")]

    in_loop(scenario)


def test_a_plan_that_was_told_is_found_by_its_mark() -> None:
    """A call that comes before its plan waits for it: a replica may just have restarted."""

    async def scenario() -> None:
        async with running(ANSWERS=ANSWERS) as order:
            planned = f"{RUN}-7~ABORTED"
            early = call(order, RESERVE, metadata=[("traceparent", f"00-{key_of(planned)}-1111111111111111-01")])
            plain = call(order, RESERVE, metadata=[("traceparent", f"00-{key_of(f'{RUN}-8')}-1111111111111111-01")])
            assert await plain == b"\x0a\x02ok"
            await order.call(telling("fence-1", "ABORTED"))
            assert await early.code() is grpc.StatusCode.ABORTED
            attempts = [line for line in order.ledger.attempts() if line["method"] == RESERVE]
            assert {line["id"] for line in attempts} == {planned, f"{RUN}-8"}
            assert {line["carried"] for line in attempts} == {"key in metadata traceparent"}

    in_loop(scenario)


def test_a_plan_that_is_never_told_fails_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not be served as if nothing had been planned."""
    monkeypatch.setattr(told_plans, "PATIENCE", 0.05)

    async def scenario() -> None:
        async with running(ANSWERS=ANSWERS) as order:
            planned = f"{RUN}-7~ABORTED"
            failed = call(order, RESERVE, metadata=[("traceparent", f"00-{key_of(planned)}-1111111111111111-01")])
            assert await failed.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert order.ledger.attempts()[0]["code"] == "INVALID_ARGUMENT"

    in_loop(scenario)


def test_a_number_stands_for_its_call() -> None:
    """With a plan, once its slot was told; the order service finds it, too."""

    async def scenario() -> None:
        async with running(ANSWERS=ANSWERS, NUMBERS_OF=RUN) as order:
            early = call(order, RESERVE, str(PLANNED + 4 * BLOCK + 17))
            assert await call(order, RESERVE, str(FIRST + 8)) == b"\x0a\x02ok"
            await order.call(numbering("fence-1", Slot(4, 2, "ABORTED")))
            assert await early.code() is grpc.StatusCode.ABORTED
            await order.call(str(FIRST + 9))
            attempts = [line for line in order.ledger.attempts() if not line["id"].startswith("fence")]
            assert {line["id"] for line in attempts} == {f"{RUN}-{2 * BLOCK + 17}~ABORTED", f"{RUN}-8", f"{RUN}-9"}
            assert {line["carried"] for line in attempts} == {"number in request bytes"}

    in_loop(scenario)


def test_a_number_whose_slot_is_never_told_fails_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not be served as if nothing had been planned."""
    monkeypatch.setattr(told_plans, "PATIENCE", 0.05)

    async def scenario() -> None:
        async with running(ANSWERS=ANSWERS, NUMBERS_OF=RUN) as order:
            assert await call(order, RESERVE, str(PLANNED + 1)).code() is grpc.StatusCode.INVALID_ARGUMENT

    in_loop(scenario)


def test_an_attempt_that_carries_nothing_is_recorded_and_served() -> None:
    """Its id is empty."""

    async def scenario() -> None:
        async with running(ANSWERS="{}") as order:
            assert await call(order, RESERVE) == b""
            assert [(line["id"], line["carried"]) for line in order.ledger.attempts()] == [("", "")]

    in_loop(scenario)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"replies": {"/a": ["x"]}}', '{"replies": {"/a": 1}}', '{"replies": [1]}', "1"]
)
def test_answers_that_cannot_be_read_are_named(text: str) -> None:
    """In the one line with which the replica ends."""
    with pytest.raises(SettingsError, match="ANSWERS: expected a JSON object with judged, streamed, replies and stubs"):
        Settings.from_environment({**LOOPBACK, "ANSWERS": text})


def test_attempts_are_numbered_where_nobody_orders_them() -> None:
    """Of every service, whatever id they carry; those that the suite places keep theirs."""

    async def scenario() -> None:
        async with running(ANSWERS="{}", NUMBER_CALLS="true") as order:
            for _ in range(2):
                await call(order, "/a.B/C")
                await order.call("42")
            await order.call("fence-1")
            ids = [attempt["id"] for attempt in order.ledger.attempts()]
            assert ids.pop() == "fence-1"
            assert len(set(ids)) == 4
            assert all(name.startswith("order-1-") for name in ids)

    in_loop(scenario)
