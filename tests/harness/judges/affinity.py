"""Which replica each customer's orders went to, as a policy that hashes their names promises (gRFC A42, A76)."""

import bisect
import math
from collections.abc import Iterable, Mapping, Sequence

import xxhash

from tests.harness.world.reply import Block

CUSTOMERS = 16
"""
Customers for each replica: enough that every replica of a ring gets some.

The probability that none of them hashes to one of the replicas is less than 1e-5, for 3 replicas 5e-7
(tests/unit/harness/judges/test_affinity.py).
"""

UNKEYED_CALLS, FEWEST = 40, 10
"""
Calls without a key for each replica, and how many of them each replica must get at least.

By chance one gets fewer with a probability of less than 1e-5, for 3 replicas 4e-8; random calls go in turn with 1e-13
(its unit test computes both). What it misses: a hash that favours some replicas by less than a factor of four.
"""

RING = 1024
"""The least entries of a ring, unless the service config sets `minRingSize` (gRFC A42)."""

Homes = Mapping[str, frozenset[str | None]]


def customers(replicas: Sequence[object]) -> list[str]:
    """Return enough customer names for these replicas."""
    return [f"customer-{number}" for number in range(1, CUSTOMERS * len(replicas) + 1)]


def customer_of(order_id: str) -> str:
    """Return whose order it is: the part of its id before the first ".", "" if there is none."""
    name, dot, _ = order_id.partition("~")[0].partition(".")
    return name if dot else ""


def homes(served: Iterable[tuple[str, str | None]]) -> Homes:
    """Return for each customer all replicas that served their orders, from ids and who served them."""
    found: dict[str, frozenset[str | None]] = {}
    for order_id, replica in served:
        customer = customer_of(order_id)
        found[customer] = found.get(customer, frozenset()) | {replica}
    return found


def homes_in(block: Block) -> Homes:
    """Return the homes that a block shows; None stands for orders that no replica served."""
    return homes(zip((reply.id for reply in block.replies), block.served, strict=True))


def scattered(found: Homes) -> list[str]:
    """Return the customers whose orders went to more than one replica."""
    return sorted(name for name, replicas in found.items() if len(replicas) > 1)


def moved(before: Homes, after: Homes, lost: str) -> list[str]:
    """Return the customers whose home was not the lost replica and has changed nevertheless."""
    return sorted(name for name, replicas in before.items() if lost not in replicas and after.get(name) != replicas)


def ring_homes(keys: Iterable[str], addresses: Mapping[str, str]) -> Homes:
    """
    Return the replica that a ring of these addresses, "ip:port" by name, has for each key; all weigh the same.

    Each address has equally many entries, at XXH64 of "ip:port_0", "ip:port_1" and so on. A key belongs to the first
    entry at or after XXH64 of the key, and the last entry is followed by the first: gRFC A42, "ring_hash LB policy";
    gRPC C-core ring_hash.cc; grpc-go balancer/ringhash/ring.go.
    """
    entries = math.ceil(RING / len(addresses))
    ring = sorted(
        (_place(f"{address}_{number}"), name) for name, address in addresses.items() for number in range(entries)
    )
    places = [place for place, _ in ring]
    return {key: frozenset({ring[bisect.bisect_left(places, _place(key)) % len(ring)][1]}) for key in keys}


def _place(text: str) -> int:
    """Return the position of a text on the ring."""
    return int(xxhash.xxh64_intdigest(text.encode()))
