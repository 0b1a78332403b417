"""
Gateways that recover wrongly (see tests/behaviours/gateways.py): held calls, lost wake-ups, replicas given up.

Most are the reference gateway with a wrong part in front of its channel. `_Watched` tells that part which addresses
accept connections; others rotate over a channel to each address by hand.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Sequence

import dns.exception
import grpc
import grpc.aio

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.dns.gateways import Addresses, World, answered_by
from tests.behaviours.gateway_parts import Target, each_address, failure, right

LOOK = 0.05
"""Seconds between two dials of an address that does not accept connections."""

HELD = 2.0
"""Seconds for which calls are held after a change."""

LONG = 5.0
"""Seconds after which an address that is down is given up."""


class _Watched:
    """Which addresses of the target accept connections: a connection to each, which is made again once it is lost."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self.up: set[str] = set()
        self.losses: dict[str, int] = {}
        self.down_since: dict[str, float] = {}
        self._on_change = on_change
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, settings: Settings) -> None:
        """Resolve the name once, and watch each address from then on."""
        target = Target.of(settings)
        for record in await target.resolve():
            address = str(record.address)
            self.losses[address] = 0
            self._tasks.append(asyncio.create_task(self._watch(address, target.replica_port)))

    async def _watch(self, ip: str, port: int) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(ip, port)
                self.up.add(ip)
                if self.losses[ip]:
                    self._on_change()
                while await reader.read(1024):
                    pass
                writer.close()
            if ip in self.up:
                self.up.remove(ip)
                self.losses[ip] += 1
                self.down_since[ip] = time.monotonic()
                self._on_change()
            await asyncio.sleep(LOOK)


def _held(settings: Settings, every: int) -> tuple[GetOrder, Callable[[], None]]:
    """Return what holds one in so many orders for a while after each change, and what tells it of a change."""
    orders, numbers, until = right(settings), itertools.count(), 0.0

    def changed() -> None:
        nonlocal until
        until = time.monotonic() + HELD

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if next(numbers) % every == 0:
            await asyncio.sleep(max(0.0, until - time.monotonic()))
        return await orders(order_id)

    return get_order, changed


async def holds_all_calls(settings: Settings) -> GetOrder:
    """Hold every call for two seconds whenever a replica is lost or returns."""
    get_order, changed = _held(settings, every=1)
    await _Watched(changed).begin(settings)
    return get_order


async def holds_some_calls(settings: Settings) -> GetOrder:
    """Hold every third call for two seconds whenever a replica is lost or returns."""
    get_order, changed = _held(settings, every=3)
    await _Watched(changed).begin(settings)
    return get_order


async def loses_wakeups(settings: Settings) -> GetOrder:
    """Never wake every fifth call of an outage: it waits for its deadline, however soon the replicas return."""
    orders, numbers, watched = right(settings), itertools.count(), _Watched()
    await watched.begin(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if watched.losses and not watched.up and any(watched.losses.values()) and next(numbers) % 5 == 4:
            await asyncio.sleep(settings.call_timeout_ms / 1000)
            raise failure(grpc.StatusCode.DEADLINE_EXCEEDED, "never woken")
        return await orders(order_id)

    return get_order


async def _gives_up(settings: Settings, given_up: Callable[[_Watched, str], bool]) -> GetOrder:
    """Drop an address for good once it is given up: answer its queries without it."""
    world, watched, lost = World.of(settings), _Watched(), set[str]()
    await watched.begin(settings)

    async def answers(_name: str) -> Addresses:
        addresses = await world.addresses() or ()
        lost.update(address for address in addresses if address in watched.losses and given_up(watched, address))
        return [address for address in addresses if address not in lost] or ["127.0.0.1"]

    return await answered_by(settings, answers)


async def recovers_once(settings: Settings) -> GetOrder:
    """Give an address up when it is lost for the second time."""
    return await _gives_up(settings, lambda watched, address: watched.losses[address] > 1)


async def gives_up(settings: Settings) -> GetOrder:
    """Give an address up once it has been down for five seconds."""

    def down_for_long(watched: _Watched, address: str) -> bool:
        down = address not in watched.up and watched.losses[address] > 0
        return down and time.monotonic() - watched.down_since[address] > LONG

    return await _gives_up(settings, down_for_long)


async def breaks_alone(settings: Settings) -> GetOrder:
    """Fail every call while just one replica is left."""
    orders, watched = right(settings), _Watched()
    await watched.begin(settings)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if len(watched.up) == 1:
            raise failure(grpc.StatusCode.UNAVAILABLE, "too few replicas")
        return await orders(order_id)

    return get_order


Member = tuple[grpc.aio.Channel, GetOrder]
"""A channel to one address, and what gets an order over it."""


async def _members(settings: Settings) -> Sequence[Member]:
    """Return a connected channel to each address."""
    own = [(open_channel(address), address) for address in await each_address(settings)]
    await asyncio.gather(*(channel.channel_ready() for channel, _ in own))
    return [(channel, caller(channel, address)) for channel, address in own]


def _ready(members: Sequence[Member]) -> list[Member]:
    ready = grpc.ChannelConnectivity.READY
    return [(channel, get_order) for channel, get_order in members if channel.get_state() is ready]


async def _first_of(candidates: Sequence[Member], order_id: str) -> order_pb2.GetOrderResponse:
    """Try one replica after the other, each once."""
    error = failure(grpc.StatusCode.UNAVAILABLE, "no replica is left to try")
    for _, get_order in candidates:
        try:
            return await get_order(order_id)
        except grpc.aio.AioRpcError as failed:
            error = failed
    raise error


async def never_redials(settings: Settings) -> GetOrder:
    """Rotate over connected replicas, and never connect to a lost one again."""
    # channels of pick_first: without a call they do not connect again
    return await excludes_tried(dataclasses.replace(settings, grpc_service_config="{}"))


async def begins_again(settings: Settings) -> GetOrder:
    """Begin with the first replica again whenever one of them is lost or returns."""
    members, position = await _members(settings), 0

    async def _watch(channel: grpc.aio.Channel) -> None:
        nonlocal position
        while True:
            await channel.wait_for_state_change(channel.get_state(try_to_connect=True))
            position = 0

    watching = [asyncio.create_task(_watch(channel)) for channel, _ in members]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        nonlocal position
        assert not any(task.done() for task in watching)
        ready = _ready(members)
        start, position = position % max(len(ready), 1), position + 1
        return await _first_of([*ready[start:], *ready[:start]], order_id)

    return get_order


async def waits_for_dials(settings: Settings) -> GetOrder:
    """Rotate over all addresses, and let calls wait for one that is not connected."""
    members, numbers = await _members(dataclasses.replace(settings, wait_for_ready=True)), itertools.count()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        start = next(numbers) % len(members)
        return await _first_of([*members[start:], *members[:start]], order_id)

    return get_order


async def excludes_tried(settings: Settings) -> GetOrder:
    """Retry on each connected replica once, and fail when all of them were tried."""
    members, numbers = await _members(dataclasses.replace(settings, enable_retries=False)), itertools.count()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        ready, number = _ready(members), next(numbers)
        start = number % max(len(ready), 1)
        return await _first_of([*ready[start:], *ready[:start]], order_id)

    return get_order


async def resolves_twice(settings: Settings) -> GetOrder:
    """Re-resolve twice, and answer from memory from then on."""
    world = World.of(settings)
    known: list[Addresses] = []

    async def answers(_name: str) -> Addresses:
        if len(known) < 3:
            known.append(await world.addresses())
        return known[-1]

    return await answered_by(settings, answers)


async def resolves_in_calls(settings: Settings) -> GetOrder:
    """Resolve the name before the next call once a connection was lost; all calls wait for that."""
    members, target = await _members(settings), Target.of(settings)
    lock, numbers, lost = asyncio.Lock(), itertools.count(), False

    async def _watch(channel: grpc.aio.Channel) -> None:
        nonlocal lost
        while True:
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
            lost = True
            await channel.channel_ready()

    watching = [asyncio.create_task(_watch(channel)) for channel, _ in members]

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        nonlocal lost
        assert not any(task.done() for task in watching)
        async with lock:
            if lost:
                lost = False
                with contextlib.suppress(dns.exception.DNSException):
                    await target.resolve()
        start = next(numbers) % len(members)
        return await _first_of([*members[start:], *members[:start]], order_id)

    return get_order


async def queries_when_all_are_lost(settings: Settings) -> GetOrder:
    """Re-resolve only while no address accepts connections, else answer from memory."""
    world, watched, known = World.of(settings), _Watched(), list[Addresses]()
    await watched.begin(settings)

    async def answers(_name: str) -> Addresses:
        if not known or not watched.up:
            known[:] = [await world.addresses()]
        return known[0]

    return await answered_by(settings, answers)


async def half_a_share(settings: Settings) -> GetOrder:
    """Rotate over connected replicas, and pass one that was lost before over every second time."""
    members, numbers = await _members(dataclasses.replace(settings, enable_retries=False)), itertools.count()
    lost: set[grpc.aio.Channel] = set()

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        number, picked = next(numbers), list[Member]()
        for channel, replica in members:
            if channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY:
                lost.add(channel)
            elif channel not in lost or number // len(members) % 2:
                picked.append((channel, replica))
        start = number % max(len(picked), 1)
        return await _first_of([*picked[start:], *picked[:start]], order_id)

    return get_order
