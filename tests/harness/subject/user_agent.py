"""
The gRPC library that made a call, by its `user-agent`: what runs, in any environment, and not what a file promises.

gRPC's clients put their library and its version there (grpc/grpc doc/PROTOCOL-HTTP2.md, User-Agents); an application
may put its own name before that. A proxy in between may have made the call itself, and then has its own.
"""

import re
from collections.abc import Iterable

_NAMES = {
    "grpc-go": "grpc-go",
    "grpc-java": "grpc-java",
    "grpc-java-netty": "grpc-java",
    "grpc-java-okhttp": "grpc-java",
    "grpc-java-cronet": "grpc-java",
    "grpc-kotlin": "grpc-java",
    "grpc-node-js": "@grpc/grpc-js",
    "grpc-dotnet": "Grpc.Net.Client",
    "tonic": "tonic",
    "grpc-python": "grpcio",
    "grpc-python-asyncio": "grpcio",
    "grpc-c++": "grpc++",
}
"""The name in a user-agent, and the one of the table."""

_AGENT = re.compile(r"(?:^|\s)([A-Za-z+-]+)/([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=[\s(]|$)")
"""A name with a released version: "grpc-go/1.80.0", and not "grpc-go/1.80.0-dev"."""


def library_in(agents: Iterable[str]) -> str:
    """Return library and version, "grpc-go 1.80.0", that all of these name; "" if none does, or they differ."""
    found = {
        f"{_NAMES[name]} {version}" for agent in agents for name, version in _AGENT.findall(agent) if name in _NAMES
    }
    return found.pop() if len(found) == 1 else ""
