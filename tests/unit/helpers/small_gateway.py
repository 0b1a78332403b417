"""A small gateway without an order service behind it."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.harness.world.orders import Orders


class _Handler(BaseHTTPRequestHandler):
    """Answers as the plan of the order says."""

    protocol_version = "HTTP/1.1"
    server: "Gateway"

    def do_GET(self) -> None:
        """Note the order and do what its plan says."""
        self.server.came.append((time.monotonic(), self.path, self.client_address[1]))
        order_id = self.path.removeprefix("/orders/")
        plan = order_id.partition("~")[2]
        if plan == "BREAK":
            self.close_connection = True
            return
        if plan == "HANG":
            self.server.ended.wait()
        if plan == "MEET":
            self.server.meeting.wait(10)
        body = json.dumps({"id": order_id, "served_by": "a"}).encode()
        with suppress(OSError):  # who waited has hung up
            self.send_response(302 if plan == "MOVED" else 503 if plan == "FAIL" else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Gateway(ThreadingHTTPServer):
    """A server that keeps when which order came over which connection."""

    daemon_threads = True
    pid = None  # not a process that anybody could starve
    request_queue_size = 128  # of connections that come at once none is refused

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[float, str, int]] = []
        self.ended = threading.Event()
        self.meeting = threading.Barrier(4)

    @property
    def url(self) -> str:
        """Where orders are placed."""
        return f"http://127.0.0.1:{self.server_port}"

    def caller(self, patience: float = 10.0) -> Orders:
        """Return a caller of this gateway."""
        return Orders(lambda: self.url, lambda _: [], patience)
