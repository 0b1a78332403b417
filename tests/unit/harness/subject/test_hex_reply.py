"""Replies in hex digits: what is read, what a mistake is told, and that a recorded message is written as it was."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.order.answers import Answers
from services.order.faults import field_of
from tests.harness.subject.hex_reply import read_hex, texts, written
from tests.harness.subject.service import Answered, Service
from tests.harness.subject.tables import SubjectFileError


def reply(text: str, order_id: str) -> bytes:
    """Return what a replica answers that has this reply."""
    service = Service(Answered("a.B/C", read_hex("[service]", text)))
    answers = Answers.if_set(service.variables, "ANSWERS")
    assert answers is not None
    return answers.reply("/a.B/C", order_id)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("0A03", ("0a03",)),
        ("08 01\n12[{id}]", ("0801", [2, [None]])),
        ("8201[0a[72{id}] 1001]", ([16, [[1, ["72", None]], "1001"]],)),
    ],
)
def test_a_reply_is_read_in_parts(text: str, parts: tuple[Any, ...]) -> None:
    """A field has its number, and its length is computed for each call."""
    assert read_hex("[service]", text) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0a3", "must be pairs of hex digits"),
        ("0a xyz", "reply_hex has 'xyz': must be pairs of hex digits, {id}, or a field such as 0a[{id}]"),
        ("{uuid}", "reply_hex has '{uuid}'"),
        ("0a[{id}", "a [ without its ]"),
        ("0a]", "a ] at 2 without its ["),
        ("08010a[{id}]", "reply_hex has 08010a[: must be the tag of a string or message, such as 0a[, after a space"),
        ("08[{id}]", "reply_hex has 08[: must be the tag of a string"),
        ("[{id}]", "reply_hex has '[{id}]'"),
    ],
)
def test_a_mistake_is_told(text: str, words: str) -> None:
    """In one line, with what is expected."""
    with pytest.raises(SubjectFileError) as raised:
        read_hex("[service]", text)

    assert words in str(raised.value)
    assert str(raised.value).startswith("[service] reply_hex ")


NESTED = field_of(1, field_of(3, b"cart-17") + b"\x10\x01") + b"\x18\x05" + field_of(16, b"for cart-17!") + b"\x20\x01"


def test_what_was_recorded_carries_another_id() -> None:
    """Wherever the text occurs, in nested messages and within other text; lengths follow."""
    text = written(NESTED, b"cart-17")

    assert text == "0a[1a[{id}] 1001] 1805 8201[666f7220 {id} 21] 2001"
    assert reply(text, "cart-17") == NESTED
    assert reply(text, "o1-1") == NESTED.replace(b"\x1a\x07cart-17", b"\x1a\x04o1-1").replace(
        b"\x0a\x0b", b"\x0a\x08"
    ).replace(b"\x0cfor cart-17!", b"\x09for o1-1!")
    assert sorted(texts(NESTED)) == ["cart-17", "for cart-17!"]


MESSAGES = st.recursive(
    st.one_of(st.binary(max_size=12), st.sampled_from([b"cart-17", b"to cart-17, please"])),
    lambda parts: st.lists(parts, max_size=4).map(
        lambda each: b"".join(field_of(number + 1, part) for number, part in enumerate(each))
    ),
    max_leaves=8,
)


@given(MESSAGES, st.sampled_from(["", "cart-17", "a"]))
def test_what_is_written_is_the_message(message: bytes, text: str) -> None:
    """Of any bytes, messages or not, with any text in them."""
    assert reply(written(message, text.encode()), text) == message
