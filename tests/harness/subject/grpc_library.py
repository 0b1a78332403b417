"""
Which gRPC library a gateway is built with, and which version.

It is read from the lock file next to its subject file, from the library that was installed there, from what Go writes
into a program, or from the virtual environment of a program of Python. No number is kept up to date by hand: the report
shows what the build reads. Without any of them the library is unknown, unless the subject file names it.
"""

import mmap
import re
from collections.abc import Sequence
from pathlib import Path

import grpc

from tests.harness.subject.library_properties import identified, libraries, names
from tests.harness.subject.tables import SubjectFileError
from tests.harness.suggestion import did_you_mean

_LOCKS = (
    ("go.mod", "grpc-go", r"^(?:require)?\s+google\.golang\.org/grpc v(\S+)"),
    ("package-lock.json", "@grpc/grpc-js", r'"node_modules/@grpc/grpc-js": \{\s*"version": "([^"]+)"'),
    ("node_modules/@grpc/grpc-js/package.json", "@grpc/grpc-js", r'"version": "([^"]+)"'),
    ("Cargo.lock", "tonic", r'^name = "tonic"\nversion = "([^"]+)"'),
    ("pom.xml", "grpc-java", r"<grpc\.version>\s*([0-9][^<\s]*)"),
    ("pom.xml", "grpc-java", r"<artifactId>grpc-(?:bom|api|netty|netty-shaded)</artifactId>\s*<version>([0-9][^<]*)"),
    ("*.csproj", "Grpc.Net.Client", r'Include="Grpc\.Net\.Client" Version="([^"]+)"'),
    ("requirements.txt", "grpcio", r"^grpcio==([^\s;\\]+)"),
)
"""For each kind of lock file: its name, the name of the library, and a pattern for the version."""

_BUILT_BY_GO = re.compile(rb"\ndep\tgoogle\.golang\.org/grpc\tv([0-9][^\t\n]*)")
"""The build information that Go writes into every program, as `go version -m` prints it."""


OTHERS = (
    "c",
    "clojure",
    "crystal",
    "dart",
    "elixir",
    "erlang",
    "haskell",
    "lua",
    "nim",
    "ocaml",
    "perl",
    "swift",
    "zig",
)
"""Languages with gRPC libraries that the table does not have."""

OTHER = "other"
"""In place of a language: one that the suite does not know, or a product such as a proxy."""


def stated_language(text: str) -> str:
    """Return the language that a subject file states. Raises SubjectFileError for one that is not known."""
    known = [*(language for library in libraries() for language in library.languages), *OTHERS, OTHER]
    if text and text.strip().lower() not in known:
        near = did_you_mean(text.strip().lower(), known)
        raise SubjectFileError(f'[subject] language is {text!r}: not a known one{near} (any other is "{OTHER}")')
    return text.strip()


def stated_library(text: str) -> str:
    """Return the library that a subject file states, with or without its version. Raises SubjectFileError."""
    known = {name.lower(): name for name in names()}
    name = text.strip().partition(" ")[0]
    if name and name.lower() not in known:
        near = did_you_mean(name, known.values())
        raise SubjectFileError(
            f'[subject] library is {text!r}: not a gRPC library of the table{near} (any other is "none")'
        )
    return text.strip()


def library_for(stated: str, folder: Path, command: Sequence[str] = ()) -> str:
    """Return library and version by what the subject file states, completed by what can be seen of that library."""
    seen = library_of(folder, command)
    if not stated:
        return seen
    library, version = identified(stated)
    return seen if not version and library and identified(seen)[0] == library else stated


def library_of(folder: Path, command: Sequence[str] = ()) -> str:
    """Return library and version, "grpc-go 1.80.0", or "" if neither the folder nor the command tells."""
    if command and command[0] == "python":  # the interpreter that runs the suite, so its library is the suite's
        return f"grpcio {grpc.__version__}"
    for name, library, version in _LOCKS:
        for file in sorted(folder.glob(name)):
            if found := re.search(version, file.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
                return f"{library} {found[1]}"
    return (_built_by_go(folder / command[0]) or _installed_with(folder / command[0])) if command else ""


def _installed_with(program: Path) -> str:
    """Return the grpcio of the virtual environment that a program of Python is in, "" for any other program."""
    try:
        with program.open("rb") as file:
            first = file.readline(4096)
    except OSError:
        return ""
    if not (program.name.startswith("python") or (first.startswith(b"#!") and b"python" in first)):
        return ""
    found = sorted(program.parent.parent.glob("lib/python3*/site-packages/grpcio-*.dist-info"))
    return f"grpcio {found[0].name.removeprefix('grpcio-').removesuffix('.dist-info')}" if found else ""


def _built_by_go(program: Path) -> str:
    try:
        with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = _BUILT_BY_GO.search(content) if content[:4] == b"\x7fELF" else None
            return f"grpc-go {found[1].decode('ascii', 'replace')}" if found else ""
    except (OSError, ValueError):  # not there, a command of PATH, or empty
        return ""
