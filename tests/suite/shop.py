"""
`python -m tests.suite.shop MODE`: a service as a stranger has one, HTTP in and gRPC out, for `init` to try.

It listens on LISTEN, dials BACKEND, and answers GET /carts/{id}. MODE is what it does with a request.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc

from services.order.faults import field_of

TIMEOUT = 3.0


class Shop:
    """What each mode does with the id of a cart; `call` makes a call of a method."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def call(self, method: str, text: str = "") -> bytes:
        """Call a method with a message that has this text in its first field."""
        message = field_of(1, text.encode()) if text else b""
        make: Any = self._channel.unary_unary(f"/shop.v1.{method}")
        return bytes(make(message, timeout=TIMEOUT))

    def right(self, cart: str) -> None:
        """Call what it needs: a user, who must exist, and the stock."""
        self.call("Users/Get")
        self.call("Stock/Reserve", cart)

    def strict(self, cart: str) -> None:
        """Call the stock, once the user is known by a name."""
        if not self.call("Users/Get"):
            raise ValueError("user not found")
        self.call("Stock/Reserve", cart)

    def twice(self, cart: str) -> None:
        """Call the same method twice."""
        self.call("Stock/Reserve", cart)
        self.call("Stock/Reserve", cart)

    def deaf(self, _cart: str) -> None:
        """Pass on nothing of the request."""
        self.call("Stock/Reserve")

    def proud(self, cart: str) -> None:
        """Answer that all is well, although the call failed."""
        try:
            self.call("Stock/Reserve", cart)
        except grpc.RpcError:
            return

    def idle(self, _cart: str) -> None:
        """Call nothing."""

    def frail(self, cart: str) -> None:
        """Exit with the first request."""
        self.call("Stock/Reserve", cart)
        os._exit(3)


def handler(serve: Callable[[str], None]) -> type[BaseHTTPRequestHandler]:
    """Return what answers requests."""

    class _Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with JSON."""
            try:
                serve(self.path.removeprefix("/carts/"))
            except grpc.RpcError as error:
                self._answer(502, {"error": {"status": error.code().name}})
            except ValueError as error:
                self._answer(500, {"message": str(error)})
            else:
                self._answer(200, {})

        def _answer(self, status: int, members: Mapping[str, object]) -> None:
            body = json.dumps(members).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return _Handler


def main() -> None:
    """Serve until SIGTERM."""
    host, _, port = os.environ["LISTEN"].rpartition(":")
    with grpc.insecure_channel(os.environ["BACKEND"]) as channel:
        serve = getattr(Shop(channel), sys.argv[1])
        ThreadingHTTPServer((host, int(port)), handler(serve)).serve_forever()


if __name__ == "__main__":
    main()
