"""ring_hash sends all orders of one customer to one replica, and moves no more of them than it must."""

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
"""Seconds for which connections are looked at: on one machine a policy that dials all of them has done so by then."""


@pytest.mark.claims("RH-01", source="gRFC A42, A76")
@pytest.mark.catches(ROTATES_CUSTOMERS, OTHER_HEADER)
@explained_by(causes.scattered_customers)
@pytest.mark.gateway(**KEYED)
def test_the_orders_of_one_customer_meet_one_replica(orders: Orders, names: list[str], measured: Measured) -> None:
    """Each customer has one replica for all orders, and all customers together have all replicas."""
    found = homes_in(orders.place_for([name for name in customers(names) for _ in range(2)]))
    used = set().union(*found.values())
    measured(
        f"{len(scattered(found))} of {len(found)} customers met several replicas, {len(used)} replicas were met",
        bound=f"none met several, all {len(names)} were met",
    )

    assert not scattered(found)
    assert used == set(names)


@pytest.mark.claims("RH-03", source="gRFC A42, Picker Behavior")
@pytest.mark.catches(MODULO_HASH)
@explained_by(causes.rehashed, causes.scattered_customers)
@pytest.mark.gateway(**KEYED)
@records_stay  # a name that is gone makes another ring
def test_only_customers_of_a_lost_replica_move(
    orders: Orders, replicas: list[Replica], names: list[str], measured: Measured
) -> None:
    """When a replica is lost its customers go to others, and every other customer stays with the same replica."""
    everyone = customers(names)
    before = homes_in(orders.place_for(everyone))
    lost = replicas[0].name
    replicas[0].kill()
    orders.place_for(everyone)  # they may still meet the connection as it breaks
    block = orders.place_for(everyone)
    gone = moved(before, homes_in(block), lost)
    others = sum(lost not in home for home in before.values())
    measured(f"{len(gone)} of {others} customers of others moved, failed {len(block.failed)}", bound="none, none")

    assert not block.failed
    assert not gone


@pytest.mark.claims("RH-04", source="gRFC A76, Request Hash Key")
@pytest.mark.catches(ONE_KEY)
@explained_by(causes.one_key)
@pytest.mark.gateway(**UNKEYED)
def test_calls_without_a_key_are_spread_at_random(orders: Orders, names: list[str], measured: Measured) -> None:
    """Calls that do not carry the header get a random hash each, so that every replica has some of them."""
    block = orders.place(UNKEYED_CALLS * len(names))
    measured(f"{len(block.replies)} calls {block.tally}", bound=f"at least {FEWEST} each, and not in turn")

    assert not block.failed
    assert min(block.tally.counts.get(name, 0) for name in names) >= FEWEST
    assert rotation_faults(block.served, names)


@pytest.mark.claims("RH-05", source="gRFC A42, ring_hash connects when a pick needs it")
@pytest.mark.catches(ROTATES_CUSTOMERS)
@explained_by(causes.eager)
@pytest.mark.gateway(**KEYED)
def test_a_replica_is_dialled_once_a_customer_needs_it(
    orders: Orders, environment: Environment, names: list[str], measured: Measured
) -> None:
    """The orders of one customer open one connection; a replica that no order was for is not connected."""
    environment.fresh_gateway()
    for look in consistently(during=SEEN, what="one connection is open"):
        with look:
            orders.place_for(["ann"])
            opened = environment.connections()
            measured(f"open {opened}", bound="one for the customer, and no other")
            assert sum(opened.values()) == 1
    orders.place_for(customers(names))

    assert environment.connections() == dict.fromkeys(names, 1)


@pytest.mark.claims("RH-02", source="gRFC A42, ring_hash LB policy; gRPC C-core ring_hash.cc, Ring")
@pytest.mark.catches(OTHER_RING)
@explained_by(causes.scattered_customers, causes.different_ring)
@pytest.mark.gateway(**KEYED)
def test_each_customer_meets_the_replica_that_the_ring_has_for_them(
    orders: Orders, replicas: list[Replica], names: list[str], measured: Measured
) -> None:
    """Every gateway has the same ring, so that a customer meets the same replica through any of them."""
    everyone = customers(names)
    due = ring_homes(everyone, {replica.name: replica.address for replica in replicas})
    found = homes_in(orders.place_for(everyone))
    elsewhere = [name for name in everyone if found[name] != due[name]]
    measured(f"{len(elsewhere)} of {len(everyone)} customers elsewhere", bound="none")

    assert not elsewhere
