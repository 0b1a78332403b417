"""The health that a replica reports over gRPC (grpc/grpc doc/health-checking.md), true or not."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.order.connections import Clients
from services.order.faults import WATCHES_END
from services.order.ledger import Ledger

Request: TypeAlias = health_pb2.HealthCheckRequest
Reply: TypeAlias = health_pb2.HealthCheckResponse
Context: TypeAlias = "grpc.aio.ServicerContext[Request, Reply]"

WHOLE_SERVER = ""
"""The service name for the health of a server as a whole."""


class Health(health_pb2_grpc.HealthServicer):
    """
    The health that a replica reports, by service, `delay` seconds late; it serves regardless of what it reports.

    The servicer of grpcio-health-checking forgets all watchers of a service once one of them disconnects (1.81), so
    other clients, such as a gateway started in the meantime, no longer get updates.
    """

    def __init__(self, service: str, ledger: Ledger, clients: Clients, *, delay: float = 0.0) -> None:
        self._service = service
        self._ledger = ledger
        self._clients = clients
        self._delay = delay
        self._statuses = dict.fromkeys((WHOLE_SERVER, service), Reply.SERVING)
        self._changed = asyncio.Event()
        self._watched: Counter[str] = Counter()
        self._checked: set[tuple[str, str]] = set()
        self._final = self._ended = False
        self._round = 0  # how often every Watch has been failed

    def report(self, status: str) -> None:
        """
        Report this status for the service, not for the server as a whole, from now on.

        It is one of the protocol's names, or `WATCHES_END`, which changes none. The ledger records it, with the service
        name that each client watches.
        """
        if status == WATCHES_END:
            self._round += 1
            self._set({})
        elif not self._final:
            self._set({self._service: Reply.ServingStatus.Value(status)})
        self._ledger.event("health", status=status, watched=sorted(self._watched.elements()))

    def end(self) -> None:
        """Report NOT_SERVING for everything, permanently."""
        self._set(dict.fromkeys(self._statuses, Reply.NOT_SERVING))
        self._final = True

    def end_watches(self) -> None:
        """End every Watch: otherwise it would keep a connection open that has no more calls."""
        self._ended = True
        self._set({})

    async def Check(self, request: Request, context: Context) -> Reply:  # noqa: N802, the name in health.proto
        """Answer with the current status. The ledger records the first Check of each connection."""
        key = (context.peer(), request.service)
        if key not in self._checked:
            self._log_query("Check", request.service, context)
        self._checked.add(key)
        await asyncio.sleep(self._delay)
        if request.service not in self._statuses:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r}")
        return Reply(status=self._statuses[request.service])

    async def Watch(self, request: Request, context: Any) -> None:  # noqa: ANN401, N802, the types lack write
        """
        Answer with the current status, and with every change, until the client cancels or `end_watches` is called.

        The last status is always sent: a watcher that was busy with a write while the replica began and ended its
        drain still learns that it is NOT_SERVING.
        """
        self._log_query("Watch", request.service, context)
        await asyncio.sleep(self._delay)
        sent, began = None, self._round
        with self._watching(request.service):
            while True:
                changed, ended = self._changed, self._ended
                status = self._statuses.get(request.service, Reply.SERVICE_UNKNOWN)
                if status != sent:
                    await context.write(Reply(status=status))
                    sent = status
                if ended:
                    return
                if self._round != began:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "the watch has ended")
                await changed.wait()

    def _set(self, statuses: Mapping[str, Any]) -> None:
        self._statuses.update(statuses)
        self._changed.set()
        self._changed = asyncio.Event()

    @contextlib.contextmanager
    def _watching(self, service: str) -> Iterator[None]:
        self._watched[service] += 1
        try:
            yield
        finally:
            self._watched[service] -= 1

    def _log_query(self, by: str, service: str, context: Context) -> None:
        self._ledger.event("health_asked", by=by, service=service, peer=self._clients.peer(context.peer()))
