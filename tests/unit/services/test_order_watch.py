"""The ledger tells of connections: opened before what they carry, closed once, and none of somebody else's."""

import asyncio
import io
import json
import socket
import time
from collections.abc import Iterator

import pytest

from services.order.connections import endpoint, peer_of
from services.order.ledger import Ledger
from services.order.watch import LATE, Watch
from tests.unit.helpers.order_replica import in_loop, running


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _peer(client: socket.socket) -> str:
    return "ipv4:{}:{}".format(*client.getsockname())


def _told(out: io.StringIO) -> list[tuple[str, str]]:
    return [(line["event"].removeprefix("connection_"), line["peer"]) for line in map(json.loads, _lines(out))]


def _lines(out: io.StringIO) -> list[str]:
    return out.getvalue().splitlines()


def test_a_connection_is_told_once_when_it_comes_and_once_when_it_goes(listener: socket.socket) -> None:
    """Each look tells what changed since the last one: accepted connections, not the listener nor its clients."""
    out = io.StringIO()
    watch = Watch(listener.getsockname()[1], Ledger("a", out))
    with socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        watch.look()
        watch.look()
        assert _told(out) == [("opened", _peer(client))]
        accepted.close()
        watch.look()
        watch.look()

        assert _told(out) == [("opened", _peer(client)), ("closed", _peer(client))]


def test_a_number_that_is_used_anew_is_another_connection(listener: socket.socket) -> None:
    """Where the next connection has the file descriptor of the last one, both are told."""
    out = io.StringIO()
    watch = Watch(listener.getsockname()[1], Ledger("a", out))
    with (
        socket.create_connection(listener.getsockname()) as one,
        socket.create_connection(listener.getsockname()) as other,
    ):
        first, _ = listener.accept()
        number = first.fileno()
        watch.look()
        first.close()
        second, _ = listener.accept()
        assert second.fileno() == number
        watch.look()
        second.close()

        assert _told(out) == [("opened", _peer(one)), ("closed", _peer(one)), ("opened", _peer(other))]


def test_another_port_is_not_looked_at(listener: socket.socket) -> None:
    """Connections of the probes' port are none of the order service's."""
    out = io.StringIO()
    watch = Watch(listener.getsockname()[1] + 1, Ledger("a", out))
    with socket.create_connection(listener.getsockname()), listener.accept()[0]:
        watch.look()

    assert _told(out) == []


def test_a_connection_that_is_gone_already_is_told_with_its_attempt(listener: socket.socket) -> None:
    """An attempt tells of its connection though no look finds it any more; the next look closes it."""
    out = io.StringIO()
    watch = Watch(listener.getsockname()[1], Ledger("a", out))
    watch.report_carrier("ipv4:127.0.0.1:1")
    watch.report_carrier("ipv4:127.0.0.1:1")
    watch.look()

    assert _told(out) == [("opened", "ipv4:127.0.0.1:1"), ("closed", "ipv4:127.0.0.1:1")]


def test_what_is_open_at_the_end_ends_with_the_server(listener: socket.socket) -> None:
    """The end tells of each connection that is still there."""
    out = io.StringIO()
    watch = Watch(listener.getsockname()[1], Ledger("a", out))
    with socket.create_connection(listener.getsockname()) as client, listener.accept()[0]:
        watch.look()
        watch.end()

        assert _told(out) == [("opened", _peer(client)), ("closed", _peer(client))]


@pytest.mark.parametrize("other_end", [("127.0.0.1", 1234), ("::1", 1234)])
def test_a_peer_is_written_the_one_way(other_end: tuple[str, int]) -> None:
    """The name of a peer gives its host and port again."""
    assert endpoint(peer_of(other_end)) == other_end


def test_a_replica_tells_of_the_connection_before_the_attempt_and_of_its_end() -> None:
    """The ledger has the connection, with the peer of the attempts, before the first attempt, and its end by itself."""

    async def scenario() -> None:
        async with running() as order:
            await order.call("a")
            await order.call("b")
            await order.channel.close()
            await order.ledger.until("connection_closed")
            lines = [(line["event"], line["peer"]) for line in order.ledger.read_all() if "peer" in line]
            peer = order.ledger.attempts()[0]["peer"]

            events = ["connection_opened", "attempt", "attempt", "connection_closed"]
            assert lines == [(event, peer) for event in events]

    in_loop(scenario)


def test_a_drain_closes_what_a_client_keeps_open() -> None:
    """After a drain every connection that was told is closed on the ledger."""

    async def scenario() -> None:
        async with running() as order:
            await order.call("a")
            await order.replica.drain()
            events = [line["event"] for line in order.ledger.read_all()]

            assert events.count("connection_opened") == events.count("connection_closed") == 1
            await asyncio.sleep(0)  # let the cancelled look end

    in_loop(scenario)


class _Told(io.StringIO):
    """An output that says when something was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def test_a_look_that_comes_late_is_told_of() -> None:
    """Whatever kept the loop for half a second kept the answers too."""

    async def scenario() -> str:
        out = _Told()
        looking = asyncio.create_task(Watch(1, Ledger("a", out)).look_on())
        await asyncio.sleep(0)  # it looks, and sleeps
        time.sleep(0.5)  # noqa: ASYNC251, the very thing
        await out.written.wait()
        looking.cancel()
        return out.getvalue()

    line = json.loads(asyncio.run(asyncio.wait_for(scenario(), 10)))

    assert line["event"] == "late"
    assert line["seconds"] > LATE
