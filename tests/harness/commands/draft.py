"""A subject file in the making: what `grpc-lb-conformance init` knows of a service, as tables and as their text."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.commands.toml_text import inline, key, listed, quoted
from tests.harness.subject.call import VALUES
from tests.harness.subject.subject import Subject

CORRELATES = tuple(f"{{{name}}}" for name in VALUES)
"""What of a request lets its call be found again."""

TRACE = "traceparent"

CONTRACT = ("GET /orders/{id}", "")
"""The contract's own request, and its body."""

_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)

ADDRESS = re.compile(r"\{http_(?:address|host|port)\}")

HEAD = """\
# How grpc-lb-conformance judges this service; written by `grpc-lb-conformance init`.
# docs/reference/contract.md has every key.
"""

PROMISES = """\
# It is held to gRPC's defaults: round_robin, retries of UNAVAILABLE, DNS at most every 30 s, connections that are back
# within 5 s. Promise what it is configured for, and what it does not do is not judged:
# [promises]
# policy = "pick_first"            # without a load-balancing policy
# max_attempts = 1                 # without retries
# call_timeout = 1.5               # seconds; 0: no deadline
# reconnects_within = 5.0
# min_resolution_interval = 30.0
"""


@dataclass(frozen=True)
class Draft:
    """
    What is known so far.

    `command` is its words, `environment` what precedes them as in a shell; `service` and `stubs` are tables of a
    subject file; `found` is how its calls are known; `ours` tells that request and service are the contract's, so that
    neither is described.
    """

    name: str
    command: tuple[str, ...]
    http: str
    environment: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    ready: str = ""
    language: str = ""
    code: str = ""
    service: Mapping[str, Any] = field(default_factory=dict)
    stubs: Sequence[Mapping[str, Any]] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False
    found: str = ""

    @property
    def tables(self) -> dict[str, Any]:
        """The tables of the subject file."""
        tables: dict[str, Any] = {
            "subject": {"name": self.name, "language": self.language, "ready": self.ready},
            "loopback": {"command": list(self.command)},
            "environment": dict(self.environment),
            "files": dict(self.files),
        }
        if not self.ours:
            call = {"http": self.http, "headers": dict(self.headers), "body": self.body, "code": self.code}
            tables["call"] = {name: value for name, value in call.items() if value}
            tables["service"] = dict(self.service)
            tables["stub"] = [dict(stub) for stub in self.stubs]
        return tables

    def subject(self, folder: Path) -> Subject:
        """Return the subject that its file describes, in a folder. Raises SubjectFileError."""
        return Subject.from_tables(self.tables, folder / "subject.toml")

    def stubbed(self, methods: Sequence[str]) -> "Draft":
        """Return it with these methods as stubs, too."""
        return dataclasses.replace(self, stubs=[*self.stubs, *({"method": method} for method in methods)])

    def judging(self, method: str, others: Sequence[str]) -> "Draft":
        """Return it with this method as the judged one, and others as stubs."""
        return dataclasses.replace(self, service={**self.service, "method": method}).stubbed(others)

    @property
    def text(self) -> str:
        """The subject file."""
        parts = [HEAD, "\n".join(self._subject())]
        if not self.ours:
            parts += ["\n".join(self._call()), *("\n".join(lines) for lines in self._services())]
        parts.append(f"[loopback]\ncommand = {listed(self.command)}")
        for section, table in (("environment", self.environment), ("files", self.files)):
            if table:
                values = [f"{key(name)} = {quoted(value)}" for name, value in table.items()]
                parts.append("\n".join([f"[{section}]", *values]))
        return "\n\n".join([part.strip("\n") for part in parts] + [PROMISES.strip("\n")]) + "\n"

    def _subject(self) -> Iterator[str]:
        yield "[subject]"
        yield f"name = {quoted(self.name)}"
        if self.language:
            yield f"language = {quoted(self.language)}"
        if self.ready:
            yield f"ready = {quoted(self.ready)}"

    def _call(self) -> Iterator[str]:
        yield "# How one call is caused"
        yield "[call]"
        yield f"http = {quoted(self.http)}"
        if self.headers:
            yield f"headers = {inline(self.headers)}"
        if self.body:
            yield f"body = {quoted(self.body)}"
        if self.code:
            yield f"code = {quoted(self.code)}"

    def _services(self) -> Iterator[list[str]]:
        found = f"; its calls are known by: {self.found}" if self.found else ""
        yield [f"# What is judged{found}", "[service]", *_values(self.service)]
        for number, stub in enumerate(self.stubs):
            first = ["# What one request calls as well: answered, not judged"] if number == 0 else []
            yield [*first, "[[stub]]", *_values(stub)]


def _values(table: Mapping[str, Any]) -> Iterator[str]:
    for name in ("method", "reply_hex", "descriptors"):
        if name in table:
            yield f"{name} = {quoted(table[name])}"


def assigned(words: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the variables before a command, as a shell has them, and the command."""
    variables: dict[str, str] = {}
    rest = list(words)
    while rest and (found := _ASSIGNED.fullmatch(rest[0])):
        variables[found[1]] = found[2]
        rest.pop(0)
    return variables, tuple(rest)
