"""How one call of a subject is caused with HTTP, by [call] of a subject file; other ways are in fronts.py."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.harness.subject.tables import Kind, SubjectFileError
from tests.harness.subject.templates import check_names, filled, names_in
from tests.harness.suggestion import did_you_mean

KEYS: dict[str, Kind] = {"http": str, "headers": dict, "body": str, "success": str, "code": str}

VALUES = ("id", "number", "uuid", "traceparent")
"""What a request can carry of a call: its id, with the fault plan in it, and what stands for that in another form."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

EXAMPLE = '"POST /checkout/{id}"'

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUSES = re.compile(r"([1-5])xx|([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_SPACED = re.compile(r"\s")

BELOW_400 = ((100, 399),)


@dataclass(frozen=True)
class Call:
    """
    A request, as templates over VALUES, and how its answer is read.

    `success` are the statuses of a served call, as pairs of the first and the last one. `code` is where a failure tells
    its gRPC code: "json:" and a path of members, "header:" and a name, "text", "none", or "" for what the contract
    looks through by default.
    """

    front: ClassVar[str] = "http"
    method: str = "GET"
    path: str = "/orders/{id}"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    success: tuple[tuple[int, int], ...] = BELOW_400
    code: str = ""

    @property
    def carries(self) -> frozenset[str]:
        """The values that occur in its request."""
        return frozenset(name for text in (self.path, self.body, *self.headers.values()) for name in names_in(text))

    def is_success(self, status: int) -> bool:
        """Say whether a status is that of a served call."""
        return any(first <= status <= last for first, last in self.success)

    def request(self, values: Mapping[str, str], quoted: Mapping[str, str]) -> tuple[str, dict[str, str], bytes]:
        """Return path, headers and body of one call with these values; `quoted` are the same for its path."""
        headers = {name: filled(text, values) for name, text in self.headers.items()}
        if self.body and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        return filled(self.path, quoted), headers, filled(self.body, values).encode()


def read_call(table: Mapping[str, Any]) -> Call:
    """Return the call that a table describes. Raises SubjectFileError."""
    method, path = _request_line(table.get("http", "GET /orders/{id}"))
    headers, body = dict(table.get("headers", {})), table.get("body", "")
    check_templates(headers, http=path, body=body)
    success = tuple(_statuses(table["success"])) if "success" in table else BELOW_400
    return Call(method, path, headers, body, success, _code(table.get("code", "")))


def _request_line(text: str) -> tuple[str, str]:
    method, _, path = text.partition(" ")
    if not path.startswith("/") or _SPACED.search(path):
        raise SubjectFileError(f"[call] http is {text!r}: must be a method and a path, such as {EXAMPLE}")
    if method not in METHODS:
        raise SubjectFileError(f"[call] http has the unknown method {method!r}{did_you_mean(method.upper(), METHODS)}")
    return method, path


def check_templates(headers: Mapping[str, object], **others: str) -> None:
    """Raise SubjectFileError for what cannot be a header, or metadata, and for an unknown name in a template."""
    for name, text in headers.items():
        _check_header(name, text)
    for what, text in [*others.items(), *((f"headers {name}", str(text)) for name, text in headers.items())]:
        check_names(f"[call] {what}", text, VALUES)


def _check_header(name: str, text: object) -> None:
    if not isinstance(text, str) or "\n" in text or "\r" in text or not _HEADER.fullmatch(name):
        raise SubjectFileError(f"[call] headers {name} is {text!r}: must be the text of an HTTP header, in one line")


def _statuses(text: str) -> Iterator[tuple[int, int]]:
    """Yield the first and the last status of each part of "2xx", "200" or "200-204,302"."""
    for part in text.split(","):
        found = _STATUSES.fullmatch(part.strip())
        if not found:
            raise SubjectFileError(
                f'[call] success is {text!r}: must be statuses such as "2xx", "200" or "200-204,302"'
            )
        hundred, first, last = found.groups()
        low, high = (int(hundred) * 100, int(hundred) * 100 + 99) if hundred else (int(first), int(last or first))
        if low > high:
            raise SubjectFileError(f"[call] success is {text!r}: {low} is above {high}")
        yield low, high


def _code(text: str) -> str:
    kind, _, where = text.partition(":")
    wanted = {
        "json": bool(where),
        "header": bool(_HEADER.fullmatch(where)),
        "text": text == "text",
        "none": text == "none",
    }
    if text and not wanted.get(kind):
        raise SubjectFileError(
            f'[call] code is {text!r}: must be "json:" and the path of a member, such as "json:error.code", '
            '"header:" and a name, such as "header:grpc-status", "text" or "none"'
        )
    return text
