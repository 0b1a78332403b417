"""
Programs that serve orders like the reference gateway, and are hostile as processes.

A habit is shown after `SERVED` orders, a gateway serves in another way, a start decides what is served at all.
"""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import NoReturn

import dns.message
import dns.resolver

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import application, serve
from services.proto import order_pb2

SERVED = 40
"""Orders that a gateway serves before it goes wrong."""

IDLE = 0.03
"""Seconds: longer than between two orders of a behaviour, shorter than between two behaviours."""


def dies(_: Settings) -> NoReturn:
    """Exit in the middle of an order."""
    sys.stderr.write("fatal: out of cheese\n")
    os._exit(70)


def dies_a_little_later(_: Settings) -> None:
    """Exit when the order has been answered, between two orders or after the last."""
    threading.Timer(0.05, os._exit, [70]).start()


def kills_its_parent(_: Settings) -> None:
    """End who started it."""
    os.kill(os.getppid(), signal.SIGKILL)


def stops_its_parent(_: Settings) -> None:
    """Stop who started it, without ending it."""
    os.kill(os.getppid(), signal.SIGSTOP)


def shortens_its_log(_: Settings) -> None:
    """Truncate its own log, as `echo x > /dev/stderr` in a wrapper does."""
    sys.stderr.write("a line that is soon cut off\n" * 100)
    with suppress(OSError):
        os.ftruncate(2, 0)
    sys.stderr.write("after the cut\n")


def floods_its_log(_: Settings) -> None:
    """Log two gigabytes."""
    _log(2048, b"x" * 1023 + b"\n")


def logs_without_a_newline(_: Settings) -> None:
    """Log one line of 200 megabytes."""
    _log(200, b"x" * 1024)


def logs_half_characters(_: Settings) -> None:
    """Log bytes that are not text, escapes, and what a CI runner would take for commands."""
    os.write(2, b"\xed\xa0\x80\xff\x00\x1b[2J\x1b]0;pwned\x07\n  ::error::pwned\n::add-mask::e\n")


def _log(megabytes: int, kilobyte: bytes) -> None:
    def write() -> None:
        with suppress(OSError):
            for _ in range(megabytes):
                os.write(2, kilobyte * 1024)

    threading.Thread(target=write, daemon=True).start()


def spins(_: Settings) -> None:
    """Keep every processor busy, from separate processes."""
    for _number in range(os.cpu_count() or 1):
        subprocess.Popen([sys.executable, "-c", "while True: pass"])


def floods_the_name_server(settings: Settings) -> None:
    """Send the name server two thousand queries a second, and 200 connections that stay."""
    address, name = _name_server(settings)
    query = dns.message.make_query(name, "A").to_wire()

    def send() -> None:
        held = []
        with socket.socket(type=socket.SOCK_DGRAM) as udp, suppress(OSError):
            for number in itertools.count():
                udp.sendto(query, address)
                time.sleep(0.0005)  # the rate
                if number < 200:
                    held.append(socket.create_connection(address, timeout=1))

    threading.Thread(target=send, daemon=True).start()


def floods_the_replicas(settings: Settings) -> None:
    """Open five hundred connections a second to the replicas, and leave each after a moment."""
    (host, port), name = _name_server(settings)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], port
    replicas = [record.address for record in resolver.resolve(f"{name}.", "A")]

    def dial() -> None:
        while True:
            for replica in replicas:
                with suppress(OSError), socket.create_connection((replica, 5000), timeout=0.2):
                    time.sleep(0.002)  # the rate

    threading.Thread(target=dial, daemon=True).start()


def _name_server(settings: Settings) -> tuple[tuple[str, int], str]:
    """Return where the target's name is resolved, and the name: dns://HOST:PORT/NAME:5000."""
    server, _, name = settings.order_service_target.removeprefix("dns://").partition("/")
    host, _, port = server.partition(":")
    return (host, int(port or 53)), name.partition(":")[0]


def is_deaf(_: Settings) -> None:
    """Ignore SIGTERM and SIGINT."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


HABITS: dict[str, Callable[[Settings], None]] = {
    habit.__name__: habit
    for habit in (
        dies, dies_a_little_later, kills_its_parent, stops_its_parent, shortens_its_log, floods_its_log,
        logs_without_a_newline, logs_half_characters, spins, floods_the_name_server, floods_the_replicas, is_deaf,
    )
}  # fmt: skip


async def serve_then(habit: Callable[[Settings], None], settings: Settings) -> None:
    """Serve forty orders like the reference gateway, then show this habit, once, and keep serving."""
    right = caller(open_channel(settings), settings)
    numbers = itertools.count(1)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if next(numbers) == SERVED + 1:
            habit(settings)
        return await right(order_id)

    await serve(application(get_order), settings.http_address)


async def stops_answering(settings: Settings) -> None:
    """Serve forty orders like the reference gateway, then answer nothing any more."""
    right = caller(open_channel(settings), settings)
    numbers = itertools.count(1)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if next(numbers) > SERVED:
            await asyncio.Event().wait()
        return await right(order_id)

    await serve(application(get_order), settings.http_address)


async def reconnects(settings: Settings) -> None:
    """Serve each order over a new channel."""

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        async with open_channel(settings) as channel:
            return await caller(channel, settings)(order_id)

    await serve(application(get_order), settings.http_address)


async def shouts(settings: Settings) -> None:
    """Serve like the reference gateway, but write a line of 200 MB first."""
    for _ in range(200):
        sys.stderr.write("a" * 1_000_000)
    await serve(application(caller(open_channel(settings), settings)), settings.http_address)


async def dies_idle(settings: Settings) -> None:
    """Serve like the reference gateway, and die as soon as no order comes for a moment: mostly after a behaviour."""
    right = caller(open_channel(settings), settings)
    orders = itertools.count(1)
    newest = 0

    def die_unless_followed(order: int) -> None:
        if order == newest:
            sys.stderr.write("fatal: nothing to do\n")
            os._exit(70)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        nonlocal newest
        newest = order = next(orders)
        response = await right(order_id)
        asyncio.get_running_loop().call_later(IDLE, die_unless_followed, order)
        return response

    await serve(application(get_order), settings.http_address)


GATEWAYS: dict[str, Callable[[Settings], Coroutine[None, None, None]]] = {
    gateway.__name__: gateway for gateway in (stops_answering, reconnects, shouts, dies_idle)
}


GATEWAY = [sys.executable, "-m", "services.gateway"]


def does_not_start() -> None:
    """Exit with what a program with a broken configuration prints."""
    sys.exit("config.yaml: line 3: expected a colon")


def never_listens() -> None:
    """Run, and listen nowhere."""
    signal.pause()


def listens_elsewhere() -> None:
    """Serve on another address than it was given."""
    _host, _, port = os.environ["HTTP_ADDRESS"].partition(":")
    _become(GATEWAY, {"HTTP_ADDRESS": f"127.0.0.99:{port}"})


def listens_late() -> None:
    """Serve, two seconds after it was started."""
    time.sleep(2)  # being late is what it does
    _become(GATEWAY)


def daemonises() -> None:
    """Serve from a child in a separate session, and exit with status 0."""
    subprocess.Popen(GATEWAY, start_new_session=True)  # noqa: S603, our own
    # for as long as the suite needs to see it listen: it would be a gateway that does not start
    time.sleep(2)


def wraps() -> None:
    """Serve from a child in a separate session, and wait for it."""
    sys.exit(subprocess.Popen(GATEWAY, start_new_session=True).wait())  # noqa: S603, our own


def wraps_and_dies() -> None:
    """Serve from a child, and exit when a second has passed."""
    subprocess.Popen(GATEWAY)  # noqa: S603, our own
    time.sleep(3)  # as long as the child may need to listen
    os._exit(3)


def _become(command: list[str], variables: Mapping[str, str] | None = None) -> None:
    os.execvpe(command[0], command, {**os.environ, **(variables or {})})  # noqa: S606, our own


STARTS: dict[str, Callable[[], None]] = {
    start.__name__: start
    for start in (
        does_not_start, never_listens, listens_elsewhere, listens_late, daemonises, wraps, wraps_and_dies,
    )
}  # fmt: skip
