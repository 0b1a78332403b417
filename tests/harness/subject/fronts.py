"""
The fronts of subjects: how one call of a subject is caused ([call] of a subject file, docs/reference/contract.md).

`http` is in call.py. A subject with `grpc` is called with gRPC, one with `stdio` is a driver that reads a line for each
call, and one with `self` calls by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from google.protobuf import json_format, message_factory
from google.protobuf.message import Message

from tests.harness.subject import call
from tests.harness.subject.call import VALUES, Call, check_templates, read_call
from tests.harness.subject.replies import Sources, method_of
from tests.harness.subject.service import METHOD, METHOD_EXAMPLE
from tests.harness.subject.tables import Kind, SubjectFileError, check, strings
from tests.harness.subject.templates import filled, names_in

KEYS: dict[str, dict[str, Kind]] = {
    "http": call.KEYS,
    "grpc": {"grpc": str, "headers": dict, "body": str, "descriptors": str, "protos": list},
    "stdio": {"stdio": bool},
    "self": {"self": bool},
}
"""The keys of [call], by the front that they are for."""

EXAMPLE_VALUES = {
    "id": "o18a2f3b4c5d6e7f8-1",
    "number": "1900000001",
    "uuid": "18a2f3b4-c5d6-87e8-8f00-000100000000",
    "traceparent": "00-18a2f3b4c5d687e88f00000100000000-18a2f3b4c5d687e8-01",
}


@dataclass(frozen=True)
class Rpc:
    """
    A call with gRPC: its method as in "shop.v1.Frontend/Checkout", its metadata, and protobuf's JSON of its message.

    Metadata and JSON are templates over VALUES. Without a `message`, the class of it, the empty message is sent.
    """

    front: ClassVar[str] = "grpc"
    code: ClassVar[str] = ""
    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    message: type[Message] | None = None

    @property
    def carries(self) -> frozenset[str]:
        """The values that occur in its request."""
        return frozenset(name for text in (self.body, *self.headers.values()) for name in names_in(text))

    def request(self, values: Mapping[str, str]) -> tuple[str, dict[str, str], bytes]:
        """Return path, metadata and message of one call with these values. Raises json_format.ParseError."""
        metadata = {name.lower(): filled(text, values) for name, text in self.headers.items()}
        message = json_format.Parse(filled(self.body, values), self.message()) if self.message else None
        return f"/{self.method}", metadata, message.SerializeToString() if message else b""


@dataclass(frozen=True)
class Lines:
    """A line of JSON on a driver's standard input, which answers with a line on its standard output."""

    front: ClassVar[str] = "stdio"
    code: ClassVar[str] = ""
    carries: ClassVar[frozenset[str]] = frozenset(VALUES)


@dataclass(frozen=True)
class ByItself:
    """Nothing: the subject calls by itself, and what arrives at the replicas is all that is known of its calls."""

    front: ClassVar[str] = "self"
    code: ClassVar[str] = "none"
    carries: ClassVar[frozenset[str]] = frozenset()


Front: TypeAlias = Call | Rpc | Lines | ByItself


def read_front(table: Mapping[str, Any], folder: Path) -> Front:
    """Return how the call that a table describes is caused; files are relative to a folder. Raises SubjectFileError."""
    check("call", table, {key: kind for keys in KEYS.values() for key, kind in keys.items()})
    named = [name for name in KEYS if name in table]
    if len(named) > 1:
        raise SubjectFileError(f"[call] has {' and '.join(named)}: a subject is called in one way")
    front = named[0] if named else "http"
    for key in table:
        if key not in KEYS[front]:
            raise SubjectFileError(f"[call] {key} has no meaning with {front}")
    if table.get(front) is False:
        raise SubjectFileError(f"[call] {front} is false: must be true, or left out")
    if front == "http":
        return read_call(table)
    if front == "grpc":
        return _rpc(table, folder)
    return Lines() if front == "stdio" else ByItself()


def _rpc(table: Mapping[str, Any], folder: Path) -> Rpc:
    method, body, headers = table["grpc"], table.get("body", ""), dict(table.get("headers", {}))
    if not METHOD.fullmatch(method):
        raise SubjectFileError(f"[call] grpc is {method!r}: must be as in {METHOD_EXAMPLE}")
    check_templates(headers, body=body)
    sources = Sources(folder, table.get("descriptors", ""), strings("[call] protos", table.get("protos", [])))
    rpc = Rpc(method, headers, body, _message(method, sources) if body else None)
    try:
        rpc.request(EXAMPLE_VALUES)
    except json_format.ParseError as error:
        name = rpc.message.DESCRIPTOR.full_name if rpc.message else "message"
        raise SubjectFileError(f"[call] body is not a {name}: {error}") from None
    return rpc


def _message(method: str, sources: Sources) -> type[Message]:
    """Return the class of the message that a method takes."""
    described = method_of("[call]", "grpc", method, "body", sources)
    if described.client_streaming:
        raise SubjectFileError(f"[call] grpc is {method!r}: its client streams, and the suite sends one message")
    return message_factory.GetMessageClass(described.input_type)


GRPC_HEALTH = "grpc.health"
"""What `ready` is for a gRPC subject that reports its health (grpc/grpc doc/health-checking.md)."""


def read_ready(value: str, front: str) -> str:
    """Return how a subject with this front reports that it is ready: a path, GRPC_HEALTH, or "" for not at all."""
    if value and front in {"stdio", "self"}:
        raise SubjectFileError(f"[subject] ready has no meaning with {front}")
    if front == "grpc":
        if value not in {"", GRPC_HEALTH}:
            raise SubjectFileError(f'[subject] ready is {value!r}: with grpc it must be "{GRPC_HEALTH}"')
        return value
    path = value.removeprefix("GET ")
    if path and not path.startswith("/"):
        raise SubjectFileError(f'[subject] ready is {value!r}: must be a path that begins with "/", such as "/readyz"')
    return path
