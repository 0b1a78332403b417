"""How the attempts of a call are known, what replicas are told for it, and what is said where it cannot be judged."""

import itertools
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from services.order.plans import NOW, NUMBERS, TELLS
from tests.harness.subject.call import Call
from tests.harness.subject.promises import Promises
from tests.harness.subject.service import Answered, Service
from tests.harness.subject.subject import Subject
from tests.harness.world import correlation
from tests.harness.world.caused import CausedArrivals
from tests.harness.world.correlation import (
    OwnCalls,
    PlanTable,
    found_in,
    needs_telling,
    replica_variables_for,
    why_not_judged,
)
from tests.harness.world.exchange import Answer, Request
from tests.harness.world.ledger import FENCE
from tests.harness.world.order_ids import RUN
from tests.harness.world.orders import Orders
from tests.harness.world.reply import Reply
from tests.harness.world.serial import ARRIVALS, NONE, SERIAL
from tests.harness.world.verdict import NotJudgedError, SubjectUnusableError

if TYPE_CHECKING:
    from tests.harness.world.ledgers import Ledgers
    from tests.harness.world.placing import Placing

ANY = Subject("checkout", Path(), service=Service())
RESERVE = Subject("checkout", Path(), service=Service(Answered("inventory.v2.Inventory/Reserve")))


def attempt(order_id: str = "o1-1", method: str = "/a.B/C", **also: object) -> dict[str, Any]:
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
        self.plan = ""
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


def test_replicas_are_told_the_plan_of_a_call_that_carries_nothing() -> None:
    """When it changes, and after a restart."""
    up, frozen = _Replica(), _Replica(reachable=False)
    table = PlanTable(lambda: [up, frozen])
    for order_id in ("o1-1", "o1-2~ABORTED", "o1-3~ABORTED", "o1-4"):
        table.plan_now(order_id)

    told = [bytes.fromhex(order_id.partition(NOW)[2]) for order_id in up.placed]
    assert (told, frozen.placed) == ([b"ABORTED", b""], [])


class _Calls:
    """Orders of a subject that calls so often for each, in turn, and by itself if `polls`."""

    def __init__(self, *times: int, polls: bool = False) -> None:
        self.times, self.polls = itertools.cycle(times), polls
        self.ledger: list[dict[str, Any]] = []
        self.kept: list[Reply] = []

    def place(self) -> None:
        """Call, and tell nothing of whom it is for."""
        for _ in range(next(self.times)):
            self._call()

    def _call(self) -> None:
        """Call a replica."""
        seen = {"replica": "a", "monotonic": time.monotonic(), "previous_attempts": None, "method": "/a.B/C"}
        self.ledger.append(self.own.owners({"event": "attempt", "id": "", "carried": "", **seen}))

    def probed(self, monkeypatch: pytest.MonkeyPatch, **promises: Any) -> OwnCalls:  # noqa: ANN401, promises
        """Return how its calls are found to be known."""
        monkeypatch.setattr(correlation, "QUIET", 0.01)
        self.own = OwnCalls(cast("Ledgers", self), list, lambda: None)
        orders = Orders(lambda: "", lambda _: [], 1.0, keep=self.kept.append, placing=cast("Placing", _Places(self)))
        subject = Subject("checkout", Path(), service=Service(), promises=Promises(**promises))
        if self.polls:
            monkeypatch.setattr(time, "sleep", lambda _: self._call())
        self.own.probe(subject, orders, 1.0, lambda: "")
        return self.own

    def attempts(self, since: float) -> list[SimpleNamespace]:
        """Return what arrived since then."""
        return [SimpleNamespace(id=line["id"]) for line in self.ledger if line["monotonic"] >= since]

    attempts_so_far = attempts

    def calls(self, _since: float) -> list[dict[str, Any]]:
        """Return its lines."""
        return [{"event": "attempt", **line} for line in self.ledger]

    def fence(self) -> None:
        """There is nothing to read."""


class _Places:
    """Places orders at a subject without a network."""

    def __init__(self, calls: _Calls) -> None:
        self.calls = calls

    def caller(self) -> "_Places":
        """Return what places orders."""
        return self

    def request(self, _gateway: str, order_id: str) -> Request:
        """Return the request for an order."""
        return Request("GET", order_id)

    def exchange(self, _request: Request, _seconds: float) -> Answer:
        """Have it call."""
        self.calls.place()
        return Answer(200, b"")

    def reply(self, order_id: str, sent: float, received: float, _answer: Answer) -> Reply:
        """Return what an answer means."""
        return Reply(order_id, sent, received, 200, "OK")


@pytest.mark.parametrize(("times", "begins"), [((1,), 1), ((2,), 2)])
def test_calls_that_arrive_one_for_one_are_known_by_that(
    times: tuple[int, ...], begins: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each as often as any other; those that it was found by are evidence, and the one before them is not."""
    calls = _Calls(*times)
    own = calls.probed(monkeypatch)

    assert (own.found, own.taken_as, own.serial.begins) == (SERIAL, SERIAL, begins)
    assert len(calls.kept) == correlation.PROBES
    own.begin(by_arrivals=True)
    assert (own.taken_as, own.owners.mode) == (ARRIVALS, ARRIVALS)
    caused = own.ordered(Orders(lambda: "", lambda _: [], 1.0))
    assert (type(caused), own.begun(caused, 7.0)) == (CausedArrivals, 7.0)


@pytest.mark.parametrize(
    ("calls", "promises"),
    [
        (_Calls(1, 1, 2), {}),
        (_Calls(1, 1, 0), {}),
        (_Calls(1, polls=True), {}),
        (_Calls(1), {"retries": "application"}),
    ],
    ids=["not each alike", "not for each", "by itself", "with retries that are not numbered"],
)
def test_calls_that_do_not_arrive_one_for_one_are_not_known(
    calls: _Calls, promises: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose each of them is cannot be told then; shares are judged all the same."""
    own = calls.probed(monkeypatch, **promises)

    assert (own.found, own.taken_as, own.owners.mode, calls.kept) == (NONE, NONE, "", [])
    own.begin(by_arrivals=True)
    assert (own.taken_as, own.owners.mode) == (ARRIVALS, ARRIVALS)


def test_a_plan_ends_with_what_it_was_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls of whatever is judged next would be hit by it: by arrivals, or another subject."""
    own, told = _Calls(1).probed(monkeypatch), list[str]()
    monkeypatch.setattr(PlanTable, "plan_now", lambda _, order_id: told.append(order_id))
    placing = own.placing(Subject("checkout", Path(), service=Service()), 0.0)
    placing.request("http://g", "o1-1~ABORTED")
    own.begin(by_arrivals=True)
    placing.request("http://g", "o1-2")
    own.found = ""
    placing.request("http://g", "o1-3")

    assert told == ["o1-1~ABORTED", "", ""]


def test_serial_calls_bear_no_replica_that_reads_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen one would record a call while another one is under way."""
    own = _Calls(1).probed(monkeypatch)
    own.check_verb("kill")
    with pytest.raises(NotJudgedError, match="not a replica that reads its calls late"):
        own.check_verb("pause")
    assert own.may_harm(Reply("o", 0.0, 1.0, None, None))


def test_what_cannot_be_judged_is_said_with_its_reason() -> None:
    """Without correlation nothing can; with a key of the id no customer is known."""
    assert why_not_judged("request bytes", RESERVE, ["ring-hash"]) == ""
    assert "carry nothing of its requests" in why_not_judged(NONE, RESERVE, [])
    assert why_not_judged(NONE, RESERVE, [], by_arrivals=True) == why_not_judged(SERIAL, RESERVE, []) == ""
    for found in ("key in metadata traceparent", "number in request bytes", SERIAL):
        assert "names a customer" in why_not_judged(found, ANY, ["ring-hash"])
    assert "order.OrderService only" in why_not_judged("request bytes", RESERVE, ["client-health-checking"])
    assert needs_telling("key in request bytes")
    assert needs_telling("number in metadata x-id")
    assert not needs_telling("metadata x-id")
