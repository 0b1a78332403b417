"""The grammar of the fault plan in an order id."""

import re
from urllib.parse import unquote, urlsplit

import grpc
import pytest
import requests
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from services.order.faults import HIGHEST_BYTES, HIGHEST_DELAY_MS, IN_BYTES, Plan, PlanError, Step, parse_order_id

NAME_CHARACTERS = "abcxyzABCXYZ0189._-"

# "." and ".." are names like any other, but alone in a path segment they are directions (RFC 3986, 3.3).
NONCES = st.text(NAME_CHARACTERS, min_size=1, max_size=12).filter(lambda nonce: nonce.strip("."))

FAILURES = st.sampled_from([code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
DELAYS = st.integers(0, HIGHEST_DELAY_MS).map(lambda ms: ms / 1000)
REPLICAS = st.frozensets(st.text(NAME_CHARACTERS, min_size=1, max_size=8), max_size=3)
HEALTH = st.sampled_from(["", "SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN", "WATCHES_END"])
READY = st.none() | st.booleans()
BYTES = st.integers(0, HIGHEST_BYTES)
STEPS = st.one_of(
    st.builds(Step, delay=DELAYS, headers=st.booleans(), health=HEALTH, ready=READY, bytes=BYTES, only_on=REPLICAS),
    st.builds(
        Step,
        code=FAILURES,
        delay=DELAYS,
        headers=st.booleans(),
        pushback_ms=st.none() | st.integers(-999_999_999, 999_999_999),
        only_on=REPLICAS,
    ),
    st.builds(Step, code=st.none(), hang=st.just(value=True), delay=DELAYS, headers=st.booleans(), only_on=REPLICAS),
    st.builds(Step, code=st.none(), close=st.just(value=True), delay=DELAYS, headers=st.booleans(), only_on=REPLICAS),
)
PLANS = st.builds(Plan, st.lists(STEPS, min_size=1, max_size=4).map(tuple))


@given(NONCES, PLANS)
def test_a_plan_is_read_back_as_it_was_written(nonce: str, plan: Plan) -> None:
    """The text of any plan parses to the same plan."""
    assert parse_order_id(f"{nonce}~{plan}") == plan


@given(NONCES)
def test_a_plain_nonce_always_succeeds(nonce: str) -> None:
    """An id without a plan means OK on each attempt."""
    assert parse_order_id(nonce) == Plan((Step(),))


@settings(max_examples=60)  # long texts are slow to make
@given(st.text(max_size=20) | st.text("x~OKHANGCLOSE:,@!=-19delayheadersp", max_size=20).map("x~".__add__))
def test_any_text_is_a_plan_or_a_plan_error(order_id: str) -> None:
    """Any text parses to a plan that reads back the same, or raises PlanError with a position in it."""
    position, plan = _read(order_id)

    assert 0 <= position <= len(order_id)
    assert plan is None or parse_order_id(f"x~{plan}") == plan


def _read(order_id: str) -> tuple[int, Plan | None]:
    """Return how far the id is in the grammar, and the plan if it is so to the end."""
    try:
        return len(order_id), parse_order_id(order_id)
    except PlanError as error:
        return error.position, None


@given(NONCES, PLANS, st.data())
def test_a_foreign_character_is_refused_where_it_stands_or_earlier(nonce: str, plan: Plan, data: st.DataObject) -> None:
    """An id with a character that is not in the grammar is refused, at that character or before it."""
    order_id = f"{nonce}~{plan}"
    place = data.draw(st.integers(0, len(order_id)))
    with pytest.raises(PlanError) as refusal:
        parse_order_id(order_id[:place] + ";" + order_id[place:])

    assert refusal.value.position <= place


@given(NONCES, PLANS)
def test_an_order_id_needs_no_escaping_in_a_url(nonce: str, plan: Plan) -> None:
    """An order id stays as it is in the path of a URL, however urllib, urllib3 and requests read or quote it."""
    order_id = f"{nonce}~{plan}"
    url = f"http://gateway/orders/{order_id}"

    assert unquote(order_id) == order_id
    assert urlsplit(url).path == f"/orders/{order_id}"
    assert parse_url(url).path == f"/orders/{order_id}"
    assert requests.Request("GET", url).prepare().url == url


@pytest.mark.parametrize(
    ("order_id", "position", "expected"),
    [
        ("", 0, "nonce"),
        ("a b", 1, "'~'"),
        ("a~", 2, "gRPC code"),
        ("a~unavailable", 2, "gRPC code"),
        ("a~UNAVAILABEL", 2, "gRPC code"),
        ("a~OK,", 5, "gRPC code"),
        ("a~OK:", 5, "delay"),
        ("a~OK:delay=", 5, "delay"),
        ("a~OK:delay=-1", 5, "delay"),
        ("a~OK:delay=86400001", 5, "at most 86400000 ms"),
        ("a~OK:every=86400001", 5, "at most 86400000 ms"),
        ("a~OK:messages=100001", 5, "at most 100000 messages"),
        ("a~OK:messages=1:messages=1", 16, "messages only once"),
        ("a~HANG:delay=1:delay=1", 15, "delay only once"),
        ("a~HANG:headers:headers", 15, "headers only once"),
        ("a~OK:pushback=1", 5, "pushback only"),
        ("a~HANG:pushback=1", 7, "pushback only"),
        ("a~CLOSE:pushback=1", 8, "pushback only"),
        ("a~OK:health=WELL", 5, "health=<status>"),
        ("a~OK:ready=no", 5, "ready=<true|false>"),
        ("a~OK@", 5, "name of a replica"),
        ("a~OK@b!", 7, "name of a replica"),
        ("a~OK@b:headers", 6, "the end"),
        ("a~OK;OK", 4, "the end"),
    ],
)
def test_a_refusal_says_where_and_what_was_expected(order_id: str, position: int, expected: str) -> None:
    """An id outside the grammar is refused with the index where it goes wrong and with what belongs there."""
    with pytest.raises(PlanError) as refusal:
        parse_order_id(order_id)

    assert refusal.value.position == position
    assert expected in refusal.value.expected


@given(PLANS, st.integers(0, 9))
def test_the_last_step_repeats(plan: Plan, previous_attempts: int) -> None:
    """An attempt beyond the last step is treated as the last step's."""
    assume(previous_attempts >= len(plan.steps))
    replica = min(plan.steps[-1].only_on, default="any")

    assert plan.step_for(previous_attempts, replica) == plan.steps[-1]


def test_a_step_holds_on_the_named_replicas_only() -> None:
    """An attempt on a replica that the step does not name succeeds."""
    plan = parse_order_id("a~UNAVAILABLE@order-1!order-2")

    assert plan.step_for(0, "order-1").code is grpc.StatusCode.UNAVAILABLE
    assert plan.step_for(0, "order-2").code is grpc.StatusCode.UNAVAILABLE
    assert plan.step_for(0, "order-3") == Step()


def test_each_option_is_read() -> None:
    """Delay, headers, pushback, health, readiness and replicas of one step are all read, a delay in seconds."""
    plan = parse_order_id("a~ABORTED:headers:ready=false:bytes=7:health=NOT_SERVING:pushback=-1:delay=250@b!a")

    assert plan.steps == (
        Step(
            grpc.StatusCode.ABORTED,
            delay=0.25,
            headers=True,
            pushback_ms=-1,
            health="NOT_SERVING",
            ready=False,
            bytes=7,
            only_on=frozenset("ab"),
        ),
    )
    assert str(plan) == "ABORTED:delay=250:headers:pushback=-1:health=NOT_SERVING:ready=false:bytes=7@a!b"


@given(PLANS, st.sampled_from([b"", b"\x00", b'"', b"/items", b" "]))
def test_a_plan_is_found_among_other_bytes(plan: Plan, after: bytes) -> None:
    """The expression that finds one ends where its grammar ends."""
    found = re.match(IN_BYTES, str(plan).encode() + after)

    assert found is not None
    assert found[0].decode() == str(plan)
