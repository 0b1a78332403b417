"""
How an order becomes a request, and how its reply is read.

`Page` is the contract's GET /orders/{id}, whose reply names who served it. The others are requests that a subject file
describes, `Placed` with HTTP, `Called` with gRPC and `Line` on a driver's standard input: they need not know of
replicas, so the ledgers tell who served them.
"""

import json
from collections.abc import Callable, Container, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from services.order.correlation import key_of
from tests.harness.subject.call import VALUES, Call
from tests.harness.subject.fronts import Rpc
from tests.harness.subject.promises import CODES
from tests.harness.world.driver import Driver, DriverCaller
from tests.harness.world.exchange import Answer, Caller, Request, Session
from tests.harness.world.order_ids import IDS
from tests.harness.world.reply import Reply, code_in_text, code_of_failure, code_told, read_reply
from tests.harness.world.rpc import UNKNOWN, RpcCaller

SAFE = "~:@,=!"
"""What need not be escaped in the path of a URL, and occurs in ids (RFC 3986, 3.3)."""


class Placing(Protocol):
    """What an order is placed with."""

    def caller(self) -> Caller:
        """Return what one more caller of the subject has."""

    def request(self, gateway: str, order_id: str) -> Request:
        """Return the request for an order at the gateway of this URL."""

    def reply(self, order_id: str, sent: float, received: float, answer: Answer) -> Reply:
        """Return what an answer means."""


class Page:
    """GET /orders/{id}, as the contract has it, or the same in another `folder`."""

    def __init__(self, folder: str = "orders") -> None:
        self._folder = folder

    def caller(self) -> Caller:
        """Return what one more caller of the subject has."""
        return Session()

    def request(self, gateway: str, order_id: str) -> Request:
        """Return the request for an order at the gateway of this URL."""
        return Request("GET", f"{gateway}/{self._folder}/{quote(order_id, safe=SAFE)}")

    def reply(self, order_id: str, sent: float, received: float, answer: Answer) -> Reply:
        """Return what an answer means."""
        return read_reply(order_id, sent, received, answer.status, answer.body.decode(errors="replace"))


class Placed:
    """
    A subject's own request.

    `prepare` is called with the id of each order before it is sent; `served_by` returns who served one that was.
    """

    def __init__(self, call: Call, prepare: Callable[[str], object], served_by: Callable[[str], str | None]) -> None:
        self._call, self._prepare, self._served_by = call, prepare, served_by
        self._carries = call.carries

    def caller(self) -> Caller:
        """Return what one more caller of the subject has."""
        return Session()

    def request(self, gateway: str, order_id: str) -> Request:
        """Return the request for an order at the gateway of this URL."""
        self._prepare(order_id)
        values = values_of(order_id, self._carries)
        quoted = {name: quote(value, safe=SAFE) for name, value in values.items()}
        path, headers, body = self._call.request(values, quoted)
        return Request(self._call.method, f"{gateway}{path}", headers, body)

    def reply(self, order_id: str, sent: float, received: float, answer: Answer) -> Reply:
        """Return what an answer means."""
        text = answer.body.decode(errors="replace")
        if self._call.is_success(answer.status):
            return Reply(
                order_id, sent, received, answer.status, "OK", self._served_by(order_id), f"HTTP {answer.status}"
            )
        code = code_at(self._call.code, answer, text)
        # a code in its own place reads as one in the text: it was not guessed from the status
        told = f"code = {code}: " if code and self._call.code else ""
        message = f"HTTP {answer.status}: {told}{text[:300]}"
        return Reply(order_id, sent, received, answer.status, code, message=message)


class Called:
    """A subject's own request, with gRPC; the arguments are those of `Placed`."""

    def __init__(self, call: Rpc, prepare: Callable[[str], object], served_by: Callable[[str], str | None]) -> None:
        self._call, self._prepare, self._served_by = call, prepare, served_by
        self._carries = call.carries

    def caller(self) -> Caller:
        """Return what one more caller of the subject has."""
        return RpcCaller()

    def request(self, gateway: str, order_id: str) -> Request:
        """Return the request for an order at the gateway of this URL."""
        self._prepare(order_id)
        path, metadata, message = self._call.request(values_of(order_id, self._carries))
        return Request(path, gateway, metadata, message)

    def reply(self, order_id: str, sent: float, received: float, answer: Answer) -> Reply:
        """Return what an answer means: the status is the number of its gRPC code."""
        code = code_told(answer.status) if answer.status else "OK"
        served_by = None if answer.status else self._served_by(order_id)
        text = answer.body.decode(errors="replace")[:300]
        # as text, a code reads as one that was named
        message = f"gRPC {answer.status}: code = {code}: {text}"
        return Reply(order_id, sent, received, answer.status, code, served_by, message)


class Line:
    """
    A line on a driver's standard input.

    `driver` returns the running one, `deadline` is how many seconds a call has, 0 for no deadline; the other arguments
    are those of `Placed`.
    """

    def __init__(
        self,
        prepare: Callable[[str], object],
        served_by: Callable[[str], str | None],
        driver: Callable[[], Driver],
        deadline: float,
    ) -> None:
        self._prepare, self._served_by, self._driver = prepare, served_by, driver
        self._deadline = {"deadline": deadline} if deadline else {}

    def caller(self) -> Caller:
        """Return what one more caller of the subject has."""
        return DriverCaller(self._driver)

    def request(self, _gateway: str, order_id: str) -> Request:
        """Return the request for an order."""
        self._prepare(order_id)
        values = values_of(order_id)
        line = {**values, "number": int(values["number"]), **self._deadline}
        return Request("", "", body=json.dumps(line).encode())

    def reply(self, order_id: str, sent: float, received: float, answer: Answer) -> Reply:
        """Return what an answer means; a code that is missing is unknown."""
        said = json.loads(answer.body)
        if said.get("code") in ("OK", "Ok") or (said.get("code") == 0 and said["code"] is not False):
            served_by = self._served_by(order_id)
            return Reply(order_id, sent, received, answer.status, "OK", served_by, f"driver: {said.get('ms')} ms")
        code = code_told(said.get("code"))
        told = f"code = {code}" if code else f"no code in {answer.body.decode()[:200]}"
        message = f"driver: {told}: {str(said.get('message', ''))[:300]}"
        return Reply(order_id, sent, received, CODES.index(code) + 1 if code else UNKNOWN, code, message=message)


def values_of(order_id: str, carries: Container[str] = VALUES) -> Mapping[str, str]:
    """Return what a request can carry of an order; a number, of which there are so many, only if it `carries` one."""
    key = key_of(order_id)
    return {
        "id": order_id,
        "number": str(IDS.number(order_id)) if "number" in carries else "",
        "uuid": f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}",
        "traceparent": f"00-{key}-{key[:16]}-01",
    }


def code_at(where: str, answer: Answer, text: str) -> str | None:
    """Return the name of the code that a failure tells, None if it does not."""
    kind, _, place = where.partition(":")
    if kind == "json":
        return code_told(_as_number(member(text, place.split("."))))
    if kind == "header":
        return code_told(_as_number(answer.headers.get(place)))
    if kind == "text":
        return code_in_text(text)
    if kind == "none":
        return None
    return code_of_failure(member(text, ["code"]), text, answer.status)


def _as_number(given: object) -> object:
    """Return the number that a text consists of, anything else as it is."""
    return int(given) if isinstance(given, str) and given.isdecimal() and len(given) <= 2 else given


def member(text: str | bytes, path: list[str]) -> object:
    """Return a member of a JSON document by the names, or the indexes, on the way to it; None if there is none."""
    try:
        found: Any = json.loads(text)
        for name in path:
            found = found[int(name)] if isinstance(found, list) else found[name]
    except (ValueError, LookupError, TypeError, RecursionError):  # the last for deeply nested text
        return None
    return found
