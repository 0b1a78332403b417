"""Direct calls: the suite's own, straight to the replicas, for what a call takes without a gateway."""

import time
from collections.abc import Sequence
from typing import Protocol

import grpc

from services.proto import order_pb2, order_pb2_grpc
from tests.harness.world.fence import PATIENCE, next_fence
from tests.harness.world.replica import DrivenReplica
from tests.harness.world.verdict import InconclusiveError


class ReachableEnvironment(Protocol):
    """What direct calls need from their environment: replicas at addresses that this machine reaches."""

    @property
    def replicas(self) -> Sequence[DrivenReplica]:
        """The replicas that the name server lists."""


class DirectCalls:
    """Calls to the replicas themselves (see `tests.harness.world.capabilities.Direct`); no ledger counts them."""

    def __init__(self, environment: ReachableEnvironment) -> None:
        self._environment = environment

    def seconds(self, count: int) -> list[float]:
        """
        Call each replica so many times, one call after the other; return how long each call took.

        The first call to a replica, which waits for the connection, is not among them. Raises InconclusiveError if one
        fails.
        """
        return [took for replica in self._environment.replicas for took in _calls(replica.straight, count)]

    def clean(self) -> None:
        """Nothing to do: their connections are closed."""

    def keep_evidence(self) -> None:
        """Nothing to do: their times are the result of the operation."""


def _calls(address: str, count: int) -> list[float]:
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        took = []
        try:
            for _ in range(count + 1):
                began = time.monotonic()
                call(order_pb2.GetOrderRequest(id=next_fence()), timeout=PATIENCE, wait_for_ready=True)
                took.append(time.monotonic() - began)
        except grpc.RpcError as error:
            raise InconclusiveError(f"a direct call to {address} failed: {error.code()}") from None
    return took[1:]
