"""A replica from start to exit."""

import asyncio
import signal
import sys
import time

import grpc.aio
from grpc_health.v1 import health_pb2_grpc

from services.order.any_service import AnyService
from services.order.attempts import Attempts
from services.order.connections import Clients, drain_connections
from services.order.front import Front
from services.order.health import Health
from services.order.ledger import Ledger
from services.order.plans import Plans
from services.order.probes import Probes
from services.order.service import SERVICE, OrderService
from services.order.settings import Settings
from services.order.traffic import Traffic
from services.order.watch import Watch
from services.proto import order_pb2_grpc
from services.variables import host_and_port


class Replica:
    """
    The servers of one replica: gRPC with its health service, and the HTTP probes.

    The constructor binds both ports, which are in `grpc_port` and `http_port`. It needs a running event loop, and
    raises `OSError` if a port cannot be bound.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        named = settings.answers.service if settings.answers else ""
        clients = Clients()
        self._health = Health(named or SERVICE, ledger, clients, delay=settings.health_delay)
        self._server = grpc.aio.server(options=_channel_arguments(settings))
        self._front, self.grpc_port = _listening(self._server, settings, clients, ledger)
        self._watch = Watch(self.grpc_port, ledger)
        self._traffic = Traffic()
        self._probes = _probes(settings.http_address)
        attempts = Attempts(settings, ledger, clients, self._watch, self._health, self._traffic, self._probes.ready)
        plans = Plans(settings.numbers_of)
        service = OrderService(settings.replica, attempts, plans, any_form=settings.answers is not None)
        order_pb2_grpc.add_OrderServiceServicer_to_server(service, self._server)  # type: ignore[no-untyped-call]  # generated
        if settings.health_service:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if settings.answers is not None:  # last: what no other service answers
            others = AnyService(settings.answers, attempts, plans, ledger)
            self._server.add_generic_rpc_handlers((others,))
        self.http_port: int = self._probes.server_address[1]

    async def start(self) -> None:
        """Answer calls and probes."""
        await self._server.start()
        if self._front:
            self._front.start()
        self._looking = asyncio.create_task(self._watch.look_on())
        self._probes.start()
        self._probes.ready.set()
        self._ledger.event("serving")
        sys.stderr.write(f"{self._settings.replica}: gRPC on port {self.grpc_port}, HTTP on {self.http_port}\n")

    async def drain(self) -> None:
        """
        Report NOT_SERVING, send GOAWAY on every connection, and let calls in flight finish within the grace period.

        Calls that are still in flight after that are cancelled.
        """
        self._ledger.event("drain")
        self._probes.ready.clear()
        self._health.end()
        self._ledger.event("not_serving")
        deadline = time.monotonic() + self._settings.drain_grace
        if self._settings.drain_grace:
            draining = asyncio.create_task(
                drain_connections(self.grpc_port, self._settings.drain_grace, self._traffic, self._front)
            )
            await asyncio.sleep(0)  # by now it has sent every GOAWAY
            self._health.end_watches()
            await draining
        grace_left = max(0.0, deadline - time.monotonic())
        if not grace_left:
            # the `exit` comes later, after the probes have ended: too late to tell what was cut
            self._ledger.event("grace_over")
        await self._server.stop(grace_left)
        if self._front:
            self._front.end()
        self._looking.cancel()
        self._watch.end()
        self._probes.stop()


async def run(settings: Settings, ledger: Ledger) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Raises `OSError` if a port cannot be bound."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ledger.event("start")
    replica = Replica(settings, ledger)
    await replica.start()
    await stop.wait()
    await replica.drain()
    ledger.event("exit")


def _channel_arguments(settings: Settings) -> list[tuple[str, int]]:
    ages = {
        "grpc.max_connection_age_ms": settings.max_connection_age_ms,
        "grpc.max_connection_age_grace_ms": settings.max_connection_age_grace_ms,
        "grpc.max_connection_idle_ms": settings.max_connection_idle_ms,
    }
    return [
        ("grpc.so_reuseport", 0),  # by default two servers silently share a port: here it is an error
        (
            "grpc.http2.max_ping_strikes",
            0,
        ),  # otherwise a client with keepalive under 5 minutes gets GOAWAY too_many_pings
        *((name, value) for name, value in ages.items() if value is not None),
    ]


def _probes(address: str) -> Probes:
    try:
        return Probes(address)
    except OSError as error:
        raise OSError(f"cannot listen on HTTP_ADDRESS {address}: {error.strerror}") from error


def _listening(
    server: grpc.aio.Server, settings: Settings, clients: Clients, ledger: Ledger
) -> tuple[Front | None, int]:
    """
    Listen; return the front, if there is TLS, and the port for clients.

    Over TLS the server listens in plaintext at the next port, or at any if the system chooses.
    """
    if settings.tls is None:
        return None, _bind(server, settings.grpc_address)
    host, port = host_and_port(settings.grpc_address)
    name = settings.grpc_address.rpartition(":")[0]
    inner = _bind(server, f"{name}:{port + 1 if port else 0}")
    try:
        front = Front(settings.tls, settings.grpc_address, (host, inner), clients, ledger)
    except OSError as error:
        raise OSError(f"cannot listen on GRPC_ADDRESS {settings.grpc_address}: {error.strerror}") from error
    return front, front.port


def _bind(server: grpc.aio.Server, address: str) -> int:
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:  # what grpcio raises; its text is C-core's
        raise OSError(f"cannot listen on GRPC_ADDRESS {address}") from error
