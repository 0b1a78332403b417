"""A proxy for HTTP CONNECT (RFC 9110, 9.3.6), which a gateway's variables may name; it logs each request."""

import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.loopback.relay import relay
from tests.loopback.replica import GRPC_PORT
from tests.loopback.shared import CapabilityEnvironment

PORT = 3128

NAMES = ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY")
"""The variables by which gRPC libraries find a proxy; C-core honours only the lower-case ones."""

EXCEPTIONS = ("no_proxy", "NO_PROXY")

LONGEST_REQUEST = 8192

MOST_TUNNELS = 10_000
"""Requests that are logged; no behaviour needs more."""

MOST_OPEN = 200
"""Clients that are served at a time, as each takes a thread and two sockets; the others are disconnected."""


@dataclass(frozen=True)
class Tunnel:
    """A request to the proxy, on the monotonic clock, with the `host:port` that it names."""

    monotonic: float
    wanted: str


class ConnectProxy:
    """
    A running proxy; regardless of the request it connects to `upstream`, or closes the connection if that is None.

    The constructor binds, and raises OSError if it cannot.
    """

    def __init__(self, ip: str, upstream: tuple[str, int] | None) -> None:
        self.url = f"http://{ip}:{PORT}"
        self.tunnels: list[Tunnel] = []
        self._upstream = upstream
        self._open: list[socket.socket] = []
        self._keeping = threading.Lock()
        self._socket = socket.create_server((ip, PORT))
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop listening and cut every tunnel."""
        _shut(self._socket)
        self._socket.close()
        self._thread.join()
        for connection in self._open:
            _shut(connection)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                client, _ = self._socket.accept()
                if self._keep(client):
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()
                else:
                    client.close()

    def _keep(self, connection: socket.socket) -> bool:
        """Remember a connection, so that it can be cut; return False if too many are open."""
        with self._keeping:
            self._open = [other for other in self._open if other.fileno() >= 0]
            room = len(self._open) < 2 * MOST_OPEN
            self._open += [connection] if room else []
        return room

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):  # either end has disconnected
            at, request = time.monotonic(), _request(client)
            if not request.startswith("CONNECT "):
                return
            if len(self.tunnels) < MOST_TUNNELS:
                self.tunnels.append(Tunnel(at, request.split(" ")[1].strip()))
            if self._upstream is None:
                return
            with socket.create_connection(self._upstream) as server:
                if not self._keep(server):
                    return
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(client, server)


def _request(client: socket.socket) -> str:
    """Return the head of a request, as far as it arrived."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < LONGEST_REQUEST and (part := client.recv(1024)):
        head += part
    return head.decode("latin-1")


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # to wake a thread that waits for it, unless it is already closed
        connection.shutdown(socket.SHUT_RDWR)


class LoopbackProxy:
    """The proxy in a gateway's variables (see `tests.harness.world.capabilities.Proxy`)."""

    def __init__(self, environment: CapabilityEnvironment) -> None:
        self._environment = environment
        self._proxy: ConnectProxy | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables that name the proxy, and the order service as an exception."""
        if self._proxy is None:
            return {}
        return {
            **dict.fromkeys(NAMES, self._proxy.url),
            **dict.fromkeys(EXCEPTIONS, self._environment.variant.subject.backend.name),
        }

    def start(self, *, alive: bool = True) -> str:
        """Start it and return its URL. It leads to the first replica, or closes every connection unless `alive`."""
        replica = self._environment.listed[0]
        with self._environment.disturb("set a proxy", "gateway", alive=alive) as verb:
            self.clean()
            self._proxy = ConnectProxy(self._environment.addresses.new(), (replica.ip, GRPC_PORT) if alive else None)
            verb.confirmed(time.monotonic())
            return self._proxy.url

    def tunnels(self) -> list[str]:
        """Return the targets of the CONNECT requests that the proxy received, in that order."""
        return [tunnel.wanted for tunnel in self._proxy.tunnels] if self._proxy else []

    def clean(self) -> None:
        """Remove the proxy."""
        if self._proxy is not None:
            self._proxy.end()
            self._proxy = None

    def keep_evidence(self) -> None:
        """Add the requests that the proxy received to the timeline."""
        tunnels = self._proxy.tunnels if self._proxy else []
        self._environment.timeline.keep(
            "proxy ", [{"event": "tunnel", **dataclasses.asdict(tunnel)} for tunnel in tunnels]
        )
