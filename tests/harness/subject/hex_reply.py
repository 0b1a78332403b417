"""
Replies in hex digits with the id of the call in them: `reply_hex` of a subject file.

    0801 12[{id}] 1a[0a[{id}] 10 02]

`12[…]` is a field: its tag, and what is in it; its length is computed, as that of an id varies. So a reply can carry
the id without a description of its message.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from services.order.correlation import LENGTH_DELIMITED, SIZES, VARINT, varint
from tests.harness.subject.tables import SubjectFileError

ID = "{id}"

_TOKEN = re.compile(r"\s+|([0-9a-fA-F]+)\[|([0-9a-fA-F]+)|(\{id\})|(\])")


def read_hex(where: str, text: str) -> tuple[Any, ...]:
    """Return a reply in parts (replies.py). Raises SubjectFileError, with what the section `where` gets wrong."""
    opened: list[tuple[int, list[Any]]] = [(0, [])]
    for position, (tag, digits, name, closing) in _tokens(where, text):
        if tag:
            opened.append((_field(where, tag), []))
        elif digits:
            _append(opened[-1][1], _pairs(where, digits))
        elif name:
            opened[-1][1].append(None)
        elif closing:
            if len(opened) == 1:
                raise SubjectFileError(f"{where} reply_hex has a ] at {position} without its [")
            number, content = opened.pop()
            opened[-1][1].append([number, content])
    if len(opened) > 1:
        raise SubjectFileError(f"{where} reply_hex has a [ without its ]")
    return tuple(opened[0][1])


def _tokens(where: str, text: str) -> Iterator[tuple[int, Sequence[str | None]]]:
    """Yield where each token begins, and its groups."""
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            seen = text[position : position + 8]
            raise SubjectFileError(
                f"{where} reply_hex has {seen!r}: must be pairs of hex digits, {ID}, or a field such as 0a[{ID}]"
            )
        yield position, token.groups()
        position = token.end()


def _append(parts: list[Any], digits: str) -> None:
    """Add digits, to those before them if there are any."""
    if parts and isinstance(parts[-1], str):
        digits = parts.pop() + digits
    parts.append(digits)


def _pairs(where: str, digits: str) -> str:
    if len(digits) % 2:
        raise SubjectFileError(f"{where} reply_hex has {digits[-9:]!r}: must be pairs of hex digits")
    return digits.lower()


def _field(where: str, digits: str) -> int:
    """Return the number of the field that a tag begins."""
    head = bytes.fromhex(_pairs(where, digits))
    tag, end = varint(head, 0, len(head))
    if end == len(head) and tag & 7 == LENGTH_DELIMITED and tag >> 3:
        return tag >> 3
    raise SubjectFileError(
        f"{where} reply_hex has {digits}[: must be the tag of a string or message, such as 0a[, after a space"
    )


def written(message: bytes, text: bytes) -> str:
    """Return a message in hex digits, with {id} wherever this text occurs in a string of it; "" occurs nowhere."""
    return " ".join(_pieces(message, text)) if text and text in message else message.hex()


def _pieces(message: bytes, text: bytes) -> Iterator[str]:
    parsed = _fields(message)
    if parsed is None or not any(text in message[start:end] for _, start, end in parsed):
        yield from _in_a_string(message, text)
        return
    position = 0
    for began, start, end in parsed:
        if text not in message[start:end]:
            continue
        if position < began:
            yield message[position:began].hex()
        tag = message[began:start]
        yield f"{_tag(tag).hex()}[{' '.join(_pieces(message[start:end], text))}]"
        position = end
    if position < len(message):
        yield message[position:].hex()


def _in_a_string(content: bytes, text: bytes) -> Iterator[str]:
    for number, piece in enumerate(content.split(text)):
        if number:
            yield ID
        if piece:
            yield piece.hex()


def _tag(head: bytes) -> bytes:
    """Return the tag of the tag and the length of a field."""
    return head[: next(number for number, byte in enumerate(head) if byte < 0x80) + 1]


def _fields(message: bytes) -> list[tuple[int, int, int]] | None:
    """
    Return of each length-delimited field where its tag, its contents and what follows them begin.

    None if these bytes are not a message; strings that happen to be one are treated as such.
    """
    found: list[tuple[int, int, int]] = []
    position = 0
    while position < len(message):
        began = position
        tag, position = varint(message, position, len(message))
        kind, size = tag & 7, SIZES.get(tag & 7, -1)
        if kind == LENGTH_DELIMITED:
            size, position = varint(message, position, len(message))
        elif kind == VARINT:
            _, position = varint(message, position, len(message))
        if size < 0 or position < 0 or position + size > len(message) or not tag >> 3:
            return None
        if kind == LENGTH_DELIMITED:
            found.append((began, position, position + size))
        position += size
    return found


def texts(message: bytes) -> Iterator[str]:
    """Yield every string in a message, those of nested messages included: what prints, and is not itself a message."""
    for _, start, end in _fields(message) or []:
        content = message[start:end]
        if _fields(content):
            yield from texts(content)
        try:
            text = content.decode()
        except UnicodeDecodeError:
            continue
        if text.isprintable() and text:
            yield text
