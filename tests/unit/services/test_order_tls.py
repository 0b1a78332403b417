"""A replica over TLS: what it serves, what it records of handshakes, how it drains, and what is wrong with it."""

import asyncio
import io
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from services.order.front import CLOSED, COMPLETED, NO_CERTIFICATE, NO_H2, PLAINTEXT, UNANSWERED, Boundaries
from services.order.ledger import Ledger
from services.order.server import Replica
from services.order.settings import Settings
from services.order.tls import Tls
from services.proto import order_pb2, order_pb2_grpc
from services.variables import SettingsError
from tests.harness.world.authority import Certificates
from tests.unit.helpers.order_replica import in_loop

NAME = "order-service"


@pytest.fixture
def certificates(tmp_path: Path) -> Iterator[Certificates]:
    """Make the certificates of a run."""
    made = Certificates(tmp_path / "tls")
    yield made
    made.remove()


class Served:
    """A replica over TLS in this process."""

    def __init__(self, certificates: Certificates, mode: str = "server", **variables: str) -> None:
        tls = certificates.replica_variables(mode, NAME, [NAME])
        addresses = {"GRPC_ADDRESS": "127.0.0.1:0", "HTTP_ADDRESS": "127.0.0.1:0", "INSTANCE_ID": "order-1"}
        self._out = io.StringIO()
        self._files = certificates.files("mutual")
        self.replica = Replica(
            Settings.from_environment({**addresses, **tls, **variables}), Ledger("order-1", self._out)
        )

    def events(self, kind: str) -> list[Mapping[str, Any]]:
        """Return what the ledger has of a kind."""
        return [event for line in self._out.getvalue().splitlines() if (event := json.loads(line))["event"] == kind]

    def outcomes(self) -> list[tuple[str, str]]:
        """Return the server name and the outcome of each handshake."""
        return [(event["server_name"], event["outcome"]) for event in self.events("handshake")]

    def context(self, *protocols: str) -> ssl.SSLContext:
        """Return a client's context that offers these protocols."""
        context = ssl.create_default_context(cafile=self._files["ca_file"])
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    async def answer(self, sent: bytes, *, context: ssl.SSLContext | None = None, most: int = -1) -> bytes:
        """Return what comes back on a connection, all of it or so many bytes."""
        name = NAME if context else None
        port = self.replica.grpc_port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        writer.write(sent)
        try:
            return await asyncio.wait_for(reader.read(most), 5)
        except ConnectionError:
            return b""  # a reset, as something of what was sent was not read
        finally:
            writer.transport.abort()

    def channel(
        self,
        *,
        name: str = NAME,
        certificate: bool = False,
        authority: str = "ca_file",
        target: str = "",
        option: tuple[str, str] | None = None,
    ) -> grpc.aio.Channel:
        """Return a channel that trusts the certificates of a file, and may present one."""
        trusted = Path(self._files[authority]).read_bytes()
        pair = [Path(self._files[file]).read_bytes() for file in ("key_file", "cert_file")] if certificate else []
        options: list[tuple[str, str | int]] = [
            ("grpc.ssl_target_name_override", name),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        options += [option] if option else []
        credentials = grpc.ssl_channel_credentials(trusted, *pair)
        return grpc.aio.secure_channel(target or f"127.0.0.1:{self.replica.grpc_port}", credentials, options)


async def placed(channel: grpc.aio.Channel, *orders: str) -> list[str]:
    """Place orders one after the other; return who served each, or the code with which it failed."""
    place = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
    found = []
    for order in orders:
        try:
            found.append((await place(order_pb2.GetOrderRequest(id=order), timeout=3)).served_by)
        except grpc.aio.AioRpcError as error:
            found.append(error.code().name)
    return found


async def outcome_of(served: Served, channel: grpc.aio.Channel) -> tuple[list[str], Sequence[tuple[str, str]]]:
    """Return how an order over a channel ends, and the handshakes by then."""
    await served.replica.start()
    async with channel:
        ended = await placed(channel, "a")
    for _ in range(300):
        if served.outcomes():
            break
        await asyncio.sleep(0.01)  # the other end's close is on its way
    await served.replica.drain()
    return ended, served.outcomes()


@pytest.mark.parametrize("mode", ["server", "mutual"])
def test_calls_are_served_over_tls(certificates: Certificates, mode: str) -> None:
    """An attempt and its connection have the client's own end as their peer, and not the front's."""

    async def scenario() -> None:
        served = Served(certificates, mode)
        channel = served.channel(certificate=mode == "mutual")

        assert await outcome_of(served, channel) == (["order-1"], [(NAME, COMPLETED)])
        (attempt,), (opened,) = served.events("attempt"), served.events("connection_opened")
        assert attempt["peer"] == opened["peer"] == served.events("handshake")[0]["peer"]
        assert served.events("handshake")[0]["protocols"] == ["h2"]

    in_loop(scenario)


def test_a_client_that_verifies_another_name_is_recorded_by_it(certificates: Certificates) -> None:
    """C-core verifies the name after the handshake, so that it closes a complete one."""

    async def scenario() -> None:
        served = Served(certificates)
        ended, outcomes = await outcome_of(served, served.channel(name="inventory"))

        assert ended == ["UNAVAILABLE"]
        assert set(outcomes) == {("inventory", CLOSED)}

    in_loop(scenario)


def test_a_client_without_a_certificate_is_refused_over_mutual_tls(certificates: Certificates) -> None:
    """The reason is OpenSSL's."""

    async def scenario() -> None:
        served = Served(certificates, "mutual")
        ended, outcomes = await outcome_of(served, served.channel())

        assert ended == ["UNAVAILABLE"]
        assert (NAME, NO_CERTIFICATE) in outcomes

    in_loop(scenario)


def test_a_client_that_trusts_another_authority_is_recorded(certificates: Certificates) -> None:
    """It asked for the right name, and the handshake was not completed."""

    async def scenario() -> None:
        served = Served(certificates)
        ended, outcomes = await outcome_of(served, served.channel(authority="cert_file"))

        assert ended == ["UNAVAILABLE"]
        assert {name for name, _ in outcomes} == {NAME}
        assert COMPLETED not in {outcome for _, outcome in outcomes}

    in_loop(scenario)


def test_plaintext_and_no_alpn_are_recorded(certificates: Certificates) -> None:
    """What is not a handshake, and one that offers no h2, are closed; the replica serves the next one."""

    async def scenario() -> None:
        served = Served(certificates)
        await served.replica.start()
        assert await served.answer(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == b""
        assert await served.answer(b"", context=served.context()) == b""
        async with served.channel() as channel:
            assert await placed(channel, "a") == ["order-1"]
        await served.replica.drain()

        assert served.outcomes() == [("", PLAINTEXT), (NAME, NO_H2), (NAME, COMPLETED)]

    in_loop(scenario)


def test_a_replica_without_alpn_selects_none_and_serves(certificates: Certificates) -> None:
    """It is the client that must not use it."""

    async def scenario() -> None:
        served = Served(certificates, TLS_HANDSHAKE="without-alpn")
        await served.replica.start()
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
        answer = await served.answer(preface, context=served.context("h2"), most=9)
        await served.replica.drain()

        assert answer[3:4] == b"\x04"  # its own SETTINGS
        assert served.outcomes() == [(NAME, COMPLETED)]

    in_loop(scenario)


def test_a_handshake_that_never_ends_is_recorded_when_it_begins(certificates: Certificates) -> None:
    """The connection is accepted, and nothing comes back."""

    async def scenario() -> None:
        served = Served(certificates, TLS_HANDSHAKE="never")
        await served.replica.start()
        async with served.channel() as channel:
            channel.get_state(try_to_connect=True)
            for _ in range(500):
                if served.outcomes():
                    break
                await asyncio.sleep(0.01)  # another thread connects
            assert channel.get_state() is grpc.ChannelConnectivity.CONNECTING
        await served.replica.drain()

        assert served.outcomes() == [(NAME, UNANSWERED)]

    in_loop(scenario)


def test_a_plan_closes_the_connection_of_its_client(certificates: Certificates) -> None:
    """The client's own, and not only that of the front to the server."""

    async def scenario() -> None:
        served = Served(certificates)
        await served.replica.start()
        async with served.channel() as channel:
            assert await placed(channel, "a", "b~CLOSE", "c") == ["order-1", "UNAVAILABLE", "order-1"]
        await served.replica.drain()

        assert len({attempt["peer"] for attempt in served.events("attempt")}) == 2

    in_loop(scenario)


def test_a_drain_loses_no_call_over_tls(certificates: Certificates) -> None:
    """Calls in flight are answered, and the GOAWAY moves later ones to another replica."""

    async def scenario() -> None:
        leaving, staying = Served(certificates), Served(certificates)
        for served in (leaving, staying):
            await served.replica.start()
        targets = [f"127.0.0.1:{served.replica.grpc_port}" for served in (leaving, staying)]
        rotating = ("grpc.service_config", '{"loadBalancingConfig":[{"round_robin":{}}]}')
        async with leaving.channel(target=f"ipv4:{','.join(targets)}", option=rotating) as channel:
            for _ in range(500):
                await placed(channel, "o")
                if leaving.events("attempt") and staying.events("attempt"):
                    break
            callers = [
                asyncio.create_task(placed(channel, *(f"{n}-{m}~OK:delay=20" for m in range(30)))) for n in "abcd"
            ]
            await asyncio.sleep(0)
            await leaving.replica.drain()
            outcomes = [outcome for caller in callers for outcome in await caller]
        await staying.replica.drain()

        assert set(outcomes) == {"order-1"}
        assert [event["code"] for event in leaving.events("attempt") if "~" in event["id"]]

    in_loop(scenario)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TLS": "yes"}, "TLS is 'yes': expected server or mutual"),
        ({"TLS": "server", "TLS_HANDSHAKE": "slow"}, "TLS_HANDSHAKE is 'slow': expected without-alpn or never"),
        ({"TLS": "server", "TLS_FOLDER": "/nonexistent"}, "TLS_FOLDER '/nonexistent', TLS_CERTIFICATE: No such file"),
    ],
)
def test_an_invalid_setting_is_named(variables: Mapping[str, str], words: str) -> None:
    """Before anything is served."""
    with pytest.raises(SettingsError, match=words):
        Tls.if_set(variables)


def test_frames_go_between_those_of_the_server() -> None:
    """However the server's bytes are cut, a frame of ours never splits one."""
    frames = [size.to_bytes(3, "big") + bytes(6) + bytes([size]) * size for size in (0, 5, 200, 1)]
    stream, ours = b"".join(frames), b"\0\0\0OUR***"
    ends = {sum(map(len, frames[:count])) for count in range(len(frames) + 1)}
    for cut in range(len(stream) + 1):
        boundaries = Boundaries()
        sent = boundaries.passed(stream[:cut])
        sent += boundaries.insert(ours)
        sent += boundaries.passed(stream[cut:])

        assert sent.replace(ours, b"") == stream
        assert sent.index(ours) in ends
