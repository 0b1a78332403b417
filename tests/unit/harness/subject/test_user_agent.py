"""The library that made a call, by user-agents as the libraries write them."""

import pytest

from tests.harness.subject.library_properties import identified
from tests.harness.subject.user_agent import library_in


@pytest.mark.parametrize(
    ("agent", "library"),
    [
        ("grpc-go/1.80.0", "grpc-go 1.80.0"),
        ("orders/2.1 grpc-go/1.80.0", "grpc-go 1.80.0"),
        ("grpc-java-netty/1.80.0", "grpc-java 1.80.0"),
        ("grpc-node-js/1.14.4", "@grpc/grpc-js 1.14.4"),
        ("grpc-dotnet/2.76.0 (.NET 10.0.1; CLR 10.0.1; net10.0; linux; x64)", "Grpc.Net.Client 2.76.0"),
        ("tonic/0.14.6", "tonic 0.14.6"),
        ("grpc-python/1.85.1 grpc-c/53.0.0 (linux; chttp2)", "grpcio 1.85.1"),
        ("grpc-python-asyncio/1.85.1 grpc-c/53.0.0 (linux; chttp2)", "grpcio 1.85.1"),
    ],
)
def test_each_library_is_known_by_its_agent(agent: str, library: str) -> None:
    """Under the name of the table."""
    assert library_in([agent, agent]) == library
    assert all(identified(library))


@pytest.mark.parametrize(
    "agents",
    [
        [],
        ["grpc-lb-conformance"],
        ["grpc-go/1.80.0-dev"],
        ["grpc-go/v1.80.0"],
        ["Go-http-client/2.0"],
        ["notgrpc-go/1.80.0"],
        ["grpc-go/1.80.0", "grpc-go/1.81.0"],
        ["grpc-go/1.80.0", "grpc-node-js/1.14.4"],
    ],
)
def test_what_is_not_clear_is_not_known(agents: list[str]) -> None:
    """A version before its release, another client, or two of them."""
    assert library_in(agents) == ""
