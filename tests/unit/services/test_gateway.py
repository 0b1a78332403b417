"""The reference gateway: its HTTP side, its one call, and the service configs that it refuses."""

import json

import grpc
import grpc.aio
import pytest

from services.gateway.channel import SERVICE_CONFIG, ServiceConfigError, caller, check_service_config, open_channel
from services.gateway.settings import Settings
from services.gateway.web import HTTP_STATUS
from services.proto import order_pb2
from tests.unit.helpers.gateway import Orders, fetch, get, in_loop, order_service, web


def test_a_reply_becomes_json() -> None:
    """A successful call becomes 200 with the id and the replica as the order service sent them."""

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return order_pb2.GetOrderResponse(id=order_id, served_by="order-1")

    async def scenario() -> None:
        async with web(get_order) as port:
            assert await get(port, "42") == (200, {"id": "42", "served_by": "order-1"})

    in_loop(scenario)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("CANCELLED", 499),
        ("UNKNOWN", 500),
        ("INVALID_ARGUMENT", 400),
        ("DEADLINE_EXCEEDED", 504),
        ("NOT_FOUND", 404),
        ("ALREADY_EXISTS", 409),
        ("PERMISSION_DENIED", 403),
        ("RESOURCE_EXHAUSTED", 429),
        ("FAILED_PRECONDITION", 400),
        ("ABORTED", 409),
        ("OUT_OF_RANGE", 400),
        ("UNIMPLEMENTED", 501),
        ("INTERNAL", 500),
        ("UNAVAILABLE", 503),
        ("DATA_LOSS", 500),
        ("UNAUTHENTICATED", 401),
    ],
)
def test_a_code_becomes_its_http_status(name: str, status: int) -> None:
    """A failed call becomes the HTTP status of its code, with the code and the message in the body."""

    async def get_order(_: str) -> order_pb2.GetOrderResponse:
        empty = grpc.aio.Metadata()
        raise grpc.aio.AioRpcError(grpc.StatusCode[name], empty, empty, details="because")

    async def scenario() -> None:
        async with web(get_order) as port:
            assert await get(port, "42") == (status, {"code": name, "message": "because"})

    in_loop(scenario)


def test_every_code_has_an_http_status() -> None:
    """The mapping leaves no code out."""
    assert set(HTTP_STATUS) == set(grpc.StatusCode)


@pytest.mark.parametrize(
    "order_id",
    ["42", "a b", "a%2Fb", "100%", "%25", "a+b", "a;b?c#d", "a/b", "ä", "{x}", "x~OK:delay=5@a!b,ABORTED:pushback=-1"],
)
def test_the_id_is_passed_through_unchanged(order_id: str) -> None:
    """The id is decoded from the URL once and otherwise left as it is, in one call for one request."""
    ids = []

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        ids.append(order_id)
        return order_pb2.GetOrderResponse(id=order_id)

    async def scenario() -> None:
        async with web(get_order) as port:
            assert (await get(port, order_id))[1]["id"] == order_id
            assert ids == [order_id]

    in_loop(scenario)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/", 404),
        ("GET", "/orders/", 404),
        ("GET", "/orders/a/b", 404),
        ("POST", "/orders/42", 405),
    ],
)
def test_what_is_no_order_makes_no_call(method: str, path: str, status: int) -> None:
    """The gateway answers its probes itself, and refuses what is neither a probe nor one order."""

    async def get_order(_: str) -> order_pb2.GetOrderResponse:
        raise NotImplementedError

    async def scenario() -> None:
        async with web(get_order) as port:
            assert (await fetch(port, path, method)).status_code == status

    in_loop(scenario)


def test_a_request_makes_one_call() -> None:
    """One request makes one GetOrder call, with the id of the request and the default deadline of 5 seconds."""

    async def scenario() -> None:
        orders = Orders()
        orders.answer.set()
        async with order_service(orders) as target:
            settings = Settings.from_environment({"ORDER_SERVICE_TARGET": target})
            async with open_channel(settings) as channel, web(caller(channel, settings)) as port:
                assert (await get(port, "42"))[0] == 200

            assert orders.ids == ["42"]
            assert orders.deadlines[0] == pytest.approx(5, abs=0.5)

    in_loop(scenario)


def test_a_call_ends_with_its_deadline() -> None:
    """A call that is not answered within CALL_TIMEOUT_MS becomes 504 DEADLINE_EXCEEDED."""

    async def scenario() -> None:
        async with order_service(Orders()) as target:
            settings = Settings.from_environment({"ORDER_SERVICE_TARGET": target, "CALL_TIMEOUT_MS": "100"})
            async with open_channel(settings) as channel, web(caller(channel, settings)) as port:
                status, body = await get(port, "42")

            assert (status, body["code"]) == (504, "DEADLINE_EXCEEDED")

    in_loop(scenario)


def test_a_timeout_of_0_means_no_deadline() -> None:
    """With CALL_TIMEOUT_MS=0 the order service sees a call without deadline."""

    async def scenario() -> None:
        orders = Orders()
        orders.answer.set()
        async with order_service(orders) as target:
            settings = Settings.from_environment({"ORDER_SERVICE_TARGET": target, "CALL_TIMEOUT_MS": "0"})
            async with open_channel(settings) as channel:
                await caller(channel, settings)("42")

            assert orders.deadlines == [None]

    in_loop(scenario)


WAITS = '{"methodConfig": [{"name": [{"service": "order.OrderService"}], "waitForReady": true}]}'


@pytest.mark.parametrize(
    ("wait_for_ready", "service_config", "expected"),
    [
        ("true", "{}", grpc.StatusCode.DEADLINE_EXCEEDED),
        ("false", "{}", grpc.StatusCode.UNAVAILABLE),
        ("", "{}", grpc.StatusCode.UNAVAILABLE),
        ("", WAITS, grpc.StatusCode.DEADLINE_EXCEEDED),
        ("false", WAITS, grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_waiting_for_a_connection_is_a_setting(
    wait_for_ready: str, service_config: str, expected: grpc.StatusCode
) -> None:
    """Where nobody listens, a call fails at once or waits until its deadline: WAIT_FOR_READY says, else the config."""
    settings = Settings.from_environment(
        {
            "ORDER_SERVICE_TARGET": "unix:/nonexistent",
            "GRPC_SERVICE_CONFIG": service_config,
            "CALL_TIMEOUT_MS": "300",
            "WAIT_FOR_READY": wait_for_ready,
        }
    )

    async def scenario() -> None:
        async with open_channel(settings) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await caller(channel, settings)("42")

            assert failed.value.code() is expected

    in_loop(scenario)


def test_its_own_service_config_is_valid() -> None:
    """The library accepts the service config that the gateway ships with."""

    async def scenario() -> None:
        assert await check_service_config(json.dumps(SERVICE_CONFIG)) is None  # type: ignore[func-returns-value]

    in_loop(scenario)


@pytest.mark.parametrize(
    ("service_config", "complaint"),
    [
        ('{"loadBalancingConfig": [{"nonesuch": {}}]}', "field:loadBalancingConfig error:No known policies"),
        ('{"loadBalancingConfig": "round_robin"}', "field:loadBalancingConfig error:type should be array"),
        ('{"methodConfig": [{"retryPolicy": {"maxAttempts": 1}}]}', "methodConfig\\[0\\].retryPolicy.maxAttempts"),
        ("[]", "is not an object"),
        ("{", "JSON parse error"),
    ],
)
def test_an_invalid_service_config_is_refused_by_field(service_config: str, complaint: str) -> None:
    """A service config that the library refuses is reported with the field that is wrong."""

    async def scenario() -> None:
        with pytest.raises(ServiceConfigError, match=complaint):
            await check_service_config(service_config)

    in_loop(scenario)
