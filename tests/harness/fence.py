"""The fence: an order straight to a replica, behind which its ledger is known to be read whole."""

import time

import grpc

from services.proto import order_pb2, order_pb2_grpc
from tests.harness.eventually import reached
from tests.harness.ledger import FENCE, Ledger

PATIENCE = 5.0
"""Seconds that a replica may take to write a fence down."""


def place_fence(ledger: Ledger, address: str, name: str) -> None:
    """
    Read the ledger up to an order that is placed now, straight to the replica at this address.

    Raises InconclusiveError if the order does not show up.
    """
    order_id = f"{FENCE}{time.monotonic_ns()}"
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        # whatever it answers, a forced UNAVAILABLE included, its ledger line is what counts
        call.future(order_pb2.GetOrderRequest(id=order_id), timeout=PATIENCE, wait_for_ready=True).exception()
    reached(lambda: ledger.has(order_id), within=PATIENCE, what=f"a fence stands in {name}'s ledger")
