"""The rules for customers whose orders do not stay on one replica, or who move without need."""

import json
from collections.abc import Iterable, Sequence

import pytest

from tests.behaviours.affinity import causes as affinity
from tests.harness.causes.case import Case, Sureness
from tests.unit.helpers.story import Story, in_turn, suspects

RING = "ring_hash_experimental"
CUSTOMERS = [f"c{number}" for number in range(9)]
BY_CHANCE = ["a", "b", "b", "c", "a", "a", "c", "b", "a", "a", "c", "c", "a", "b", "a", "c", "b", "b"]


def configured(policy: str = RING, **variables: str) -> Story:
    """Return a gateway that was configured with this policy."""
    config = json.dumps({"loadBalancingConfig": [{policy: {"requestHashHeader": "x-customer"}}]})
    return Story(gateway_variables={"GRPC_SERVICE_CONFIG": config, **variables})


def orders(story: Story, at: float, placed: Iterable[tuple[str, str]]) -> Story:
    """Place an order for each customer, served by the replica next to the name."""
    for number, (customer, replica) in enumerate(placed):
        story.call(at + number / 100, replica, customer=customer)
    return story


def pairs(served: Sequence[str], policy: str = RING) -> Case:
    """Return two orders of each customer, served so."""
    return orders(configured(policy), 1.1, zip([name for name in CUSTOMERS for _ in "12"], served, strict=False)).case()


def test_orders_in_turn_are_not_on_a_ring() -> None:
    """Whose they are makes no difference."""
    finding = affinity.scattered_customers(pairs(in_turn(18)))

    assert suspects(finding) == ("not_ring_hash",)
    assert finding is not None
    assert finding.seen == "9 of 9 customers reached several replicas; 18 calls were spread 6/6/6, in turn"


def test_orders_by_chance_have_no_key() -> None:
    """Each of them got a separate hash."""
    finding = affinity.scattered_customers(pairs(BY_CHANCE))

    assert suspects(finding) == ("no_hash_key",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY


@pytest.mark.parametrize(
    "case",
    [
        pairs([name for name in in_turn(9) for _ in "12"]),
        pairs(in_turn(8)),
        pairs(in_turn(18), policy="round_robin"),
        configured().calls(1.1, *in_turn(18)).case(),
        orders(configured().verb(1.1, "kill", "a"), 1.2, zip(CUSTOMERS * 2, BY_CHANCE, strict=True)).case(),
    ],
    ids=["at home", "few calls", "not asked for", "no one's orders", "after a loss"],
)
def test_orders_that_are_not_scattered(case: Case) -> None:
    """They meet one replica each, or need not."""
    assert affinity.scattered_customers(case) is None


def test_connections_that_nobody_needed() -> None:
    """The orders of one customer go to a, and b and c are connected as well."""
    story = orders(configured(), 1.1, [("ann", "a")] * 3)
    for name in "abc":
        story.connected(1.05, name, f"p{name}")
    finding = affinity.eager(story.case())

    assert suspects(finding) == ("not_ring_hash",)
    assert finding is not None
    assert finding.seen == "3 calls of one customer opened connections to 3 replicas"


def test_connections_that_somebody_needed() -> None:
    """One for one customer; with several customers no one can say."""
    one = orders(configured(), 1.1, [("ann", "a")] * 3).connected(1.05, "a", "pa")
    two = orders(configured(), 1.1, [("ann", "a"), ("bob", "b")]).connected(1.05, "a", "pa").connected(1.05, "c", "pc")

    assert affinity.eager(one.case()) is None
    assert affinity.eager(two.case()) is None


def after_a_loss(homes: Sequence[str]) -> Case:
    """Return nine customers at home in turn with a, b and c; then a is lost, and they are at home as given."""
    story = orders(configured(), 1.1, zip(CUSTOMERS, in_turn(9), strict=True)).verb(1.5, "kill", "a")
    return orders(story, 1.6, zip(CUSTOMERS, homes, strict=True)).case()


def test_customers_of_other_replicas_who_move() -> None:
    """The hash counts replicas."""
    finding = affinity.rehashed(after_a_loss(["b", "c"] * 4 + ["b"]))

    assert suspects(finding) == ("rehashed",)
    assert finding is not None
    assert finding.seen == "when a was lost, 4 of 6 customers of the other replicas moved"


@pytest.mark.parametrize(
    "homes", [["b", "b", "c"] * 3, ["c", "b", "c"] * 3, ["b", "b", "c"] * 2 + ["b", "c", "c"]], ids=["b", "c", "one"]
)
def test_customers_of_the_lost_replica_alone_move(homes: list[str]) -> None:
    """To any replica; a single other customer may have been served elsewhere while a was lost."""
    assert affinity.rehashed(after_a_loss(homes)) is None


def test_calls_without_a_key_that_all_meet_one_replica() -> None:
    """Something else is hashed than a random number."""
    finding = affinity.one_key(configured().calls(1.1, *"a" * 12).case())

    assert suspects(finding) == ("one_hash_key",)
    assert finding is not None
    assert finding.seen == "12 of 12 calls without a key went to a"


@pytest.mark.parametrize(
    "case",
    [
        configured().calls(1.1, *"a" * 11).case(),
        configured().calls(1.1, *"a" * 12, "b").case(),
        configured(HASH_HEADER="x-customer").calls(1.1, *"a" * 12).case(),
        configured("pick_first").calls(1.1, *"a" * 12).case(),
        orders(configured(), 1.1, [("ann", "a")] * 12).case(),
    ],
    ids=["few calls", "two replicas", "they have a key", "not asked for", "somebody's orders"],
)
def test_calls_that_need_not_be_spread(case: Case) -> None:
    """Or are."""
    assert affinity.one_key(case) is None


AT_HOME = [replica for replica in ["a", "b", "c"] * 3 for _ in "12"]


def test_customers_who_are_all_at_home_elsewhere_are_on_another_ring() -> None:
    """It runs where each has one replica, and it is not the one that is due."""
    finding = affinity.different_ring(pairs(AT_HOME))

    assert suspects(finding) == ("different_hash_ring",)
    assert finding is not None
    assert (
        finding.seen
        == "each of 9 customers reached one replica, 3 of 3 in total, but not the ones that the ring assigns to them"
    )


def test_customers_who_are_not_at_home_are_on_no_ring() -> None:
    """Nor do a few calls, or another policy, say anything of a ring."""
    assert affinity.different_ring(pairs(in_turn(18))) is None
    assert affinity.different_ring(pairs(AT_HOME[:10])) is None
    assert affinity.different_ring(pairs(AT_HOME, policy="round_robin")) is None
