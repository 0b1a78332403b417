"""`python -m tests.suite.bad_gateways NAME`: programs that are not gateways, to see what the suite makes of them."""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event

from services.gateway.channel import caller, open_channel
from services.gateway.settings import Settings
from services.gateway.web import application, serve
from services.proto import order_pb2

SERVED = 40
"""Orders that a gateway serves before it goes wrong."""


IDLE = 0.03
"""Seconds: longer than between two orders of a behaviour, shorter than between two behaviours."""


class Nonsense(BaseHTTPRequestHandler):
    """Answers everything with 200 and a page."""

    page = b"<h1>It works!</h1>"

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.page)))
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Hangs(Nonsense):
    """Takes the request and never answers."""

    def do_GET(self) -> None:
        """Wait forever."""
        Event().wait()


class Garbage(Nonsense):
    """Answers in bytes that are not HTTP."""

    def do_GET(self) -> None:
        """Answer."""
        self.wfile.write(b"\x00\xff\x00 no HTTP at all\r\n\r\n")


class HugeBodies(Nonsense):
    """Answers with bodies that never end."""

    def do_GET(self) -> None:
        """Answer until the connection is closed."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(1 << 20))


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


async def goes_wrong(settings: Settings, *, dies: bool) -> None:
    """Serve forty orders like the reference gateway, then die, or answer nothing any more."""
    right = caller(open_channel(settings), settings)
    numbers = itertools.count(1)

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if next(numbers) > SERVED:
            if not dies:
                await asyncio.Event().wait()
            sys.stderr.write("fatal: out of cheese\n")
            os._exit(70)
        return await right(order_id)

    await serve(application(get_order), settings.http_address)


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


def main() -> None:
    """Be the program that the command line names."""
    name = sys.argv[1]
    if name == "does_not_start":
        sys.exit("config.yaml: line 3: expected a colon")
    if name == "never_listens":
        signal.pause()
    if name == "dies_idle":
        asyncio.run(dies_idle(Settings.from_environment(os.environ)))
    if name.endswith("_midway"):
        asyncio.run(goes_wrong(Settings.from_environment(os.environ), dies=name.startswith("dies")))
    if name in {"reconnects", "shouts"}:
        asyncio.run({"reconnects": reconnects, "shouts": shouts}[name](Settings.from_environment(os.environ)))
        return
    host, _, port = os.environ["HTTP_ADDRESS"].partition(":")
    handler = {"nonsense": Nonsense, "hangs": Hangs, "garbage": Garbage, "huge_bodies": HugeBodies}[name]
    ThreadingHTTPServer((host, int(port)), handler).serve_forever()


if __name__ == "__main__":
    main()
