"""The health of a replica, for whoever asks over gRPC (grpc/grpc doc/health-checking.md): it can say anything."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.order.connections import endpoint, peer_of
from services.order.ledger import Ledger

Request: TypeAlias = health_pb2.HealthCheckRequest
Reply: TypeAlias = health_pb2.HealthCheckResponse
Context: TypeAlias = "grpc.aio.ServicerContext[Request, Reply]"

WHOLE_SERVER = ""
"""The name under which the health of a server as a whole is asked for."""


class Health(health_pb2_grpc.HealthServicer):
    """
    What a replica says of its health, by service; it serves whatever it says, and answers `delay` seconds late.

    grpcio-health-checking's own forgets a service's watchers as soon as one of them is gone (1.81), so that another
    client, as a gateway that was started meanwhile, is told nothing any more.
    """

    def __init__(self, service: str, ledger: Ledger, *, delay: float = 0.0) -> None:
        self._service = service
        self._ledger = ledger
        self._delay = delay
        self._statuses = dict.fromkeys((WHOLE_SERVER, service), Reply.SERVING)
        self._changed = asyncio.Event()
        self._watched: Counter[str] = Counter()
        self._checked: set[tuple[str, str]] = set()
        self._final = self._ended = False

    def say(self, status: str) -> None:
        """
        Say this of the service, not of the server as a whole, from now on.

        The status is one of the protocol's names. The ledger has it, with the name under which each client watches.
        """
        if not self._final:
            self._set({self._service: Reply.ServingStatus.Value(status)})
        self._ledger.event("health", status=status, watched=sorted(self._watched.elements()))

    def end(self) -> None:
        """Say NOT_SERVING of everything for good."""
        self._set(dict.fromkeys(self._statuses, Reply.NOT_SERVING))
        self._final = True

    def end_watches(self) -> None:
        """End each Watch: one that goes on keeps a connection open that has no calls any more."""
        self._ended = True
        self._set({})

    async def Check(self, request: Request, context: Context) -> Reply:  # noqa: N802, the name in health.proto
        """Answer with the present status. The ledger has the first one of each connection."""
        key = (context.peer(), request.service)
        if key not in self._checked:
            self._asked("Check", request.service, context)
        self._checked.add(key)
        await asyncio.sleep(self._delay)
        if request.service not in self._statuses:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r}")
        return Reply(status=self._statuses[request.service])

    async def Watch(self, request: Request, context: Any) -> None:  # noqa: ANN401, N802, its types know no writing
        """Answer with the present status, and with each that is another one, until the client has enough."""
        self._asked("Watch", request.service, context)
        await asyncio.sleep(self._delay)
        told: Any = None
        with self._watching(request.service):
            while not self._ended:
                changed = self._changed
                status = self._statuses.get(request.service, Reply.SERVICE_UNKNOWN)
                if status != told:
                    await context.write(Reply(status=status))
                    told = status
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

    def _asked(self, by: str, service: str, context: Context) -> None:
        self._ledger.event("health_asked", by=by, service=service, peer=peer_of(endpoint(context.peer())))
