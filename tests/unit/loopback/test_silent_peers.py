"""The address of a replica that is gone accepts connections, says nothing, and is the replica's again afterwards."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness.plugin.selection import REFERENCE
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.environment import LoopbackEnvironment
from tests.loopback.replica import GRPC_PORT


@pytest.fixture
def outage(tmp_path: Path) -> Iterator[LoopbackEnvironment]:
    """Return an environment with one replica that was killed."""
    made = LoopbackEnvironment(tmp_path, 1)
    try:
        made.become(Variant(Subject.from_file(REFERENCE)))
        made.restore_replicas()
        made.replicas[0].kill()
        yield made
    finally:
        made.end()


def dialled(ip: str) -> socket.socket:
    """Return a connection to an address, as soon as that accepts one."""
    found: list[socket.socket] = []

    def _accepts() -> bool:
        try:
            found.append(socket.create_connection((ip, GRPC_PORT), timeout=0.2))
        except OSError:
            return False
        return True

    reached(_accepts, within=5, what=f"{ip} accepts a connection")
    return found[0]


def test_a_silent_address_accepts_and_says_nothing(outage: LoopbackEnvironment) -> None:
    """It is seen to be silent once it was dialled; restored, the replica listens there again."""
    (replica,) = outage.replicas
    with ThreadPoolExecutor() as pool:
        silent = pool.submit(outage.peers.silence, [replica.name])
        with dialled(replica.ip) as client:
            assert silent.result() > 0
            with pytest.raises(TimeoutError):
                client.recv(1)
    outage.restore_replicas()

    assert replica.running
    replica.fence()


def test_an_address_that_nobody_dials_is_not_seen_to_be_silent(outage: LoopbackEnvironment) -> None:
    """Then nothing can be judged by it."""
    with pytest.raises(InconclusiveError, match="the gateway has dialled each silent address"):
        outage.peers.silence([outage.replicas[0].name])
