"""The numbers that stand for calls where an id does not come through, in any message and in metadata."""

import struct
import time

import pytest

from services.order.correlation import Found, find, key_of
from services.order.faults import field_of
from services.order.numbers import BLOCK, END, FIRST, PLANNED, SLOTS, Slot, is_ours, slot_of

NUMBER = FIRST + 48_017
TAGS = [b"", b"\x30\x05", field_of(6, b"7abc"), b"\x35abcd", b"\x391234abcd"]
"""What may follow a field: tags that are digits."""


def varint(number: int) -> bytes:
    """Return a number as protocol buffers write it."""
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


FORMS = {
    "text": field_of(3, str(NUMBER).encode()),
    "part of a text": field_of(3, f"order {NUMBER}/items".encode()),
    "a text as long as a digit": field_of(3, f"{NUMBER:>50}".encode()),
    "varint": b"\x18" + varint(NUMBER),
    "zigzag": b"\x18" + varint(NUMBER * 2),
    "fixed32": b"\x1d" + struct.pack("<I", NUMBER),
    "fixed64": b"\x19" + struct.pack("<q", NUMBER),
}


@pytest.mark.parametrize("after", TAGS, ids=range(len(TAGS)))
@pytest.mark.parametrize("form", FORMS)
def test_a_number_is_found_in_any_message(form: str, after: bytes) -> None:
    """However deep its field is, whatever its type, and whatever precedes and follows it."""
    for message in (FORMS[form] + after, field_of(2, b"zz") + field_of(7, FORMS[form] + after) + b"\x08\x96\x01"):
        assert find(message, (), numbers=True) == Found(number=NUMBER, where="request bytes")


def test_a_number_is_found_in_metadata_and_in_json() -> None:
    """As text."""
    assert find(b"", [("x-order", str(NUMBER))], numbers=True) == Found(number=NUMBER, where="metadata x-order")
    assert find(f'{{"n": {NUMBER}}}'.encode(), (), numbers=True).number == NUMBER


def test_what_says_more_counts_first() -> None:
    """An id and a key are unmistakable; and nobody looks for numbers who sent none."""
    order_id = f"o{time.time_ns():016x}-7"

    assert find(FORMS["varint"] + field_of(4, order_id.encode()), (), numbers=True).id == order_id
    assert find(FORMS["varint"], [("traceparent", f"00-{key_of(order_id)}-1-01")], numbers=True).id == order_id
    assert find(FORMS["varint"], ()) == Found()


@pytest.mark.parametrize(
    "message",
    [
        field_of(1, str(NUMBER * 10).encode()),
        field_of(1, f"0.{NUMBER}".encode()),
        b"\x08" + varint(FIRST - 1),
        b"\x08" + varint(END),
        b"\x08" + varint(int(time.time())),
        field_of(1, b"%" + struct.pack("<I", 0x71717171)),
    ],
    ids=["longer", "of a fraction", "lower", "higher", "a time", "in a text that is a message by chance"],
)
def test_other_numbers_are_none_of_ours(message: bytes) -> None:
    """Whatever they are."""
    assert find(message, (), numbers=True) == Found()


def test_a_slot_has_the_plan_and_the_block() -> None:
    """So that the id of each of its calls is known."""
    assert slot_of(NUMBER) == -1
    assert slot_of(PLANNED) == 0
    assert slot_of(PLANNED + 5 * BLOCK + 17) == 5
    assert Slot(5, 3, "OK").order_id("o1", PLANNED + 5 * BLOCK + 17) == "o1-3017~OK"
    assert is_ours(PLANNED + SLOTS * BLOCK - 1)
    assert END < 1 << 31
