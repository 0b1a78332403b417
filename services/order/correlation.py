"""
Which call an attempt belongs to, for any method of any service: its id is looked for in all that arrives.

The id, with the fault plan in it (faults.py), may be anywhere in the request's bytes or in the text of any metadata.
Where only a UUID or a trace id comes through, that is made of the id: 32 hex digits, laid out as a UUID of version 8
(RFC 9562, 5.8), of which 30 are

    run     16   the time at which the caller began, in nanoseconds, as in the id
    number   6   the number of the call, as in the id
    plan     8   the mark of its fault plan, which replicas learn beforehand; zeros without a plan

Where no more than a number comes through, that stands for the id (numbers.py).
"""

import hashlib
import re
import time
from collections.abc import Iterable
from typing import NamedTuple

from services.order.faults import IN_BYTES
from services.order.numbers import ABSENT, in_integers, in_text, zigzag

_ID = re.compile(rb"(?:[A-Za-z0-9_-]+\.)?o[0-9a-f]{16}-[0-9]+(?:~" + IN_BYTES + rb")?")
_PARTS = re.compile(r"(?:[^.~]+\.)?o([0-9a-f]{16})-([0-9]+)(?:~(.*))?")
# ahead of each position: digits that come before a key may look like the beginning of another
_KEY = re.compile(rb"(?=([0-9a-f]{8})-?([0-9a-f]{4})-?8([0-9a-f]{3})-?8([0-9a-f]{3})-?([0-9a-f]{12}))", re.IGNORECASE)

NO_PLAN = "00000000"

BY_KEY = "key in "
"""What precedes where an attempt carries its call's id, if it carries no more than a key made of it."""

BY_NUMBER = "number in "
"""The same if it carries no more than a number that stands for it."""

FRESH = 86_400_000_000_000
"""Nanoseconds, a day: an older key is none of ours. Of foreign ones of this form 1 in 100,000 looks younger."""

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32, CONTINUED, DEEPEST = 0, 1, 2, 5, 0x80, 16
SIZES = {0: 0, 1: 8, 2: 0, 5: 4}
"""The bytes of a field that follow its tag and its varint, by its wire type (protobuf.dev, Encoding)."""


class Found(NamedTuple):
    """
    What an attempt carries of its call.

    `id` is the id without its plan if that is known by its `mark` only; it is "" if there is no more than a `number`.
    `where` is "request bytes", "metadata KEY", or "" if nothing was found.
    """

    id: str = ""
    mark: str = ""
    where: str = ""
    number: int = ABSENT


def mark_of(plan: str) -> str:
    """Return eight hex digits that stand for a plan."""
    return hashlib.blake2s(plan.encode(), digest_size=4).hexdigest() if plan else NO_PLAN


def key_of(order_id: str) -> str:
    """Return the 32 hex digits that stand for an order; any others, always the same, for an id of another form."""
    parts = _PARTS.fullmatch(order_id)
    if parts is None:
        digits = hashlib.blake2s(order_id.encode(), digest_size=15).hexdigest()
    else:
        digits = f"{parts[1]}{int(parts[2]) % 0x1000000:06x}{mark_of(parts[3] or '')}"
    return f"{digits[:12]}8{digits[12:15]}8{digits[15:]}"


def find(request: bytes, metadata: Iterable[tuple[str, str | bytes]], *, numbers: bool = False) -> Found:
    """Return what an attempt carries of its call: the request comes first, text before keys, and `numbers` last."""
    if found := _id_in_message(request):
        return Found(found, where="request bytes")
    if key := _key_in(request):
        return Found(*key, "request bytes")
    values = [(name, value if isinstance(value, bytes) else value.encode()) for name, value in metadata]
    for name, value in values:
        if match := _ID.search(value):
            return Found(match[0].decode(), where=f"metadata {name}")
    for name, value in values:
        if key := _key_in(value) or (_key_in(value.hex().encode()) if name.endswith("-bin") else None):
            return Found(*key, f"metadata {name}")
    return _number(request, values) if numbers else Found()


def _number(request: bytes, metadata: Iterable[tuple[str, bytes]]) -> Found:
    if number := _number_in_message(request):
        return Found(number=number, where="request bytes")
    for name, value in metadata:
        if number := in_text(value):
            return Found(number=number, where=f"metadata {name}")
    return Found()


def _number_in_message(request: bytes) -> int:
    """Return the first of our numbers in a message: in a text, or else in an integer; ABSENT if there is none."""
    fields = list(_fields(request, 0, len(request)) or ())
    # each content separately: the length before it, and the tag after it, may well be digits
    texts = [request[field.start : field.end] for field in fields if field.kind == LENGTH_DELIMITED] or [request]
    if number := next(filter(None, map(in_text, texts)), ABSENT):
        return number
    readable = [field for field in fields if field.kind == LENGTH_DELIMITED and _is_readable(request, field)]
    integers = [
        field
        for field in fields
        if field.kind != LENGTH_DELIMITED and not any(text.start <= field.start < text.end for text in readable)
    ]
    return in_integers(field.integer for field in integers) or in_integers(
        zigzag(field.integer for field in integers if field.kind == VARINT)
    )


def _is_readable(request: bytes, field: "Field") -> bool:
    """Say whether the content of a field is a text, in which what looks like an integer is none."""
    try:
        return request[field.start : field.end].decode().isprintable()
    except UnicodeDecodeError:
        return False


def _id_in_message(request: bytes) -> str:
    """
    Return the first id in a message, "" if there is none.

    It ends where its grammar ends, and with the field that it is in: the tag of the next field may well be a digit.
    """
    first = _ID.search(request)
    if first is None:
        return ""
    fields = _fields(request, 0, len(request)) or []
    texts = [field for field in fields if field.kind == LENGTH_DELIMITED]
    ends = [field.end for field in texts if field.start <= first.start() < field.end]
    bounded = _ID.match(request, first.start(), min(ends, default=len(request)))
    return (bounded or first)[0].decode()


class Field(NamedTuple):
    """A field of a message: its wire type, where its content begins and ends, and its integer if it is one."""

    kind: int
    start: int
    end: int
    integer: int = ABSENT


def _fields(message: bytes, start: int, end: int, depth: int = 0) -> list[Field] | None:
    """
    Return every field, those of nested messages included.

    None if these bytes are not a message. A string that happens to be one does no harm: no field begins in an id.
    """
    found: list[Field] = []
    position = start
    while position < end:
        tag, position = varint(message, position, end)
        kind, size, integer = tag & 7, SIZES.get(tag & 7, -1), ABSENT
        if kind == LENGTH_DELIMITED:
            size, position = varint(message, position, end)
        elif kind == VARINT:
            integer, position = varint(message, position, end)
        if size < 0 or position < 0 or position + size > end or not tag >> 3:
            return None
        if kind in (FIXED32, FIXED64):
            integer = int.from_bytes(message[position : position + size], "little")
        found.append(Field(kind, position, position + size, integer))
        if kind == LENGTH_DELIMITED and depth < DEEPEST:
            found += _fields(message, position, position + size, depth + 1) or ()
        position += size
    return found


def varint(message: bytes, position: int, end: int) -> tuple[int, int]:
    """Return a number and where it ends; a position below 0 if it does not end."""
    number = 0
    for shift in range(0, 70, 7):
        if not 0 <= position < end:
            break
        number |= (message[position] & 0x7F) << shift
        position += 1
        if message[position - 1] < CONTINUED:
            return number, position
    return 0, -1


def _key_in(text: bytes) -> tuple[str, str] | None:
    """Return the id, without its plan, and the plan's mark in the first key of a recent run, None if there is none."""
    for match in _KEY.finditer(text):
        digits = b"".join(match.groups()).decode().lower()
        run, number, mark = digits[:16], digits[16:22], digits[22:]
        if abs(time.time_ns() - int(run, 16)) < FRESH:
            return f"o{run}-{int(number, 16)}", mark
    return None
