"""Where no call can be told apart, what arrives while the suite has calls made stands for them."""

import time

import pytest

from tests.harness.world.caused import CausedArrivals
from tests.harness.world.exchange import Answer, Request
from tests.harness.world.ledger import Attempt
from tests.harness.world.orders import Orders
from tests.harness.world.placing import Page
from tests.harness.world.reply import ARRIVED, Reply
from tests.harness.world.verdict import NotJudgedError, SubjectDiedError


class Subject:
    """A subject that calls two replicas in turn, twice for each order, and tells nothing of that."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.dead = status, False
        self.arrived: list[Attempt] = []
        self.kept: list[Reply] = []

    def caller(self) -> "Subject":
        """Return what places orders."""
        return self

    def request(self, _gateway: str, order_id: str) -> Request:
        """Return the request for an order."""
        return Page().request("http://g", order_id)

    def reply(self, order_id: str, sent: float, received: float, answer: Answer) -> Reply:
        """Return what an answer means."""
        return Reply(order_id, sent, received, answer.status, "OK" if answer.status == 200 else "UNAVAILABLE")

    def exchange(self, _request: Request, _seconds: float) -> Answer:
        """Call both replicas."""
        if self.dead:
            raise TimeoutError
        for replica in "ab":
            number = len(self.arrived)
            self.arrived.append(
                Attempt(f"{replica}-{number}", replica, "/a.B/C", None, "p", 1.0, "OK", time.monotonic())
            )
        return Answer(self.status, b"")

    def close(self) -> None:
        """Do nothing."""

    def check(self) -> None:
        """Raise if it is dead."""
        if self.dead:
            raise SubjectDiedError("exited with status 1")

    def attempts(self, since: float) -> list[Attempt]:
        """Return what has arrived since then."""
        return [attempt for attempt in self.arrived if attempt.arrived >= since]

    def arrivals(self) -> CausedArrivals:
        """Return what stands for orders."""
        orders = Orders(
            lambda: "http://g", self.attempts, 1.0, check_alive=self.check, keep=self.kept.append, placing=self
        )
        return CausedArrivals(orders, self.attempts, self.attempts, set())


def test_a_block_is_what_arrived() -> None:
    """Each attempt once, as if it were an order; the orders themselves are not evidence."""
    subject = Subject()
    block = subject.arrivals().place(6, callers=3)

    assert len(block.replies) == len(block.attempts) == 12
    assert dict(block.tally.counts) == {"a": 6, "b": 6}
    assert {reply.message for reply in subject.kept} == {ARRIVED}
    assert len(subject.kept) == 12
    assert block.arrived


def test_a_load_is_what_arrives_while_it_lasts() -> None:
    """It is the suite that has the calls made."""
    subject = Subject()
    with subject.arrivals().load(100.0, limit=5) as load:
        load.done.wait()
    subject.exchange(Request("GET", ""), 1.0)

    assert len(load.replies) == len(load.block().attempts) == 10
    assert load.rate == 100.0


def test_one_order_returns_what_arrived_of_it() -> None:
    """Or why none did."""
    assert Subject().arrivals().one().served_by == "a"
    assert Subject(503).arrivals().one().code == "UNAVAILABLE"


def test_a_plan_is_no_verdict() -> None:
    """It would hit any of the calls."""
    arrivals = Subject().arrivals()
    for place in (arrivals.place, arrivals.load):
        with pytest.raises(NotJudgedError, match="no fault can be planned"):
            place(plan="ABORTED")
    with pytest.raises(NotJudgedError):
        arrivals.one("ABORTED")


def test_a_load_of_a_dead_subject_tells_so() -> None:
    """As any load does."""
    subject = Subject()
    subject.dead = True
    load = subject.arrivals().load(100.0, limit=2)
    with load:
        load.done.wait()
    with pytest.raises(SubjectDiedError):
        load.look()
