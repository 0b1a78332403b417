"""Who is at home where, and how many customers it takes to meet every replica."""

from collections import Counter
from math import exp, lgamma, log, log1p

import pytest

from tests.harness.judges.affinity import (
    CUSTOMERS,
    FEWEST,
    UNKEYED_CALLS,
    _place,
    customer_of,
    customers,
    homes,
    homes_in,
    moved,
    ring_homes,
    scattered,
)
from tests.harness.world.ledger import Attempt
from tests.harness.world.reply import Block, Reply

HOMES = homes([("ann.o-1", "a"), ("ann.o-2~OK", "a"), ("bob.o-3", "b"), ("cat.o-4", "c")])


@pytest.mark.parametrize(
    ("order_id", "customer"), [("ann.o-1", "ann"), ("ann.o-1~OK@a.b", "ann"), ("o-1", ""), ("o-1~OK@a.b", "")]
)
def test_an_order_says_whose_it_is(order_id: str, customer: str) -> None:
    """Before the first dot of what is no plan."""
    assert customer_of(order_id) == customer


def test_a_customer_is_at_home_where_the_ledgers_say() -> None:
    """By attempts, and where nobody served an order that is a home too: no replica's."""
    replies = [Reply(f"ann.o-{number}", 0.0, 0.1, 200, "OK", "made up") for number in (1, 2, 3)]
    attempts = [Attempt(f"ann.o-{number}", "a", "", None, "p", None, "OK", 0.0) for number in (1, 2)]

    assert homes_in(Block(tuple(replies), tuple(attempts))) == {"ann": {"a", None}}


def test_customers_who_met_several_replicas() -> None:
    """They are named."""
    assert scattered(HOMES) == []
    assert scattered(homes([("ann.o-1", "a"), ("bob.o-2", "a"), ("ann.o-3", "b")])) == ["ann"]


def test_customers_who_moved_without_need() -> None:
    """Whoever was not at home with the lost replica stays; a customer who is not served any more has moved as well."""
    after = {"ann": frozenset("c"), "bob": frozenset("b"), "cat": frozenset("b")}

    assert moved(HOMES, after, lost="a") == ["cat"]
    assert moved(HOMES, {**after, "cat": frozenset("c")}, lost="a") == []
    assert moved(HOMES, {"bob": frozenset("b")}, lost="a") == ["cat"]


@pytest.mark.parametrize("replicas", [2, 3, 5, 12])
def test_enough_customers_to_meet_every_replica(replicas: int) -> None:
    """
    All miss one of the replicas with a probability of less than one in 100,000.

    Of a ring with 1024 entries at random places, the part of one of N replicas is a sum of 1024/N arcs; m customers
    miss it with a probability below the mean of exp(-m · part), which is (1 + m/1024)^(-1024/N).
    """
    count = len(set(customers(range(replicas))))

    assert count == CUSTOMERS * replicas
    assert replicas * (1 + count / 1024) ** (-1024 / replicas) < 1e-5


@pytest.mark.parametrize("replicas", [2, 3, 5, 12])
def test_random_hashes_give_every_replica_some_calls(replicas: int) -> None:
    """
    One of the replicas has fewer than the fewest with a probability of less than one in 100,000.

    Of m calls a replica gets about a Poisson number with the mean m · part; with the part of a ring as above, the
    number is negative binomial.
    """
    shape, mean = 1024 / replicas, UNKEYED_CALLS
    chance = mean / (mean + shape)
    fewer = sum(
        exp(lgamma(count + shape) - lgamma(shape) - lgamma(count + 1) + shape * log1p(-chance) + count * log(chance))
        for count in range(FEWEST)
    )

    assert replicas * fewer < 1e-5


ADDRESSES = {f"replica-{number}": f"127.0.0.{number}:5000" for number in range(2, 5)}


def test_a_ring_has_a_home_for_each_key() -> None:
    """The share of each address is near a third of the keys, in whatever order the addresses come."""
    keys = [f"key-{number}" for number in range(3000)]
    before = ring_homes(keys, ADDRESSES)
    shares = Counter(name for (name,) in before.values())

    assert ring_homes(keys, dict(reversed(ADDRESSES.items()))) == before
    assert set(shares) == set(ADDRESSES)
    assert all(700 < count < 1300 for count in shares.values())


def test_the_hash_of_a_ring_is_xxh64() -> None:
    """Its value for the empty text and seed 0 stands in the specification of xxHash."""
    assert _place("") == 0xEF46DB3751D8E999
