"""The fence: an order straight to a replica; once its ledger has it, everything before it has been read."""

import time

import grpc

from services.proto import order_pb2, order_pb2_grpc
from tests.harness.world.eventually import reached
from tests.harness.world.ledger import FENCE, Ledger
from tests.harness.world.verdict import InconclusiveError

LEDGER_FAILURE = "ledger-failure"
"""The trailer in which a replica tells why its ledger can no longer be written (services/order/attempts.py)."""

PATIENCE = 5.0
"""Seconds that a replica may take to log a fence."""


def next_fence() -> str:
    """Return a unique order id that does not count as evidence."""
    return f"{FENCE}{time.monotonic_ns()}"


def place_fence(ledger: Ledger, address: str, name: str) -> None:
    """
    Read the ledger up to an order that is placed now, straight to the replica at this address.

    Raises InconclusiveError if the order does not appear in it, as when the disk is full.
    """
    order_id = next_fence()
    if failure := place_straight(address, order_id):
        ledger.failure = failure
        raise InconclusiveError(f"the ledger of {name} cannot be written: {failure}")
    reached(lambda: ledger.has(order_id), within=PATIENCE, what=f"the fence is in {name}'s ledger")


def place_straight(address: str, order_id: str) -> str:
    """
    Place an order at the replica at this address; its ledger line is what counts, not its answer.

    Returns why the ledger can no longer be written, according to the replica; "" if it can be.
    """
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        placed = call.future(order_pb2.GetOrderRequest(id=order_id), timeout=PATIENCE, wait_for_ready=True)
        placed.exception()
        return str(dict(placed.trailing_metadata() or ()).get(LEDGER_FAILURE, ""))
