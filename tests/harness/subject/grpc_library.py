"""
Which gRPC library a gateway is built with, and which version.

It is read from what Go writes into a program, from the virtual environment of a program of Python, from the library
that npm installed, or from the lock file of the build. No number is kept up to date by hand: the report shows what the
build reads, and where. Two versions, a range, a replaced module or a library of another language are none: a wrong one
would excuse failures that are the gateway's. Without any the library is unknown, unless the subject file names it.
"""

import mmap
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from tests.harness.subject.library_properties import identified, libraries, names
from tests.harness.subject.tables import SubjectFileError
from tests.harness.suggestion import did_you_mean

_EXACT = r"v?([0-9]+\.[0-9]+(?:\.[0-9]+)?)"
"""A released version. One of a range, of a commit or before a release is none: it would apply a wrong row."""

_LOCKS = (
    ("go.mod", "grpc-go", rf"^(?:require)?\s+google\.golang\.org/grpc {_EXACT}(?:\s|$)"),
    ("package-lock.json", "@grpc/grpc-js", rf'"node_modules/@grpc/grpc-js": \{{\s*"version": "{_EXACT}"'),
    ("yarn.lock", "@grpc/grpc-js", rf'^"?@grpc/grpc-js@[^\n]*:\n\s+version:? "?{_EXACT}"?$'),
    ("pnpm-lock.yaml", "@grpc/grpc-js", rf"^\s+'?/?@grpc/grpc-js@{_EXACT}'?:"),
    ("Cargo.lock", "tonic", rf'^name = "tonic"\nversion = "{_EXACT}"'),
    ("pom.xml", "grpc-java", rf"<grpc\.version>\s*{_EXACT}\s*</"),
    ("pom.xml", "grpc-java", rf"<artifactId>grpc-(?:bom|api|netty|netty-shaded)</artifactId>\s*<version>{_EXACT}</"),
    ("gradle.lockfile", "grpc-java", rf"^io\.grpc:grpc-(?:api|core):{_EXACT}="),
    ("build.gradle*", "grpc-java", rf"""["']io\.grpc:grpc-(?:bom|api|netty|netty-shaded):{_EXACT}["']"""),
    ("packages.lock.json", "Grpc.Net.Client", rf'"Grpc\.Net\.Client": \{{[^}}]*?"resolved": "{_EXACT}"'),
    ("Directory.Packages.props", "Grpc.Net.Client", rf'Include="Grpc\.Net\.Client"\s+Version="{_EXACT}"'),
    ("*.csproj", "Grpc.Net.Client", rf'Include="Grpc\.Net\.Client"\s+Version="{_EXACT}"'),
    ("uv.lock", "grpcio", rf'^name = "grpcio"\nversion = "{_EXACT}"'),
    ("poetry.lock", "grpcio", rf'^name = "grpcio"\nversion = "{_EXACT}"'),
    ("pdm.lock", "grpcio", rf'^name = "grpcio"\nversion = "{_EXACT}"'),
    ("Pipfile.lock", "grpcio", rf'"grpcio": \{{[^}}]*?"version": "=={_EXACT}"'),
    ("requirements.txt", "grpcio", rf"^grpcio(?:\[[^\]]*\])?=={_EXACT}(?:[\s;\\]|$)"),
)
"""For each kind of lock file: its name, the name of the library, and a pattern for the version."""

_INSTALLED = (("node_modules/@grpc/grpc-js/package.json", "@grpc/grpc-js", rf'"version": "{_EXACT}"'),)
"""The same of what is installed, which is what runs."""

_REPLACED = re.compile(r"^(?:replace)?\s+google\.golang\.org/grpc\s.*=>", re.MULTILINE)
"""A replacement in a go.mod: what is built is something else then."""

_BUILT_BY_GO = re.compile(rb"\ndep\tgoogle\.golang\.org/grpc\tv([0-9]+\.[0-9]+\.[0-9]+)\t[^\n]*\n(?!=>)")
"""The build information that Go writes into every program, as `go version -m` prints it; without a replacement."""


@dataclass(frozen=True)
class Seen:
    """A library with its version, "grpc-go 1.80.0", and where that was found; both "" if it was not."""

    library: str = ""
    source: str = ""


STATED = "the subject file"


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


def library_members(stated: Mapping[str, Any], folder: Path, command: Sequence[str], build: str) -> dict[str, str]:
    """Return language and library of a subject by its [subject], as its members. Raises SubjectFileError."""
    language, library = stated_language(stated.get("language", "")), stated_library(stated.get("library", ""))
    seen = library_for(library, folder, command, language, build)
    return {"language": language, "library": seen.library, "library_from": seen.source}


def library_for(stated: str, folder: Path, command: Sequence[str] = (), language: str = "", build: str = "") -> Seen:
    """
    Return library and version by what the subject file states, completed by what can be seen of that library.

    What is seen counts only if it is a library of the stated `language`.
    """
    library, version = identified(stated)
    if stated and (version or not library):
        return Seen(stated, STATED)
    seen = library_of(folder, command, build)
    if stated:
        return seen if identified(seen.library)[0] == library else Seen(stated, STATED)
    return seen if _fits(seen.library, language) else Seen()


def _fits(library: str, language: str) -> bool:
    """Say whether gateways in a language, "" if none is stated, may be built with a library."""
    name = identified(library)[0]
    return not language or any(each.name == name and language.strip().lower() in each.languages for each in libraries())


def library_of(folder: Path, command: Sequence[str] = (), build: str = "") -> Seen:
    """
    Return library and version, and where they were found; nothing if that cannot be seen, or is not clear.

    What runs counts more than what is installed next to it, and that more than a lock file, which may be newer than the
    program. Lock files lie next to the subject file, in the folder that is built, or where the program or script of the
    command lies.
    """
    if command and command[0] == "python":  # the interpreter that runs the suite, so its library is the suite's
        return Seen(f"grpcio {grpc.__version__}", "the interpreter of the suite")
    if command and (library := _built_by_go(folder / command[0]) or _installed_with(folder / command[0])):
        return Seen(library, f"the program {command[0]}")
    places = list(_places(folder, command, build))
    for kinds in (_INSTALLED, _LOCKS):
        found = [seen for place in places for seen in _in_files(place, folder, kinds)]
        if found:
            return found[0] if len({seen.library for seen in found}) == 1 else Seen()
    return Seen()


def _places(folder: Path, command: Sequence[str], build: str) -> Iterator[Path]:
    """Yield the folders that may hold lock files, each once, and none outside the subject's own."""
    # false, too, for an argument that can be no path: one that is too long, in a closed folder, or has a null byte
    scripts = [folder / word for word in command if os.path.isfile(folder / word)]  # noqa: PTH113, Path.is_file raises
    files = [place for script in scripts for place in script.resolve().parents]
    inside = [place for place in files if place.is_relative_to(folder.resolve())]
    yield from dict.fromkeys([folder.resolve(), *([(folder / build).resolve()] if build else []), *inside])


def _in_files(place: Path, folder: Path, kinds: Sequence[tuple[str, str, str]]) -> Iterator[Seen]:
    """Yield what the files of these kinds in one folder tell, each version once."""
    for name, library, version in kinds:
        for file in sorted(place.glob(name)):
            text = file.read_text(encoding="utf-8", errors="replace")
            if name == "go.mod" and _REPLACED.search(text):
                continue
            for number in sorted(set(re.findall(version, text, re.MULTILINE))):
                yield Seen(f"{library} {number}", os.path.relpath(file, folder.resolve()))


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
    version = re.fullmatch(rf"grpcio-{_EXACT}\.dist-info", found[0].name) if len(found) == 1 else None
    return f"grpcio {version[1]}" if version else ""


def _built_by_go(program: Path) -> str:
    try:
        with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = _BUILT_BY_GO.search(content) if content[:4] == b"\x7fELF" else None
            return f"grpc-go {found[1].decode('ascii', 'replace')}" if found else ""
    except (OSError, ValueError):  # not there, a command of PATH, or empty
        return ""
