"""ring_hash sends all orders of a customer to one replica, and moves no more customers than it has to."""

import pytest

from tests.behaviours.affinity import causes
from tests.behaviours.affinity.mutants import (
    KEYED,
    MODULO_HASH,
    ONE_KEY,
    OTHER_HEADER,
    OTHER_RING,
    ROTATES_CUSTOMERS,
    UNKEYED,
)
from tests.harness.behaviour import (
    Environment,
    Measured,
    Orders,
    Replica,
    consistently,
    explained_by,
    records_stay,
    rotation_faults,
)
from tests.harness.judges.affinity import FEWEST, UNKEYED_CALLS, customers, homes_in, moved, ring_homes, scattered

pytestmark = [pytest.mark.extended, pytest.mark.feature("ring-hash"), pytest.mark.settles_when_served]

SEEN = 0.3
"""Seconds for which connections are observed: on one machine a policy that dials all replicas has done so by then."""


@pytest.mark.claims("RH-01", source="gRFC A42, A76")
@pytest.mark.catches(ROTATES_CUSTOMERS, OTHER_HEADER)
@explained_by(causes.scattered_customers)
@pytest.mark.gateway(**KEYED)
def test_all_orders_of_a_customer_go_to_one_replica(orders: Orders, names: list[str], measured: Measured) -> None:
    """All orders of a customer go to the same replica, and the customers together use every replica."""
    found = homes_in(orders.place_for([name for name in customers(names) for _ in range(2)]))
    used = set().union(*found.values())
    measured(
        f"{len(scattered(found))} of {len(found)} customers used several replicas, {len(used)} replicas were used",
        bound=f"no customer used several; all {len(names)} replicas used",
    )

    assert not scattered(found)
    assert used == set(names)


@pytest.mark.claims("RH-03", source="gRFC A42, Picker Behavior")
@pytest.mark.catches(MODULO_HASH)
@explained_by(causes.rehashed, causes.scattered_customers)
@pytest.mark.gateway(**KEYED)
@records_stay  # a removed address makes a different ring
def test_only_customers_of_a_lost_replica_move(
    orders: Orders, struck: Replica, names: list[str], measured: Measured
) -> None:
    """When a replica is lost its customers move to others, and every other customer stays on the same replica."""
    everyone = customers(names)
    before = homes_in(orders.place_for(everyone))
    lost = struck.name
    struck.kill()
    orders.place_for(everyone)  # some calls may still use the connection as it breaks
    block = orders.place_for(everyone)
    moved_away = moved(before, homes_in(block), lost)
    others = sum(lost not in home for home in before.values())
    measured(
        f"{len(moved_away)} of {others} customers of other replicas moved, {len(block.failed)} calls failed",
        bound="none moved, none failed",
    )

    assert not block.failed
    assert not moved_away


@pytest.mark.claims("RH-04", source="gRFC A76, Request Hash Key")
@pytest.mark.catches(ONE_KEY)
@explained_by(causes.one_key)
@pytest.mark.gateway(**UNKEYED)
def test_calls_without_a_hash_key_are_spread_at_random(orders: Orders, names: list[str], measured: Measured) -> None:
    """A call without the hash header gets a random hash, so that every replica serves some of these calls."""
    block = orders.place(UNKEYED_CALLS * len(names))
    measured(f"{len(block.replies)} calls {block.tally}", bound=f"at least {FEWEST} each, in no fixed order")

    assert not block.failed
    assert min(block.tally.counts.get(name, 0) for name in names) >= FEWEST
    assert rotation_faults(block.served, names)


@pytest.mark.claims("RH-05", source="gRFC A42, ring_hash connects when a pick needs it")
@pytest.mark.catches(ROTATES_CUSTOMERS)
@explained_by(causes.eager)
@pytest.mark.gateway(**KEYED)
def test_ring_hash_connects_to_a_replica_only_on_demand(
    orders: Orders, environment: Environment, names: list[str], measured: Measured
) -> None:
    """The orders of one customer open one connection; a replica without orders is not connected."""
    environment.fresh_gateway()
    for look in consistently(during=SEEN, what="one connection is open"):
        with look:
            orders.place_for(["ann"])
            opened = environment.connections()
            measured(f"open connections {opened}", bound="one for the customer, and no others")
            assert sum(opened.values()) == 1
    orders.place_for(customers(names))

    assert environment.connections() == dict.fromkeys(names, 1)


@pytest.mark.claims("RH-02", source="gRFC A42, ring_hash LB policy; gRPC C-core ring_hash.cc, Ring")
@pytest.mark.catches(OTHER_RING)
@explained_by(causes.scattered_customers, causes.different_ring)
@pytest.mark.gateway(**KEYED)
def test_every_gateway_maps_a_customer_to_the_same_replica(
    orders: Orders, replicas: list[Replica], names: list[str], measured: Measured
) -> None:
    """Every gateway builds the same ring, so that a customer reaches the same replica through any of them."""
    everyone = customers(names)
    expected = ring_homes(everyone, {replica.name: replica.address for replica in replicas})
    found = homes_in(orders.place_for(everyone))
    elsewhere = [name for name in everyone if found[name] != expected[name]]
    measured(f"{len(elsewhere)} of {len(everyone)} customers on another replica", bound="none")

    assert not elsewhere
