"""The subject: what is judged, how it starts and what it promises (docs/reference/contract.md, "The subject file")."""

import dataclasses
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.harmless import harmless, in_one_line
from tests.harness.paths import ROOT
from tests.harness.subject import features, library_properties
from tests.harness.subject.backend import KEYS as OF_BACKEND
from tests.harness.subject.backend import Backend, read_backend
from tests.harness.subject.call import Call
from tests.harness.subject.files import read_files
from tests.harness.subject.fronts import Front, read_front, read_ready
from tests.harness.subject.grpc_library import library_for, library_members
from tests.harness.subject.keepalive import Keepalive
from tests.harness.subject.known_failures import KnownFailures, known_failures
from tests.harness.subject.library_log import LIBRARY_LOG
from tests.harness.subject.library_properties import Property
from tests.harness.subject.placeholders import Places, has_placeholders, in_command, in_variables, texts_of
from tests.harness.subject.promises import Promises
from tests.harness.subject.service import Service, read_service
from tests.harness.subject.streams import StreamPromises, read_stream
from tests.harness.subject.tables import (
    Kind,
    SubjectFileError,
    check,
    read_tables,
    refuse_unknown,
    strings,
    text_values,
)

TARGETS = ("dns-authority", "none")


@dataclass(frozen=True)
class Subject:
    """
    A gateway under judgement.

    `folder` is where a relative command and the folder named by `build` are looked up;
    `image_command` is run in place of its image's own, if there is one;
    `environment` holds variables for every start;
    `library` is the gRPC library it is built with, and its version (grpc_library.py), "" if unknown, `library_from`
    where that was found;
    `ready` is the path at which it answers 200 once it serves, "" if it serves as soon as it listens;
    `call` is how it is called (fronts.py), `stream` its own request for a stream, `service` its own service, None for
    the contract's; `backend` is where that is; `unsupported` are the features that it lacks (features.py);
    `has_placeholders` tells whether its command and its variables are templates (placeholders.py);
    `files` are files that have placeholders, by their names (files.py);
    `known_failures` maps "file.py::test_name" to the reason it is expected, `known_causes` to the cause if it is named;
    `ours` is whether it is a gateway of this repository, whose runs keep the table of library properties true.

    What a report shows of it is harmless.
    """

    name: str
    folder: Path
    language: str = ""
    tier: int = 1
    command: tuple[str, ...] = ()
    target: str = "dns-authority"
    image: str = ""
    build: str = ""
    image_command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    promises: Promises = field(default_factory=Promises)
    unsupported: frozenset[str] = features.OPTIONAL
    known_failures: Mapping[str, str] = field(default_factory=dict)
    known_causes: Mapping[str, str] = field(default_factory=dict)
    library: str = ""
    library_from: str = ""
    ready: str = ""
    ours: bool = False
    has_placeholders: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)
    call: Front | None = None
    stream: Call | None = None
    service: Service | None = None
    backend: Backend = field(default_factory=Backend)

    def __post_init__(self) -> None:
        """Make harmless what a report shows."""
        for member in ("name", "language", "library", "library_from"):
            object.__setattr__(self, member, in_one_line(getattr(self, member)))
        known = {in_one_line(name): harmless(reason) for name, reason in self.known_failures.items()}
        object.__setattr__(self, "known_failures", known)
        causes = {in_one_line(name): in_one_line(cause) for name, cause in self.known_causes.items()}
        object.__setattr__(self, "known_causes", causes)

    @property
    def library_properties(self) -> Sequence[Property]:
        """What its library is known to do, no matter what the gateway does."""
        return library_properties.properties_of(self.library, self.language)

    @property
    def settings_language(self) -> str:
        """The language whose settings fix it: its own, or the library's; "none" without a gRPC library of the table."""
        if self.library == library_properties.NONE:
            return library_properties.NONE
        return self.language or library_properties.language_of(self.library)

    @property
    def is_its_own(self) -> bool:
        """Whether it has its own request or service: it need not name who served it, as the ledgers do."""
        return self.call is not None or self.service is not None

    @property
    def front(self) -> str:
        """How it is called: "http", "grpc", "stdio" or "self"."""
        return self.call.front if self.call else "http"

    @property
    def judged_method(self) -> str:
        """The method that is judged, "" for the order service's, and if every method is judged."""
        return self.service.judged.method if self.service else ""

    @classmethod
    def from_file(cls, path: Path) -> "Subject":
        """Read a subject file. Raises SubjectFileError for anything that docs/reference/contract.md does not allow."""
        tables = read_tables(path)
        try:
            return _from_tables(tables, path)
        except SubjectFileError as error:
            raise SubjectFileError(f"{path}: {error}") from error

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any], path: Path) -> "Subject":
        """Return the subject that a file with these tables would describe. Raises SubjectFileError."""
        return _from_tables(tables, path)

    @classmethod
    def from_command(cls, command: str, folder: Path) -> "Subject":
        """Return the subject that a file with just this command would describe. Raises SubjectFileError."""
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise SubjectFileError(f"--gateway-command: {error}") from error
        if not words:
            raise SubjectFileError("--gateway-command: the command is empty")
        seen = library_for("", folder, words)
        name = Path(words[0]).name  # arguments may hold a token
        return cls(name=name, folder=folder, command=words, library=seen.library, library_from=seen.source)

    def placed(self, places: Places) -> "Subject":
        """Return it with the addresses of one start in its command and its variables, where it has placeholders."""
        if not self.has_placeholders:
            return self
        return dataclasses.replace(
            self,
            command=in_command(self.command, places),
            image_command=in_command(self.image_command, places),
            environment=in_variables(self.environment, places),
            has_placeholders=False,
        )

    def given(self, names: str) -> "Subject":
        """
        Return it with these variables of the run, separated by commas, in addition to those of [environment].

        Raises SubjectFileError for one that is not set.
        """
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        for name in wanted:
            if name not in os.environ:
                raise SubjectFileError(f"--pass-variables: {name} is not set")
        passed = {name: os.environ[name] for name in wanted}
        return dataclasses.replace(self, environment={**self.environment, **passed})

    def with_known_failures(self, path: Path) -> "Subject":
        """
        Return it with the known failures of a separate file added: those of CI, say, or of an image.

        Lines of TOML as in the subject file, with or without the section header. Raises SubjectFileError.
        """
        tables = read_tables(path)
        named = {"known_failures": tables} if "known_failures" not in tables else tables
        try:
            refuse_unknown("section", named, ["known_failures"])
            more = _known_failures(named)
        except SubjectFileError as error:
            raise SubjectFileError(f"{path}: {error}") from error
        before = {key: cause for key, cause in self.known_causes.items() if key not in more.reasons}
        return dataclasses.replace(
            self, known_failures={**self.known_failures, **more.reasons}, known_causes={**before, **more.causes}
        )

    def has(self, promise: str) -> bool:
        """Whether it makes a promise that behaviours are marked with (Promises.has). Raises KeyError for others."""
        if promise == "served_by":
            return not self.is_its_own
        if promise == "a server":
            return self.front in {"http", "grpc"}
        return not self.ready if promise == "serves when it listens" else self.promises.has(promise)

    def reason_against(self, environment: str) -> str:
        """Return why it cannot be started in an environment, "" if it can."""
        if environment == "loopback":
            if not self.command:
                return "the subject file has no [loopback] command"
            return "" if self.target != "none" else 'its [loopback] target is "none"'
        if not self.has("a server"):
            return f"only on loopback: [call] {self.front} has no address in a container"
        if refused := self.backend.reason_against(environment):
            return refused
        return "" if self.image or self.build else "the subject file has no [compose] image or build"


SECTIONS: dict[str, dict[str, Kind]] = {
    "subject": {"name": str, "language": str, "library": str, "tier": int, "ready": str, "library_log": bool},
    "loopback": {"command": list, "target": str},
    "compose": {"image": str, "build": str, "command": list},
    "promises": {
        "policy": str,
        "retryable_codes": list,
        "max_attempts": int,
        "initial_backoff": float,
        "max_backoff": float,
        "backoff_multiplier": float,
        "call_timeout": float,
        "reconnects_within": float,
        "min_resolution_interval": float,
        "refresh_interval": float,
        "keepalive": dict,
        "wait_for_ready": bool,
        "jitter": (float, str),
        "retries": str,
        "retry_throttling": bool,
        "ejection": bool,
        "hedging": bool,
        "per_try_timeout": float,
        "connections_per_replica": int,
        "codes": str,
        "dns_retry_within": float,
        "start_within": float,
        "concurrent_calls": int,
        "overhead": float,
        "connect_timeout": float,
        "streams": dict,
    },
    "features": features.KEYS,
}
FREE_SECTIONS = ("environment", "files", "known_failures")  # their keys are the user's own


def _from_tables(tables: Mapping[str, Any], path: Path) -> Subject:
    _check_tables(tables)
    general, loopback, compose = (tables.get(name, {}) for name in ("subject", "loopback", "compose"))
    folder, command = path.resolve().parent, tuple(strings("[loopback] command", loopback.get("command", [])))
    image_command = tuple(strings("[compose] command", compose.get("command", [])))
    known, call = _known_failures(tables), read_front(tables["call"], folder) if "call" in tables else None
    stream, service = read_stream(tables["stream"]) if "stream" in tables else None, _service(tables, folder)
    files = read_files(text_values("files", tables), folder)
    environment, backend = text_values("environment", tables), read_backend(tables.get("service", {}))
    texts = texts_of({"loopback": command, "compose": image_command}, environment)
    return Subject(
        name=general.get("name", path.stem),
        folder=folder,
        **library_members(general, folder, command, compose.get("build", "")),
        tier=general.get("tier", 1),
        command=command,
        target=loopback.get("target", "dns-authority"),
        image=compose.get("image", ""),
        build=compose.get("build", ""),
        image_command=image_command,
        environment={**(LIBRARY_LOG if general.get("library_log") else {}), **environment},
        promises=_promises(tables.get("promises", {}), told=call is None or call.code != "none"),
        unsupported=features.unsupported(tables.get("features", {}), has_stream=stream is not None),
        known_failures=known.reasons,
        known_causes=known.causes,
        ready=read_ready(general.get("ready", ""), call.front if call else "http"),
        ours=folder.is_relative_to(ROOT / "services"),
        call=call,
        stream=stream,
        service=service,
        files=files,
        backend=backend,
        has_placeholders=has_placeholders(texts, files, described=bool(_DESCRIBED & set(tables)), tls=backend.tls),
    )


_SERVICE = frozenset({"service", "stub"})
_DESCRIBED = _SERVICE | {"call", "stream", "files"}
"""Sections after which a file has placeholders."""


def _service(tables: Mapping[str, Any], folder: Path) -> Service | None:
    if not _SERVICE & set(tables) and "method" not in tables.get("stream", {}):
        return None
    table = tables.get("service", {})
    service = read_service(table, tables.get("stub", []), folder, tables.get("stream", {}))
    streamed = "method" in tables.get("stream", {})
    if table and not ({"call", "stub"} & set(tables) or set(table) - set(OF_BACKEND) or streamed):
        return None  # no more than where the order service is
    if tables.get("subject", {}).get("tier", 1) > 1 and not service.judged.method:
        raise SubjectFileError("[service] has no method: service configs of a tier 2 subject need its name")
    return service


def _check_tables(tables: Mapping[str, Any]) -> None:
    """Raise SubjectFileError for what is unknown or of another kind, and for values that are mutually exclusive."""
    refuse_unknown("section", tables, [*SECTIONS, *FREE_SECTIONS, "call", "stream", *sorted(_SERVICE)])
    for section, table in tables.items():
        if section != "stub" and not isinstance(table, dict):
            raise SubjectFileError(f"{section} must be a section: [{section}]")
        if section in SECTIONS:
            check(section, table, SECTIONS[section])
    tier, target = tables.get("subject", {}).get("tier", 1), tables.get("loopback", {}).get("target", TARGETS[0])
    if tier not in (1, 2):
        raise SubjectFileError(f"[subject] tier is {tier}: must be 1 (black box) or 2 (configurable)")
    if target not in TARGETS:
        raise SubjectFileError(f"[loopback] target is {target!r}: must be one of {', '.join(TARGETS)}")
    has_streams = "stream" in tables or "streams" in tables.get("features", {}).get("supported", [])
    if has_streams and set(tables.get("call", {})) & {"grpc", "stdio", "self"}:
        raise SubjectFileError("streams are opened over HTTP: a subject with another front in [call] has none")
    if {"image", "build"} <= set(tables.get("compose", {})):
        raise SubjectFileError("[compose] image and build are mutually exclusive")


def _known_failures(tables: Mapping[str, Any]) -> KnownFailures:
    try:
        return known_failures(tables.get("known_failures", {}))
    except ValueError as error:
        raise SubjectFileError(str(error)) from None


def _promises(table: Mapping[str, Any], *, told: bool) -> Promises:
    values = dict(table) if told else {**table, "codes": "untold"}
    if "retryable_codes" in values:
        values["retryable_codes"] = tuple(strings("[promises] retryable_codes", values["retryable_codes"]))
    for name, kind in _TABLES.items():
        if name in values:
            refuse_unknown(
                f"key in [promises] {name}", values[name], [field.name for field in dataclasses.fields(kind)]
            )
    try:
        return Promises(
            **{**values, **{name: kind(**values[name]) for name, kind in _TABLES.items() if name in values}}
        )
    except ValueError as error:
        raise SubjectFileError(f"[promises] {error}") from error


_TABLES = {"keepalive": Keepalive, "streams": StreamPromises}
"""The promises that are tables."""
