"""The probes of Kubernetes over HTTP: is the replica alive, is it ready."""

import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from services.variables import host_and_port

_POLL = 0.05  # seconds between checks whether to stop


class Probes(ThreadingHTTPServer):
    """
    `/livez`, 200 while the process lives, and `/readyz`, 200 while `ready` is set, else 503.

    The constructor listens, and raises `OSError` if it cannot.
    """

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__(host_and_port(address), _Handler)
        self.ready = threading.Event()

    def server_bind(self) -> None:
        """Bind as the base's base does: `HTTPServer` looks up its own name in DNS, which may take seconds."""
        socketserver.TCPServer.server_bind(self)

    def start(self) -> None:
        """Answer, in a separate thread, until `stop`."""
        threading.Thread(target=self.serve_forever, args=(_POLL,), name="probes", daemon=True).start()

    def stop(self) -> None:
        """Close the port, within `_POLL` seconds."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Probes

    def do_GET(self) -> None:
        self.send_response(self._status())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _status(self) -> HTTPStatus:
        if self.path == "/livez":
            return HTTPStatus.OK
        if self.path == "/readyz":
            return HTTPStatus.OK if self.server.ready.is_set() else HTTPStatus.SERVICE_UNAVAILABLE
        return HTTPStatus.NOT_FOUND

    def log_message(self, *args: object) -> None:
        """Log nothing: probes arrive every second."""
