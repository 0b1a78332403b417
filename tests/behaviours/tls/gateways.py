"""
Gateways that are wrong about TLS (see tests/behaviours/gateways.py).

What gRPC itself does not get wrong, a relay within the gateway does: gRPC speaks plaintext to it, and it speaks TLS.
"""

import asyncio
import itertools
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace

import grpc.aio
import trustme

from services.gateway.channel import caller, channel_options
from services.gateway.settings import Settings
from services.gateway.tls import Files
from services.gateway.web import GetOrder
from services.order.tls import H2
from services.proto import order_pb2
from tests.behaviours.gateway_parts import Target, each_address, right
from tests.harness.subject.service_configs import without_policy

CHUNK = 1 << 16

_KEPT: list[asyncio.Server] = []
"""The relays of this process: a server that nothing refers to is closed."""


async def another_server_name(settings: Settings) -> GetOrder:
    """Send the name of another service, and verify that."""
    options = [*channel_options(settings), ("grpc.ssl_target_name_override", "inventory")]
    channel = grpc.aio.secure_channel(settings.order_service_target, _tls(settings).credentials, options)
    return caller(channel, settings)


async def dials_addresses(settings: Settings) -> GetOrder:
    """Use a channel to each address in turn, each of which verifies its address as the name of the server."""
    return _in_turn([right(address) for address in await each_address(settings)])


async def trusts_another_ca(settings: Settings) -> GetOrder:
    """Trust another authority than that of its service, and no one else."""
    stranger = Files(trustme.CA().cert_pem.bytes())
    return right(replace(settings, tls=stranger))


async def hides_the_name(settings: Settings) -> GetOrder:
    """Verify the name, and send none."""
    context = _context(settings)
    context.check_hostname = False
    name = Target.of(settings).name
    return right(await _through(settings, _Way(context, lambda made: name in _names(made), named=False)))


async def offers_no_alpn(settings: Settings) -> GetOrder:
    """Offer no protocol."""
    context = ssl.create_default_context(cadata=_tls(settings).authorities.decode())
    return right(await _through(settings, _Way(context, lambda _: True)))


async def trusts_anyone(settings: Settings) -> GetOrder:
    """Verify no certificate."""
    context = _context(settings)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return right(await _through(settings, _Way(context)))


async def verifies_no_name(settings: Settings) -> GetOrder:
    """Verify that a certificate is of a trusted authority, and not whose it is."""
    context = _context(settings)
    context.check_hostname = False
    return right(await _through(settings, _Way(context)))


async def ignores_alpn(settings: Settings) -> GetOrder:
    """Offer h2, and use a connection for which nothing was selected."""
    return right(await _through(settings, _Way(_context(settings), lambda _: True)))


async def pins_certificates(settings: Settings) -> GetOrder:
    """Accept the certificate that the first handshake of any replica showed, and no other."""
    pinned: list[bytes | None] = []

    def _pinned(made: ssl.SSLObject) -> bool:
        shown = made.getpeercert(binary_form=True)
        pinned.append(shown)
        return shown == pinned[0]

    return right(await _through(settings, _Way(_context(settings), _pinned)))


async def rotates_over_handshakes(settings: Settings) -> GetOrder:
    """Use a pick_first channel to each address in turn, whether or not it is connected."""
    through = await _through(settings, _Way(_context(settings)))
    targets = through.order_service_target.removeprefix("ipv4:").split(",")
    alone = replace(through, grpc_service_config=json.dumps(without_policy()))
    return _in_turn([right(replace(alone, order_service_target=f"ipv4:{target}")) for target in targets])


def _in_turn(ways: list[GetOrder]) -> GetOrder:
    turns = itertools.cycle(ways)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        return await next(turns)(order_id)

    return get_order


def _tls(settings: Settings) -> Files:
    if settings.tls is None:
        raise ValueError("CA_FILE is not set")
    return settings.tls


def _context(settings: Settings) -> ssl.SSLContext:
    """Return what a right client verifies with."""
    context = ssl.create_default_context(cadata=_tls(settings).authorities.decode())
    context.set_alpn_protocols([H2])
    return context


def _names(made: ssl.SSLObject) -> list[str]:
    """Return the names that a peer's certificate is valid for."""
    certificate = made.getpeercert() or {}
    return [str(pair[1]) for pair in certificate.get("subjectAltName", ())]


def _selected(made: ssl.SSLObject) -> bool:
    return made.selected_alpn_protocol() == H2


@dataclass(frozen=True)
class _Way:
    """How a relay speaks TLS: with this context, to a peer that it accepts; with `named` it sends the name."""

    context: ssl.SSLContext
    accepts: Callable[[ssl.SSLObject], bool] = _selected
    named: bool = True


async def _through(settings: Settings, way: _Way) -> Settings:
    """Return settings for a channel in plaintext that reaches each address through a relay."""
    target = Target.of(settings)
    ends = [await _relay(record.address, target, way) for record in await target.resolve()]
    return replace(settings, tls=None, order_service_target=f"ipv4:{','.join(ends)}")


async def _relay(address: str, target: Target, way: _Way) -> str:
    """Start a relay to an address; return its own. A handshake that fails closes the connection to it."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = target.name if way.named else ""
        try:
            inner_reader, inner_writer = await asyncio.open_connection(
                address, target.replica_port, ssl=way.context, server_hostname=name
            )
        except OSError:  # also what ssl raises
            writer.transport.abort()
            return
        if way.accepts(inner_writer.get_extra_info("ssl_object")):
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        inner_writer.transport.abort()
        writer.transport.abort()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    _KEPT.append(server)
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()  # the other pump ends with it
    writer.close()
