"""How the attempts of a call are known, what replicas are told for it, and what is said where it cannot be judged."""

from pathlib import Path
from typing import Any

import pytest

from services.order.plans import NUMBERS, TELLS
from tests.harness.subject.call import Call
from tests.harness.subject.service import Answered, Service
from tests.harness.subject.subject import Subject
from tests.harness.world.correlation import (
    NONE,
    PlanTable,
    found_in,
    needs_telling,
    replica_variables_for,
    why_not_judged,
)
from tests.harness.world.ledger import FENCE
from tests.harness.world.order_ids import RUN
from tests.harness.world.verdict import SubjectUnusableError

ANY = Subject("checkout", Path(), service=Service())
RESERVE = Subject("checkout", Path(), service=Service(Answered("inventory.v2.Inventory/Reserve")))


def attempt(order_id: str = "o1-1", method: str = "/a.B/C", **also: str) -> dict[str, Any]:
    """Return an attempt in a ledger."""
    return {"event": "attempt", "id": order_id, "method": method, **also}


@pytest.mark.parametrize(
    ("attempts", "found"),
    [
        ([attempt(carried="request bytes")], "request bytes"),
        ([attempt(carried="key in metadata traceparent")], "key in metadata traceparent"),
        ([attempt("", carried="")], NONE),
        ([attempt("", carried=""), attempt(carried="metadata x-id")], "metadata x-id"),
        ([attempt()], "request bytes"),  # of the order service, whose ledger does not say
    ],
)
def test_it_is_where_the_id_was_found(attempts: list[dict[str, Any]], found: str) -> None:
    """By what the replicas' ledgers say of the probing call."""
    assert found_in(ANY, "o1-1", attempts) == found


def test_a_subject_that_calls_another_method_is_told_which() -> None:
    """With what to write."""
    other = {"event": "other_called", "method": "/users.v1.Users/Get"}
    with pytest.raises(SubjectUnusableError) as raised:
        found_in(RESERVE, "o1-1", [other])

    assert str(raised.value) == "the subject calls users.v1.Users/Get: name it as [service] method, or in a [[stub]]"


def test_a_subject_that_calls_no_more_than_stubs_is_told_so() -> None:
    """The judged method is another one, or the request is."""
    stub = {"event": "stub_called", "method": "/users.v1.Users/Get"}
    with pytest.raises(SubjectUnusableError, match=r"calls no more than users.v1.Users/Get, of a \[\[stub\]\]"):
        found_in(RESERVE, "o1-1", [stub])


def test_a_subject_that_calls_two_methods_is_told_to_name_one() -> None:
    """If none is named, which one is to be judged cannot be known; the same method twice is for behaviours to judge."""
    two = [attempt(), attempt(method="/a.B/D")]
    with pytest.raises(SubjectUnusableError, match=r"one request calls a.B/C and a.B/D: name the judged one"):
        found_in(ANY, "o1-1", two)

    assert found_in(ANY, "o1-1", [attempt(carried="request bytes")] * 2) == "request bytes"


class _Replica:
    def __init__(self, *, reachable: bool = True) -> None:
        self.plans: set[str] = set()
        self.reachable = reachable
        self.placed: list[str] = []

    def place(self, order_id: str) -> None:
        """Note it."""
        self.placed.append(order_id)


def test_replicas_are_told_each_plan_once() -> None:
    """Not those that cannot be reached now: they are told with the next call."""
    up, frozen = _Replica(), _Replica(reachable=False)
    table = PlanTable(lambda: [up, frozen])
    for order_id in ("o1-1", "o1-2~ABORTED", "o1-3~ABORTED"):
        table.tell(order_id)
    frozen.reachable = True
    table.tell("o1-4~ABORTED")

    assert (len(up.placed), len(frozen.placed)) == (1, 1)
    assert up.placed[0].startswith(FENCE)
    assert bytes.fromhex(up.placed[0].partition(TELLS)[2]) == b"ABORTED"


def test_replicas_are_told_what_a_number_stands_for() -> None:
    """Where one is sent; and beforehand from which run it is."""
    up = _Replica()
    PlanTable(lambda: [up]).tell(f"{RUN}-7~ABORTED", numbers=True)
    by_number = Subject("checkout", Path(), call=Call(path="/orders/{number}"))

    assert [TELLS in order_id for order_id in up.placed] == [True, False]
    assert bytes.fromhex(up.placed[1].partition(NUMBERS)[2]).endswith(b" 0 ABORTED")
    assert replica_variables_for(by_number)["NUMBERS_OF"] == RUN
    assert "NUMBERS_OF" not in replica_variables_for(RESERVE)


def test_what_cannot_be_judged_is_said_with_its_reason() -> None:
    """Without correlation nothing can; with a key of the id no customer is known."""
    assert why_not_judged("request bytes", RESERVE, ["ring-hash"]) == ""
    assert "carry nothing of its requests" in why_not_judged(NONE, RESERVE, [])
    assert "names no customer" in why_not_judged("key in metadata traceparent", ANY, ["ring-hash"])
    assert "order.OrderService only" in why_not_judged("request bytes", RESERVE, ["client-health-checking"])
    assert needs_telling("key in request bytes")
    assert needs_telling("number in metadata x-id")
    assert not needs_telling("metadata x-id")
