"""What a replica answers to methods of other services than its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from services.order.faults import field_of
from services.variables import SettingsError

Reply: TypeAlias = tuple[Any, ...]
"""A message in parts: bytes, None for the id of the call, or a pair of a field's number and the parts in it."""


@dataclass(frozen=True, slots=True)
class Answers:
    """
    What the replica answers.

    `judged` is the path of the judged method, "" if every method is one, `streamed` that of another judged one, whose
    answer is a stream.

    `replies` are replies by the path of their method, the empty message for others; `stubs` are the paths of methods
    that are answered and not judged.
    """

    judged: str = ""
    replies: Mapping[str, Reply] = field(default_factory=dict)
    stubs: frozenset[str] = frozenset()
    streamed: str = ""

    @classmethod
    def if_set(cls, environ: Mapping[str, str], name: str) -> Self | None:
        """
        Return what a variable describes, None if it is unset or empty.

        {"judged": "/a.B/C", "streamed": "/a.B/E", "replies": {"/a.B/C": ["0801", [2, ["61", null]]]}, "stubs":
        ["/a.B/D"]}, all of it optional: bytes in hex digits, null for the id, a field with its number. Raises
        `SettingsError`, which names the variable.
        """
        if not environ.get(name):
            return None
        try:
            given = json.loads(environ[name])
            replies = {path: _read(parts) for path, parts in given.get("replies", {}).items()}
            return cls(given.get("judged", ""), replies, frozenset(given.get("stubs", ())), given.get("streamed", ""))
        except (ValueError, AttributeError, TypeError):
            raise SettingsError(f"{name}: expected a JSON object with judged, streamed, replies and stubs") from None

    @property
    def service(self) -> str:
        """The service of the judged method, "" if every method is one."""
        return self.judged.lstrip("/").partition("/")[0]

    def reply(self, method: str, order_id: str) -> bytes:
        """Return the reply of a method to a call."""
        return _filled(self.replies.get(method, ()), order_id.encode())


def _read(parts: list[Any]) -> Reply:
    """Return a reply that is written in JSON. Raises ValueError and TypeError."""
    read: list[Any] = []
    for part in parts:
        if isinstance(part, list):
            number, content = part
            read.append((int(number), _read(content)))
        else:
            read.append(None if part is None else bytes.fromhex(part))
    return tuple(read)


def _filled(parts: Reply, order_id: bytes) -> bytes:
    return b"".join(
        order_id if part is None else part if isinstance(part, bytes) else field_of(part[0], _filled(part[1], order_id))
        for part in parts
    )
