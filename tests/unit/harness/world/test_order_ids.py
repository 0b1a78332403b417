"""The ids of orders, and the numbers that stand for them."""

import pytest

from services.order.numbers import BLOCK, FIRST, PLANNED, slot_of
from tests.harness.world import order_ids
from tests.harness.world.order_ids import RUN, OrderIds
from tests.harness.world.verdict import InconclusiveError


def test_no_id_and_no_number_comes_twice() -> None:
    """With a plan or without, for a customer or none."""
    ids = OrderIds()
    made = [ids.make(), ids.make("ABORTED"), ids.make("OK"), ids.make("ABORTED"), ids.make(customer="c1")]

    assert made[:2] == [f"{RUN}-1", f"{RUN}-2~ABORTED"]
    assert made[4] == f"c1.{RUN}-5"
    assert len({ids.number(order_id) for order_id in made}) == len(made)


def test_a_number_leads_back_to_its_id() -> None:
    """By what replicas learn of its slot."""
    ids = OrderIds()
    for order_id in (f"{RUN}-7~ABORTED", f"{RUN}-{BLOCK + 7}~ABORTED", f"{RUN}-8~OK:delay=5,OK"):
        slot, number = ids.slot(order_id), ids.number(order_id)
        assert slot is not None
        assert slot.number == slot_of(number)
        assert slot.order_id(RUN, number) == order_id

    assert ids.slot(f"{RUN}-7") is None
    assert ids.number(f"{RUN}-7") == FIRST + 7
    assert ids.number(f"{RUN}-8~ABORTED") == PLANNED + 8
    assert ids.number("fence-1") == FIRST


def test_too_many_plans_are_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number would stand for two calls."""
    monkeypatch.setattr(order_ids, "SLOTS", 1)
    ids = OrderIds()
    ids.number(f"{RUN}-7~ABORTED")

    with pytest.raises(InconclusiveError, match="of 1 fault plans"):
        ids.number(f"{RUN}-7~OK")
