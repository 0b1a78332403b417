"""
Which gRPC library a gateway is built with, in which version: what the lock file beside its subject file says.

Nobody has to keep a number up to date by hand: what the build reads is what is reported. A subject without such a file
has a library that is not known.
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
"""For each kind of lock file: its name, what the library is called, and where in it the version stands."""


def library_of(folder: Path, command: Sequence[str] = ()) -> str:
    """Return library and version, "grpc-go 1.80.0", "" where neither the folder nor the command tells."""
    if command and command[0] == "python":  # the one that runs the suite, so its library is the suite's own
        return f"grpcio {grpc.__version__}"
    for name, library, version in _LOCKS:
        for file in sorted(folder.glob(name)):
            if found := re.search(version, file.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
                return f"{library} {found[1]}"
    return ""
