"""
Gateways with a wrong resolver (see tests/behaviours/gateways.py): the reference's channel with a separate DNS server.

That one forwards each address query to the DNS server of the world, and answers what a wrong resolver would have made
of the reply. Everything else that the channel does is right.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import grpc.aio

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from services.variables import host_and_port
from tests.behaviours.gateway_parts import Target, renewed

PATIENCE = 0.3
"""Seconds that the DNS server of the world has for an answer."""

Addresses = Sequence[str] | None
"""What a resolver makes of a reply; None: it has failed."""


class World(Target):
    """The DNS server that the gateway is pointed at, queried one record type at a time."""

    async def answers_for(self, kind: str) -> bool:
        """Return whether a query of this kind is answered, even without records."""
        query = dns.message.make_query(f"{self.name}.", kind)
        try:
            reply = await dns.asyncquery.udp(query, self.host, timeout=PATIENCE, port=self.port)
        except dns.exception.Timeout:
            return False
        return reply.rcode() == dns.rcode.NOERROR

    async def text(self) -> str:
        """Query the TXT record that gRFC A2 defines for a service config; "" if there is none."""
        query = dns.message.make_query(f"_grpc_config.{self.name}.", "TXT")
        reply, _ = await dns.asyncquery.udp_with_fallback(query, self.host, timeout=PATIENCE, port=self.port)
        return "".join(part.decode() for records in reply.answer for record in records for part in record.strings)

    async def addresses(self, *, tcp: bool = True, aliases: bool = True, patience: float = PATIENCE) -> Addresses:
        """
        Query the addresses of the name, over TCP after a truncated answer; None for a failure, no address or silence.

        Silence means that none came within `patience` seconds. A duplicate address is returned twice. Without
        `aliases` those of other names are left out.
        """
        query = dns.message.make_query(f"{self.name}.", "A")
        how: dict[str, Any] = {"timeout": patience, "port": self.port, "one_rr_per_rrset": True}
        try:
            reply = await dns.asyncquery.udp(query, self.host, **how)
            if reply.flags & dns.flags.TC and tcp:
                reply = await dns.asyncquery.tcp(query, self.host, **how)
        except dns.exception.Timeout:
            return None
        found = [records for records in reply.answer if records.rdtype == dns.rdatatype.A]
        own = [records for records in found if aliases or records.name == query.question[0].name]
        return [record.address for records in own for record in records] or None


Answers = Callable[[str], Awaitable[Addresses]]
"""Answers a query for the addresses of a name."""


class _NameServer(asyncio.DatagramProtocol):
    """Answers A queries with what `answers` returns, all others without records."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._answering: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer in a separate task."""
        task = asyncio.get_running_loop().create_task(self._answer(dns.message.from_wire(data), addr))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, query: dns.message.Message, client: tuple[str, int]) -> None:
        question, reply = query.question[0], dns.message.make_response(query)
        if question.rdtype == dns.rdatatype.A:
            addresses = await self._answers(question.name.to_text(omit_final_dot=True))
            if addresses is None:
                reply.set_rcode(dns.rcode.SERVFAIL)
            reply.answer = [dns.rrset.from_text(question.name, 0, "IN", "A", address) for address in addresses or ()]
        self._transport.sendto(reply.to_wire(), client)


async def _behind(settings: Settings, answers: Answers) -> Settings:
    """Return settings that point at a DNS server with these answers."""
    host, _ = host_and_port(settings.http_address)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _NameServer(answers), local_addr=(host, 0))
    port = transport.get_extra_info("sockname")[1]
    world = World.of(settings)
    return replace(settings, order_service_target=f"dns://{host}:{port}/{world.name}:{world.replica_port}")


async def _calls(settings: Settings, answers: Answers) -> GetOrder:
    return caller(open_channel(await _behind(settings, answers)), settings)


def answered_by(settings: Settings, answers: Answers) -> Awaitable[GetOrder]:
    """Return what makes a gateway that is right, but for the answers that its queries get."""
    return _calls(settings, answers)


async def forgets_names(settings: Settings) -> GetOrder:
    """Drop all addresses when a query fails: use one without a listener."""
    world = World.of(settings)
    nowhere = [host_and_port(settings.http_address)[0]]

    async def answers(_name: str) -> Addresses:
        return await world.addresses() or nowhere

    return await _calls(settings, answers)


async def keeps_failures(settings: Settings) -> GetOrder:
    """Treat a failed query as permanent."""
    world = World.of(settings)
    failed = False

    async def answers(_name: str) -> Addresses:
        nonlocal failed
        addresses = None if failed else await world.addresses()
        failed = addresses is None
        return addresses

    return await _calls(settings, answers)


async def keeps_addresses(settings: Settings) -> GetOrder:
    """Add the addresses of each answer to the list, and remove none."""
    world = World.of(settings)
    known: dict[str, None] = {}

    async def answers(_name: str) -> Addresses:
        known.update(dict.fromkeys(await world.addresses() or ()))
        return list(known)

    return await _calls(settings, answers)


async def ten_addresses(settings: Settings) -> GetOrder:
    """Use the first ten addresses of an answer."""
    world = World.of(settings)

    async def answers(_name: str) -> Addresses:
        return sorted(await world.addresses() or ())[:10] or None

    return await _calls(settings, answers)


async def without_tcp(settings: Settings) -> GetOrder:
    """Treat a truncated answer as complete."""
    world = World.of(settings)

    async def answers(_name: str) -> Addresses:
        return await world.addresses(tcp=False)

    return await _calls(settings, answers)


async def needs_ipv6(settings: Settings) -> GetOrder:
    """Treat resolution as failed when the AAAA query fails."""
    world = World.of(settings)

    async def answers(_name: str) -> Addresses:
        addresses = await world.addresses()
        return addresses if await world.answers_for("AAAA") else None

    return await _calls(settings, answers)


class _RenewedChannel:
    """
    A channel that is replaced when an answer differs from the last.

    Each channel has a separate name, whose first query comes from the channel itself and is answered from memory.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._world = World.of(settings)
        self._last: Addresses = None
        self._renewed: set[str] = set()

    async def open(self) -> None:
        """Open the first channel."""
        self._behind = await _behind(self._settings, self._answers)
        self._channel = self._open(self._world.name)

    async def get_order(self, order_id: str) -> order_pb2.GetOrderResponse:
        """Make the call on the present channel."""
        return await caller(self._channel, self._settings)(order_id)

    def _open(self, name: str) -> grpc.aio.Channel:
        server = self._behind.order_service_target.rpartition("/")[0]
        return open_channel(replace(self._behind, order_service_target=f"{server}/{name}:{self._world.replica_port}"))

    async def _answers(self, name: str) -> Addresses:
        if name in self._renewed:
            self._renewed.remove(name)
            return self._last
        addresses = await self._world.addresses()
        if addresses and self._last and addresses != self._last:
            self._renewed.add(f"next.{name}")
            before, self._channel = self._channel, self._open(f"next.{name}")
            await before.close()
        self._last = addresses or self._last
        return addresses


async def renews_channel(settings: Settings) -> GetOrder:
    """Replace the channel when an answer differs from the last, even if only in its order."""
    channel = _RenewedChannel(settings)
    await channel.open()
    return channel.get_order


async def ignores_aliases(settings: Settings) -> GetOrder:
    """Use the records of the very name that was queried alone."""
    world = World.of(settings)

    async def answers(_name: str) -> Addresses:
        return await world.addresses(aliases=False)

    return await _calls(settings, answers)


async def honours_ttl(settings: Settings) -> GetOrder:
    """Open a new channel, which re-resolves, whenever the TTL of the records expires."""
    world = World.of(settings)

    async def _ttl_expires() -> None:
        answer = await world.resolve()
        await asyncio.sleep(max(answer.rrset.ttl if answer.rrset else 0, PATIENCE))

    return renewed(settings, _ttl_expires)


async def polling(settings: Settings) -> GetOrder:
    """Poll DNS: open a new channel every half second."""
    return renewed(settings, lambda: asyncio.sleep(0.5))


async def late_queries(settings: Settings) -> GetOrder:
    """Wait for a second before each query but the first."""
    world = World.of(settings)
    asked = False

    async def answers(_name: str) -> Addresses:
        nonlocal asked
        await asyncio.sleep(1.0 if asked else 0.0)
        asked = True
        return await world.addresses()

    return await _calls(settings, answers)


async def skips_the_last_address(settings: Settings) -> GetOrder:
    """Use all addresses of an answer but the last one."""
    world = World.of(settings)

    async def answers(_name: str) -> Addresses:
        return (await world.addresses() or ())[:-1] or None

    return await _calls(settings, answers)
