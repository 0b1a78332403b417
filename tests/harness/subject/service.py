"""What arrives at the replicas: [service] and [[stub]] of a subject file (docs/reference/contract.md)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.subject import backend
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

_METHOD = re.compile(r"[A-Za-z_][\w.]*/[A-Za-z_]\w*")


@dataclass(frozen=True)
class Answered:
    """A method, as in "inventory.v2.Inventory/Reserve", and its reply in parts (replies.py); "" is any method."""

    method: str = ""
    reply: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Service:
    """
    The service behind a subject.

    `judged` is the method that is judged, `stubs` are answered and not judged.
    """

    judged: Answered = Answered()
    stubs: Sequence[Answered] = ()

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables with which an order service answers as this service."""
        every = [self.judged, *self.stubs]
        answers = {
            "judged": _path(self.judged.method),
            "replies": {_path(each.method): each.reply for each in every if each.reply},
            "stubs": [_path(stub.method) for stub in self.stubs],
        }
        return {ANSWERS: json.dumps(answers)}


def read_service(table: Mapping[str, Any], stubs: object, folder: Path) -> Service:
    """Return what [service] and every [[stub]] describe; files are relative to a folder. Raises SubjectFileError."""
    check("service", table, {**KEYS, **backend.KEYS})
    if not isinstance(stubs, list) or not all(isinstance(stub, dict) for stub in stubs):
        raise SubjectFileError("stub must be a list of tables: [[stub]]")
    judged = _answered("[service]", table, table, folder)
    if stubs and not judged.method:
        raise SubjectFileError("[service] has no method: with a [[stub]] it must name the one that is judged")
    return Service(judged, tuple(_stub(stub, table, folder) for stub in stubs))


def _stub(table: Mapping[str, Any], service: Mapping[str, Any], folder: Path) -> Answered:
    check("[stub]", table, KEYS)
    if "method" not in table:
        raise SubjectFileError("[[stub]] has no method")
    return _answered("[[stub]]", table, service, folder)


def _answered(where: str, table: Mapping[str, Any], service: Mapping[str, Any], folder: Path) -> Answered:
    """Read a method and its reply; descriptors or protos are its own, or those of [service]."""
    method = table.get("method", "")
    if method and not _METHOD.fullmatch(method):
        raise SubjectFileError(f'{where} method is {method!r}: must be as in "inventory.v2.Inventory/Reserve"')
    if {"reply", "reply_hex"} <= set(table):
        raise SubjectFileError(f"{where} reply and reply_hex are mutually exclusive")
    if {"reply", "reply_hex"} & set(table) and not method:
        raise SubjectFileError(f"{where} has a reply and no method: every method is answered with the empty message")
    if "reply_hex" in table:
        return Answered(method, (_hex(where, table["reply_hex"]),))
    if "reply" not in table:
        return Answered(method)
    given = table if {"descriptors", "protos"} & set(table) else service
    protos = strings(f"{where} protos", given.get("protos", []))
    return Answered(
        method, encoded(where, method, table["reply"], Sources(folder, given.get("descriptors", ""), protos))
    )


def _hex(where: str, digits: str) -> str:
    try:
        return bytes.fromhex(digits).hex()
    except ValueError:
        raise SubjectFileError(f"{where} reply_hex is {digits!r}: must be pairs of hex digits") from None


def _path(method: str) -> str:
    return f"/{method}" if method else ""
