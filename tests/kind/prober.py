"""
What looks around inside the cluster: `kubectl exec -i prober -- python -c "…this file…"`.

One JSON request per line on standard input, one response per line on standard output:

    {"names": NAME}                   the addresses in each of several answers from the cluster's name server
    {"fences": {ADDRESS: ORDER_ID}}   an order straight to each of these order services; {} once all are answered
"""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from services.proto import order_pb2, order_pb2_grpc

LOOKS = 8
"""DNS queries to make: a cluster has several name servers, usually two, which do not change at the same moment."""

PATIENCE = 5.0
"""Seconds that a replica may take to answer."""


def names(name: str) -> list[list[str]]:
    """Return the addresses in each answer."""
    return [_addresses(name) for _ in range(LOOKS)]


def _addresses(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    return sorted({str(address[4][0]) for address in found})


def fences(orders: dict[str, str]) -> dict[str, float]:
    """Place an order at each address, in parallel."""
    with ThreadPoolExecutor(max(len(orders), 1)) as pool:
        list(pool.map(_fence, orders, orders.values()))
    return {}


def _fence(address: str, order_id: str) -> None:
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        # no matter what it answers, even a forced UNAVAILABLE, its ledger line is what counts
        call.future(order_pb2.GetOrderRequest(id=order_id), timeout=PATIENCE, wait_for_ready=True).exception()


def main() -> None:
    """Answer until standard input ends."""
    known: dict[str, Any] = {"names": names, "fences": fences}
    for line in sys.stdin:
        ((request, argument),) = json.loads(line).items()
        sys.stdout.write(json.dumps({"is": known[request](argument)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
