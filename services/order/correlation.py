"""
Which call an attempt belongs to, for any method of any service: its id is looked for in all that arrives.

The id, with the fault plan in it (faults.py), may be anywhere in the request's bytes or in the text of any metadata.
Where only a UUID or a trace id comes through, that is made of the id: 32 hex digits, laid out as a UUID of version 8
(RFC 9562, 5.8), of which 30 are

    run     16   the time at which the caller began, in nanoseconds, as in the id
    number   6   the number of the call, as in the id
    plan     8   the mark of its fault plan, which replicas learn beforehand; zeros without a plan
"""

import hashlib
import re
import time
from collections.abc import Iterable
from typing import NamedTuple

from services.order.faults import IN_BYTES

_ID = re.compile(rb"(?:[A-Za-z0-9_-]+\.)?o[0-9a-f]{16}-[0-9]+(?:~" + IN_BYTES + rb")?")
_PARTS = re.compile(r"(?:[^.~]+\.)?o([0-9a-f]{16})-([0-9]+)(?:~(.*))?")
# ahead of each position: digits that come before a key may look like the beginning of another
_KEY = re.compile(rb"(?=([0-9a-f]{8})-?([0-9a-f]{4})-?8([0-9a-f]{3})-?8([0-9a-f]{3})-?([0-9a-f]{12}))", re.IGNORECASE)

NO_PLAN = "00000000"

BY_KEY = "key in "
"""What precedes where an attempt carries its call's id, if it carries no more than a key made of it."""

FRESH = 86_400_000_000_000
"""Nanoseconds, a day: an older key is none of ours. Of foreign ones of this form 1 in 100,000 looks younger."""

VARINT, LENGTH_DELIMITED, CONTINUED, DEEPEST = 0, 2, 0x80, 16
SIZES = {0: 0, 1: 8, 2: 0, 5: 4}
"""The bytes of a field that follow its tag and its varint, by its wire type (protobuf.dev, Encoding)."""


class Found(NamedTuple):
    """
    What an attempt carries of its call.

    `id` is the id without its plan if that is known by its `mark` only. `where` is "request bytes", "metadata KEY", or
    "" if nothing was found.
    """

    id: str = ""
    mark: str = ""
    where: str = ""


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


def find(request: bytes, metadata: Iterable[tuple[str, str | bytes]]) -> Found:
    """Return what an attempt carries of its call: the request comes first, and text before keys."""
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
    return Found()


def _id_in_message(request: bytes) -> str:
    """
    Return the first id in a message, "" if there is none.

    It ends where its grammar ends, and with the field that it is in: the tag of the next field may well be a digit.
    """
    first = _ID.search(request)
    if first is None:
        return ""
    fields = _fields(request, 0, len(request)) or []
    ends = [end for start, end in fields if start <= first.start() < end]
    bounded = _ID.match(request, first.start(), min(ends, default=len(request)))
    return (bounded or first)[0].decode()


def _fields(message: bytes, start: int, end: int, depth: int = 0) -> list[tuple[int, int]] | None:
    """
    Return where the contents of every length-delimited field begin and end, those of nested messages included.

    None if these bytes are not a message. A string that happens to be one does no harm: no field begins in an id.
    """
    found: list[tuple[int, int]] = []
    position = start
    while position < end:
        tag, position = varint(message, position, end)
        kind, size = tag & 7, SIZES.get(tag & 7, -1)
        if kind == LENGTH_DELIMITED:
            size, position = varint(message, position, end)
        elif kind == VARINT:
            _, position = varint(message, position, end)
        if size < 0 or position < 0 or position + size > end or not tag >> 3:
            return None
        if kind == LENGTH_DELIMITED:
            nested = _fields(message, position, position + size, depth + 1) if depth < DEEPEST else None
            found += [(position, position + size), *(nested or [])]
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
