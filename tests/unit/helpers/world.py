"""
A plugin in the place of the drivers, for runs of a small suite: a made-up environment without any process.

It is right for the reference gateway and wrong for every mutant, and leaves the evidence that a mutant leaves.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.harness.evidence import recording
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant
from tests.harness.world.gateway import Seat
from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import SubjectDiedError


class NoPulse:
    """In the place of what tells how late this machine is: of a made-up world that says nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        """Tell nothing."""

    def stop(self) -> None:
        """Have nothing to stop."""


DIED = "gateway exited with status 70; last output: out of cheese"


class Dead:
    """A gateway that has exited by itself; a behaviour puts it into the world."""

    running = False
    pid = None
    url = ""

    def __init__(self, words: str = DIED) -> None:
        self._words = words

    def check(self) -> None:
        """Tell how it exited."""
        raise SubjectDiedError(self._words)

    def end(self) -> None:
        """Have nothing to end."""


class World:
    """Right for the reference gateway, and wrong for every mutant."""

    name = "loopback"
    evidence = ""
    number = 0
    replicas: Sequence[object] = ()
    unseen: frozenset[str] = frozenset()
    correlation = "request bytes"
    budgets = Budgets(Promises(), 0.6)
    late = ""
    """How a gateway exits once a behaviour has ended; the world finds out before the next one, or at the end."""

    subject: Subject

    def __init__(self) -> None:
        self.seat = Seat(lambda: self.timeline)

    def begin(self) -> None:
        """Begin a record."""
        self.timeline = Timeline()

    def become(self, variant: Variant) -> None:
        """Take what is to be judged."""
        self.subject = variant.subject

    def restore(self, variables: Mapping[str, str]) -> None:
        """Take what the gateway is started with, and replace one that has exited."""
        self.replace_gateway()
        self.variables = variables

    def replace_gateway(self) -> None:
        """Have none, and tell of one that exited late."""
        if self.late:
            self.seat.gateway = Dead(self.late)
        self.late = ""
        self.seat.last()

    def complete_timeline(self) -> None:
        """Leave what a mutant leaves: calls on one replica, replies that name another, another code that is retried."""
        self.timeline.record("completed")
        name = "" if self.evidence == "none" else self.subject.name
        self.timeline.record("listed", replicas=["a", "b", "c"])
        self.timeline.record("published", addresses=["1", "2", "3"])
        self.timeline.record("dns query", name="x", kind="A", rcode="NOERROR", answer=["1", "2", "3"])
        if name in {"lying", "pick_first"}:
            for replica in "aaaaa" if name == "pick_first" else "abcab":
                self.call(replica, "OK")
        elif name.startswith("retries_"):
            self.call("ab", "ABORTED")

    def call(self, replicas: str, code: str) -> None:
        """Record a call, and an attempt at each of these replicas."""
        self.number += 1
        reply = {"served_by": "a", "code": code, "status": 200 if code == "OK" else 503, "message": "", "caller": 1}
        now = self.timeline.began + self.number
        self.timeline.record("order", now, id=f"o-{self.number}", sent=now, received=now + 0.1, **reply)
        for before, replica in enumerate(replicas):
            attempt = {"replica": replica, "code": code, "peer": replica, "previous_attempts": before or None}
            self.timeline.record("replica attempt", now, id=f"o-{self.number}", deadline_left=1.0, **attempt)

    def orders(self) -> Any:  # noqa: ANN401, what a small behaviour asks of it
        """Return the world itself."""
        return self

    @property
    def right(self) -> bool:
        """Whether the subject is right."""
        return "command" in self.subject.name or self.subject.name in {"reference gateway", "outside"}


@pytest.fixture(scope="session")
def loopback() -> Iterator[World]:
    """Return the made-up environment."""
    world = World()
    yield world
    world.replace_gateway()


def pytest_configure() -> None:
    """Judge as on a machine that has time."""
    setattr(recording, "Pulse", NoPulse)  # noqa: B010, a type checker would want another pulse
