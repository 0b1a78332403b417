"""
The results of orders: one reply, read according to the contract, and a block of them with the attempts they took.

Rule 1: a block is judged in sending order, from one recorded `Block`; judges never send.
Rule 2: the ledgers decide who served a call.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.harness.harmless import in_one_line
from tests.harness.subject.promises import CODES
from tests.harness.world.ledger import Attempt
from tests.harness.world.tally import Tally

_CODE_IN_JSON = re.compile(r'"code"\s*:\s*"?(\w+)')
_CODE_IN_TEXT = re.compile(r"code = ([A-Za-z_]+)")
_CODE_BY_NAME = {name.replace("_", "").lower(): name for name in CODES} | {"canceled": "CANCELLED"}

_MEANT = {
    "served_by": ("servedby", "served", "server", "servername", "replica", "instance", "backend", "handledby"),
    "id": ("orderid",),
}
"""What people call the members of the contract's reply, in lower case and without what joins words."""

LONGEST_NAME = 200
"""Characters of a served_by that are kept; every replica's name is shorter."""

ARRIVED = "arrived"
"""The message of a reply that is made of an arrival: the subject calls by itself, so its replies are not seen."""

UNDER_WAY = 16
"""Calls that a program may make at the same time, with even shares all the same."""

# The HTTP statuses to which the standard gRPC-to-HTTP mapping maps exactly one code.
_CODE_BY_STATUS = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass(frozen=True)
class Reply:
    """
    What came back for one order; `sent` and `received` are on the monotonic clock.

    `status` is None if there was no HTTP reply. `code` is "OK", the gRPC code that the reply names, or None if it
    cannot be determined. `message` describes what was wrong. `caller` numbers the connections that the orders came
    over: one for each caller, or with `reconnect` one for each order.
    """

    id: str
    sent: float
    received: float
    status: int | None
    code: str | None
    served_by: str | None = None
    message: str = ""
    caller: int = 0

    def __repr__(self) -> str:
        """Show what the reader of an assertion wants to know."""
        came = f"served by {self.served_by}" if self.ok else f"{self.code or 'no code'}, {self.message}"
        return in_one_line(f"<{self.id} after {self.seconds:.2f} s: {came}>")

    @property
    def ok(self) -> bool:
        """Whether the order was served according to the contract."""
        return self.code == "OK"

    @property
    def is_refusal(self) -> bool:
        """Whether its status is about the request: no call need have been made for it."""
        return self.status is not None and 400 <= self.status < 500

    @property
    def names_its_code(self) -> bool:
        """Whether the code is written in the reply, and not just concluded from its status."""
        text = self.message.partition(": ")[2]
        member, told = _CODE_IN_JSON.search(text), _CODE_IN_TEXT.search(text)
        named = (int(member[1]) if member[1].isdigit() else member[1]) if member else None
        return bool(code_told(named) or code_told(told[1] if told else None))

    @property
    def named_code(self) -> str | None:
        """The code that is written in the reply, None if only its status tells: one may stand for many codes."""
        return self.code if self.names_its_code else None

    @property
    def seconds(self) -> float:
        """How long the caller waited."""
        return self.received - self.sent


@dataclass(frozen=True)
class Block:
    """Orders placed in a row, in sending order, and the attempts that the ledgers hold for them."""

    replies: tuple[Reply, ...]
    attempts: tuple[Attempt, ...]

    @property
    def seconds(self) -> float:
        """From the first order sent to the last reply received."""
        return max(reply.received for reply in self.replies) - min(reply.sent for reply in self.replies)

    @property
    def failed(self) -> list[Reply]:
        """The orders that were not served, for an assertion to show."""
        return [reply for reply in self.replies if not reply.ok]

    def attempts_of(self, reply: Reply) -> list[Attempt]:
        """Return the attempts of one order, in order of arrival."""
        return [attempt for attempt in self.attempts if attempt.id == reply.id]

    @property
    def arrived(self) -> bool:
        """Whether it is what arrived from a subject that calls by itself."""
        return bool(self.replies) and self.replies[0].message == ARRIVED

    def blurred(self, over: int) -> int:
        """
        Return by how many calls shares over so many replicas may differ because calls overtake each other.

        None do that of those that were ordered: all of them are in the block. Of a program that has 16 calls under way,
        picked in turn, at most 16/N to one replica are on the wrong side of either end, and likewise for another one.
        """
        return 2 * -(-UNDER_WAY // over) if self.arrived else 0

    @property
    def trails(self) -> list[list[Attempt]]:
        """For each order its attempts, in order of arrival."""
        by_id: dict[str, list[Attempt]] = {reply.id: [] for reply in self.replies}
        for attempt in self.attempts:
            by_id[attempt.id].append(attempt)
        return list(by_id.values())

    @property
    def served(self) -> list[str | None]:
        """Who answered each order, by the ledgers; None if no replica answered it OK."""
        answers = [[attempt.replica for attempt in trail if attempt.code == "OK"] for trail in self.trails]
        return [replicas[-1] if replicas else None for replicas in answers]

    @property
    def tally(self) -> Tally:
        """Attempts per replica."""
        return Tally(Counter(attempt.replica for attempt in self.attempts))


def read_reply(order_id: str, sent: float, received: float, status: int, text: str) -> Reply:
    """Read one HTTP reply by the contract: the code from a JSON member, from text, or from the status."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):  # the latter for deeply nested text
        body = None
    members = body if isinstance(body, dict) else {}
    reply = Reply(order_id, sent, received, status, None, message=f"HTTP {status}: {text[:300]}")
    if status < 400:
        served_by = members.get("served_by")
        if status == 200 and members.get("id") == order_id and isinstance(served_by, str):
            return Reply(order_id, sent, received, status, "OK", _kept(served_by))
        return replace(reply, message=f"HTTP {status}: {_misnamed(members)}{text[:300]}")
    code = code_of_failure(members.get("code"), text, status)
    return Reply(order_id, sent, received, status, code, message=reply.message)


def _misnamed(members: Mapping[str, Any]) -> str:
    """Return which member of a reply is probably meant as one of the contract's that it lacks, "" if none is."""
    for name, others in _MEANT.items():
        meant = [member for member in members if member.lower().replace("_", "").replace("-", "") in others]
        if name not in members and meant:
            return f"the reply has `{meant[0]}`; the contract's name is `{name}`: "
    return ""


def _kept(name: str) -> str:
    """Return a name that every file and terminal can hold: JSON may contain lone surrogates, and megabytes."""
    whole = name.encode(errors="backslashreplace").decode()
    return whole if len(whole) <= LONGEST_NAME else f"{whole[:LONGEST_NAME]}…"


def code_told(given: object) -> str | None:
    """Return the name of a code that is given as UNAVAILABLE, Unavailable or 14."""
    if isinstance(given, int) and not isinstance(given, bool):
        return CODES[given - 1] if 1 <= given <= len(CODES) else None
    return _CODE_BY_NAME.get(given.replace("_", "").lower()) if isinstance(given, str) else None


def code_in_text(text: str) -> str | None:
    """Return the name of the code in text of the form "code = Unavailable", None if there is none."""
    found = _CODE_IN_TEXT.search(text)
    return code_told(found[1]) if found else None


def code_of_failure(member: object, text: str, status: int) -> str | None:
    """Return the code that a failure tells in its JSON member, in its text, or by its status alone; None if in none."""
    return code_told(member) or code_in_text(text) or _CODE_BY_STATUS.get(status)
