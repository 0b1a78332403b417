"""What arrives at the replicas: [service] and [[stub]] of a subject file (docs/reference/contract.md)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.subject import backend
from tests.harness.subject.hex_reply import read_hex
from tests.harness.subject.replies import Sources, encoded
from tests.harness.subject.tables import Kind, SubjectFileError, check, strings

# of [service] and of each [[stub]]
KEYS: dict[str, Kind] = {
    "method": str,
    "reply": dict,
    "reply_hex": str,
    "descriptors": str,
    "protos": list,
}

ANSWERS = "ANSWERS"
"""The variable of the order service that holds all this (services/order/answers.py)."""

METHOD = re.compile(r"[A-Za-z_][\w.]*/[A-Za-z_]\w*")
METHOD_EXAMPLE = '"inventory.v2.Inventory/Reserve"'


@dataclass(frozen=True)
class Answered:
    """A method, as in "inventory.v2.Inventory/Reserve", and its reply in parts (replies.py); "" is any method."""

    method: str = ""
    reply: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Service:
    """
    The service behind a subject.

    `judged` is the method that is judged, `stubs` are answered and not judged; `stream` is the method that streams, and
    is judged too.
    """

    judged: Answered = Answered()
    stubs: Sequence[Answered] = ()
    stream: Answered = Answered()

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables with which an order service answers as this service."""
        every = [self.judged, self.stream, *self.stubs]
        answers = {
            "judged": _path(self.judged.method),
            **({"streamed": _path(self.stream.method)} if self.stream.method else {}),
            "replies": {_path(each.method): each.reply for each in every if each.reply},
            "stubs": [_path(stub.method) for stub in self.stubs],
        }
        return {ANSWERS: json.dumps(answers)}


ORDERS = Service(Answered("order.OrderService/GetOrder"))
"""The contract's own service; any other method is refused, and reported."""


def variables_of(service: Service | None, *, described: bool) -> Mapping[str, str]:
    """Return the variables of the replicas of a subject with this service, and if its request is `described` or not."""
    if service is None and not described:
        return {}
    return (service or ORDERS).variables


def read_service(table: Mapping[str, Any], stubs: object, folder: Path, stream: Mapping[str, Any]) -> Service:
    """
    Return what [service], every [[stub]] and the method of [stream] describe; files are relative to a folder.

    Raises SubjectFileError.
    """
    check("service", table, {**KEYS, **backend.KEYS})
    if not isinstance(stubs, list) or not all(isinstance(stub, dict) for stub in stubs):
        raise SubjectFileError("stub must be a list of tables: [[stub]]")
    judged = _answered("[service]", table, table, folder)
    if stubs and not judged.method:
        raise SubjectFileError("[service] has no method: with a [[stub]] it must name the one that is judged")
    streamed = _answered("[stream]", {key: stream[key] for key in KEYS if key in stream}, table, folder)
    return Service(judged, tuple(_stub(stub, table, folder) for stub in stubs), streamed)


def _stub(table: Mapping[str, Any], service: Mapping[str, Any], folder: Path) -> Answered:
    check("[stub]", table, KEYS)
    if "method" not in table:
        raise SubjectFileError("[[stub]] has no method")
    return _answered("[[stub]]", table, service, folder)


def _answered(where: str, table: Mapping[str, Any], service: Mapping[str, Any], folder: Path) -> Answered:
    """Read a method and its reply; descriptors or protos are its own, or those of [service]."""
    method = table.get("method", "")
    if method and not METHOD.fullmatch(method):
        raise SubjectFileError(f"{where} method is {method!r}: must be as in {METHOD_EXAMPLE}")
    if {"reply", "reply_hex"} <= set(table):
        raise SubjectFileError(f"{where} reply and reply_hex are mutually exclusive")
    if {"reply", "reply_hex"} & set(table) and not method:
        raise SubjectFileError(f"{where} has a reply and no method: every method is answered with the empty message")
    if "reply_hex" in table:
        return Answered(method, read_hex(where, table["reply_hex"]))
    if "reply" not in table:
        return Answered(method)
    given = table if {"descriptors", "protos"} & set(table) else service
    protos = strings(f"{where} protos", given.get("protos", []))
    return Answered(
        method, encoded(where, method, table["reply"], Sources(folder, given.get("descriptors", ""), protos))
    )


def _path(method: str) -> str:
    return f"/{method}" if method else ""
