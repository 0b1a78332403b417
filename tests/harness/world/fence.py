"""The fence: an order straight to a replica; once its ledger has it, everything before it has been read."""

import time

import grpc

from services.proto import order_pb2, order_pb2_grpc
from tests.harness.world.eventually import reached
from tests.harness.world.ledger import FENCE, Ledger

PATIENCE = 5.0
"""Seconds that a replica may take to log a fence."""


def next_fence() -> str:
    """Return a unique order id that does not count as evidence."""
    return f"{FENCE}{time.monotonic_ns()}"


def place_fence(ledger: Ledger, address: str, name: str) -> None:
    """
    Read the ledger up to an order that is placed now, straight to the replica at this address.

    Raises InconclusiveError if the order does not appear in it.
    """
    order_id = next_fence()
    place_straight(address, order_id)
    reached(lambda: ledger.has(order_id), within=PATIENCE, what=f"the fence is in {name}'s ledger")


def place_straight(address: str, order_id: str) -> None:
    """Place an order at the replica at this address; its ledger line is what counts, not its answer."""
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        call.future(order_pb2.GetOrderRequest(id=order_id), timeout=PATIENCE, wait_for_ready=True).exception()
