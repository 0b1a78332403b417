"""Subjects that call by themselves: their calls are what arrives."""

import itertools
import time
from collections import Counter

import pytest

from tests.harness.judges.recovery import recovery, turn_faults
from tests.harness.subject.promises import Promises
from tests.harness.world import arrivals as module
from tests.harness.world.arrivals import SLOWEST, Arrivals
from tests.harness.world.ledger import Attempt
from tests.harness.world.reply import ARRIVED, Block, Reply
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectUnusableError

NAMES = ["a", "b", "c"]


class Program:
    """A program that has called so many times a second since it was created, one replica after the other."""

    def __init__(self, rate: float, over: str = "abc", code: str | None = "OK") -> None:
        self._rate, self._over, self._code = rate, over, code
        self._began = time.monotonic()
        self.kept: list[Reply] = []
        self.dead = False

    def attempts(self, since: float) -> list[Attempt]:
        """Return what has arrived since then, latest first."""
        found = []
        for number, replica in enumerate(itertools.cycle(self._over)):
            at = self._began + number / self._rate if self._rate else float("inf")
            if at > time.monotonic():
                break
            if at >= since:
                found.append(Attempt(f"{replica}-{number}", replica, "/a.B/C", None, "p", None, self._code, at))
        return found[::-1]

    def check(self) -> None:
        """Raise if it is dead."""
        if self.dead:
            raise SubjectDiedError("exited with status 0")

    def arrivals(self, patience: float = 1.0) -> Arrivals:
        """Return its calls."""
        return Arrivals(self.attempts, self.attempts, patience, check_alive=self.check, keep=self.kept.append)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment for a first call."""
    monkeypatch.setattr(module, "START", 0.2)


def test_a_block_is_so_many_calls_in_a_row() -> None:
    """In the order of their arrival; each is kept once."""
    program = Program(500)
    block = program.arrivals().place(30)

    assert block.tally.counts == {"a": 10, "b": 10, "c": 10}
    assert [reply.sent for reply in block.replies] == sorted(reply.sent for reply in block.replies)
    assert block.arrived
    assert max(Counter(reply.id for reply in program.kept).values()) == 1


def test_one_call_follows_the_other() -> None:
    """None is returned twice, and none is left out."""
    arrivals = Program(200).arrivals()
    ids = [int(arrivals.one().id.partition("-")[2]) for _ in range(12)]

    assert ids == list(range(ids[0], ids[0] + 12))


def test_a_load_is_what_arrives_while_it_lasts() -> None:
    """Shares even out in it as in any load."""
    with Program(200).arrivals().load() as load:
        measured = recovery(load, since=load.started, over=NAMES, within=2.0)
    block = load.block()

    assert str(measured).endswith("calls arrived; even after 0.00 s")
    assert len(block.replies) == len(load.answered) >= 12
    assert not turn_faults(block, NAMES, Promises())


def test_a_share_that_is_not_even_is_seen() -> None:
    """Of one replica, or of one that gets none."""
    for over in ("a", "ab", "aaab"):
        assert turn_faults(Program(900, over).arrivals().place(120), NAMES, Promises())
    with Program(900, "ab").arrivals().load() as load, pytest.raises(AssertionError, match="not even"):
        recovery(load, since=load.started, over=NAMES, within=0.1)


def test_calls_under_way_may_overtake_each_other() -> None:
    """As many as a program may have under way; those that were ordered may not."""
    ordered = Reply("1", 0, 1, 200, "OK", "a")
    arrived = Reply("1", 0, 0, 0, "OK", "a", ARRIVED)

    assert Block((ordered,), ()).blurred(3) == 0
    assert Block((), ()).blurred(3) == 0
    assert Block((arrived,), ()).blurred(3) == 12


def test_a_program_that_calls_too_little_cannot_be_judged() -> None:
    """Not at all, or not often enough."""
    with pytest.raises(SubjectUnusableError, match="the program called no replica"):
        Program(0).arrivals().first()
    with pytest.raises(SubjectUnusableError, match=f"at least {SLOWEST:.0f} a second are needed"):
        Program(1).arrivals().check_rate()
    assert Program(0).arrivals().one().status is None
    with pytest.raises(InconclusiveError, match="it must continue to call"):
        Program(1).arrivals().place(3)


def test_a_program_that_has_ended_is_dead() -> None:
    """Whatever was waited for."""
    program = Program(1)
    program.dead = True

    with pytest.raises(SubjectDiedError):
        program.arrivals().place(3)


def test_a_program_has_no_plan() -> None:
    """Nobody could give it one."""
    for ordering in (Program(100).arrivals().place, Program(100).arrivals().load):
        with pytest.raises(InconclusiveError, match="cannot be given a plan"):
            ordering(plan="UNAVAILABLE")
