"""
Which gRPC library a gateway is built with, and which version: read from the lock file next to its subject file.

No number is kept up to date by hand: the report shows what the build reads. Without such a file the library
is unknown.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import grpc

_LOCKS = (
    ("go.mod", "grpc-go", r"^(?:require)?\s+google\.golang\.org/grpc v(\S+)"),
    ("package-lock.json", "@grpc/grpc-js", r'"node_modules/@grpc/grpc-js": \{\s*"version": "([^"]+)"'),
    ("Cargo.lock", "tonic", r'^name = "tonic"\nversion = "([^"]+)"'),
    ("pom.xml", "grpc-java", r"<grpc\.version>\s*([0-9][^<\s]*)"),
    ("pom.xml", "grpc-java", r"<artifactId>grpc-(?:bom|api|netty|netty-shaded)</artifactId>\s*<version>([0-9][^<]*)"),
    ("*.csproj", "Grpc.Net.Client", r'Include="Grpc\.Net\.Client" Version="([^"]+)"'),
    ("requirements.txt", "grpcio", r"^grpcio==([^\s;\\]+)"),
)
"""For each kind of lock file: its name, the name of the library, and a pattern for the version."""


def library_of(folder: Path, command: Sequence[str] = ()) -> str:
    """Return library and version, "grpc-go 1.80.0", or "" if neither the folder nor the command tells."""
    if command and command[0] == "python":  # the interpreter that runs the suite, so its library is the suite's
        return f"grpcio {grpc.__version__}"
    for name, library, version in _LOCKS:
        for file in sorted(folder.glob(name)):
            if found := re.search(version, file.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
                return f"{library} {found[1]}"
    return ""
