"""What a gateway left running elsewhere is noticed before it is counted as the next one's."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.harness.world.verdict import InconclusiveError
from tests.loopback.strangers import check_none_left, connected

CONNECTS = """
import socket, sys
with socket.socket(socket.AF_INET6 if sys.argv[1].startswith("::") else socket.AF_INET) as connection:
    connection.connect((sys.argv[1], int(sys.argv[2])))
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def replica() -> Iterator[socket.socket]:
    """Return a listener in place of a replica."""
    with socket.create_server(("127.77.8.9", 0)) as listener:
        yield listener


@pytest.fixture(params=["", "::ffff:"], ids=["IPv4", "IPv4 in IPv6"])
def stranger(replica: socket.socket, request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[bytes]"]:
    """Return a process that is connected to it."""
    ip, port = replica.getsockname()
    command = [sys.executable, "-c", CONNECTS, f"{request.param}{ip}", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603, our own
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process


def _no_listener() -> tuple[str, int]:
    with socket.create_server(("127.77.8.1", 0)) as listener:
        address: tuple[str, int] = listener.getsockname()
    return address


def test_a_connection_of_something_else_is_seen(replica: socket.socket, stranger: "subprocess.Popen[bytes]") -> None:
    """By the replica that it leads to; one into another run's subnet, or to another port, is not ours to see."""
    ip, port = replica.getsockname()

    assert connected("127.77.8", port) == [ip]
    assert connected("127.77.80", port) == []
    assert connected("127.77.8", port + 1) == []
    assert stranger.poll() is None


def test_the_suites_own_connections_do_not_count(replica: socket.socket) -> None:
    """A fence's, say, which may not be closed yet."""
    with socket.create_connection(replica.getsockname()):
        assert connected("127.77.8", replica.getsockname()[1]) == []


def test_what_is_still_connected_is_named(replica: socket.socket, stranger: "subprocess.Popen[bytes]") -> None:
    """The next gateway is not started: it would be accused of these connections."""
    with pytest.raises(
        InconclusiveError, match=r"something that it started is still connected to a replica: a container"
    ):
        check_none_left(_no_listener(), "127.77.8", replica.getsockname()[1])
    assert stranger.poll() is None


def test_what_still_listens_is_named(replica: socket.socket) -> None:
    """At the address of the gateway that was ended."""
    with pytest.raises(InconclusiveError, match=r"something that it started still listens on 127\.77\.8\.9:\d+"):
        check_none_left(replica.getsockname(), "127.77.8", replica.getsockname()[1])


def test_a_gateway_that_left_nothing_passes(replica: socket.socket) -> None:
    """Neither listener nor connection."""
    check_none_left(_no_listener(), "127.77.8", replica.getsockname()[1])
