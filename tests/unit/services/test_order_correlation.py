"""Which call an attempt belongs to: its id among the bytes of any message, in metadata, or a key made of it."""

import time

import pytest

from services.order.correlation import FRESH, NO_PLAN, Found, find, key_of, mark_of
from services.order.faults import field_of

RUN = f"o{time.time_ns():x}"
PLANNED = f"{RUN}-17~UNAVAILABLE:pushback=500@order-service-1!order-service-2,OK:delay=20"

AFTER = [b"", b"\x10\x05", field_of(6, b"7abc"), field_of(7, b"x"), field_of(4, b'"'), b"\x40\x01", b"\x35abcd"]
"""What may follow the field with the id: tags that are digits, ":", "@" and the like, which an id has too."""

IDS = [f"{RUN}-17", PLANNED, f"c-1.{RUN}-3~OK"]


@pytest.mark.parametrize("order_id", IDS, ids=["plain", "planned", "of a customer"])
@pytest.mark.parametrize("after", AFTER, ids=range(len(AFTER)))
def test_an_id_is_found_in_any_message(order_id: str, after: bytes) -> None:
    """It ends with its field, however deep that is, and where something else follows in it."""
    for text in (order_id, f"cart:{order_id}/items"):
        nested = field_of(1, text.encode()) + after
        for message in (nested, field_of(2, b"zz") + field_of(3, nested) + b"\x08\x96\x01"):
            assert find(message, ()) == Found(order_id, "", "request bytes")


def test_an_id_is_found_where_the_request_is_no_message() -> None:
    """JSON over gRPC, say: it ends where its grammar does."""
    assert find(f'{{"id":"{PLANNED}","n":1}}'.encode(), ()).id == PLANNED
    assert find(b"\xff\xff", ()) == find(b"", ()) == Found()


@pytest.mark.parametrize("order_id", IDS, ids=["plain", "planned", "of a customer"])
def test_an_id_is_found_in_the_text_of_metadata(order_id: str) -> None:
    """Under any key, as a part of it too."""
    assert find(b"\x08\x01", [("user-agent", "grpc"), ("x-request-id", f"a;{order_id}")]) == Found(
        order_id, "", "metadata x-request-id"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("traceparent", "00-{key}-1111111111111111-01"),
        ("x-request-id", "{uuid}"),
        ("x-request-id", "{upper}"),
        ("b3", "{key}-1111111111111111-1"),
    ],
)
def test_a_key_stands_for_an_id(name: str, value: str) -> None:
    """It has run and number, and the mark of the plan."""
    key = key_of(PLANNED)
    uuid = f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
    metadata = [(name, value.format(key=key, uuid=uuid, upper=uuid.upper()))]

    assert find(b"", metadata) == Found(f"{RUN}-17", mark_of(PLANNED.partition("~")[2]), f"metadata {name}")
    assert find(field_of(3, uuid.encode()), ()).where == "request bytes"


def test_a_key_is_found_in_binary_metadata() -> None:
    """As OpenCensus passes a trace on; the bytes before it may look like the beginning of a key."""
    for number in range(300):
        run = f"o{time.time_ns() - number * 9_876_543_210:x}"
        value = b"\0\0" + bytes.fromhex(key_of(f"{run}-9")) + b"\x01" + bytes(8)

        assert find(b"", [("grpc-trace-bin", value)]) == Found(f"{run}-9", NO_PLAN, "metadata grpc-trace-bin")


def test_keys_have_the_form_of_uuids_and_differ() -> None:
    """Of version 8, which leaves their content to whoever makes them; other ids have keys too."""
    keys = [key_of(order_id) for order_id in (f"{RUN}-1", f"{RUN}-2", f"{RUN}-1~OK", "warm-up", "fence-1")]

    assert len(set(keys)) == len(keys)
    assert all(len(key) == 32 and key[12] == "8" and key[16] == "8" for key in keys)


def test_foreign_trace_ids_are_no_keys() -> None:
    """Their first digits are no time of today."""
    old = key_of(f"o{time.time_ns() - 2 * FRESH:x}-1")

    for foreign in (old, "4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f35-77b3-8da6-83ce-929d0e0e4736"):
        assert find(b"", [("traceparent", f"00-{foreign}-00f067aa0ba902b7-01")]) == Found()


def test_a_request_counts_before_metadata() -> None:
    """A gateway may pass its own caller's id on as well."""
    found = find(field_of(1, f"{RUN}-1".encode()), [("x-request-id", f"{RUN}-2")])

    assert (found.id, found.where) == (f"{RUN}-1", "request bytes")
