"""
A replica that says how it is, and serves whatever it says: told by an order straight to it, in every environment.

What it says and who watches it stands in its ledger (services/order/health.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tests.harness.world.eventually import reached
from tests.harness.world.fence import PATIENCE, next_fence
from tests.harness.world.ledger import Ledger
from tests.harness.world.timeline import Verb

SERVING = "SERVING"
SAID, ASKED = "health", "health_asked"
"""What a ledger calls a change of what the replica says, and a client that asks for it."""


class World(Protocol):
    """What is needed of the environment."""

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway has seen harm."""


@dataclass(frozen=True)
class HealthQuestion:
    """
    One client's question for the health of a replica: by "Watch", or the first "Check" of its connection.

    `monotonic` is when it arrived, `service` the name that it asked for, `peer` its connection as attempts have it.
    """

    monotonic: float
    replica: str
    peer: str
    by: str
    service: str


class SaysHealth(ABC):
    """The part of a replica that says how it is; `said` is what it says by now."""

    name: str
    ledger: Ledger
    said: str = SERVING
    _world: World

    @abstractmethod
    def place(self, order_id: str) -> None:
        """Place an order straight at it, and return when that is answered."""

    def say_health(self, status: str) -> float:
        """
        Have it say this status of its order service from now on to whoever watches; it serves as before.

        Returns when its ledger had it. Raises InconclusiveError if that is not seen.
        """
        with self._world.disturb("say health", self.name, status=status) as asked:
            before = self._times_said()
            self.place(f"{next_fence()}~OK:health={status}")
            self.said = status
            what = f"{self.name} says {status}"
            return asked.confirmed(reached(lambda: self._times_said() > before, within=PATIENCE, what=what))

    def _times_said(self) -> int:
        return sum(event["event"] == SAID for event in self.ledger.events())


def all_serving(replicas: Iterable[SaysHealth]) -> None:
    """Have those that say anything else say SERVING."""
    for each in replicas:
        if each.said != SERVING:
            each.say_health(SERVING)


class HasLedger(Protocol):
    """Whoever has a ledger."""

    @property
    def ledger(self) -> Ledger:
        """What it saw."""


class Witnessed(Protocol):
    """An environment with ledgers."""

    @property
    def known(self) -> Sequence[HasLedger]:
        """Whoever has a ledger."""

    def fence(self) -> None:
        """Read every ledger up to now."""


class HearsQuestions:
    """The part of an environment that hears what replicas are asked."""

    def health_questions(self: Witnessed, since: float) -> list[HealthQuestion]:
        """Return who asked the replicas for their health since a monotonic time, oldest first."""
        self.fence()
        names = ("monotonic", "replica", "peer", "by", "service")
        found = [
            HealthQuestion(**{name: event[name] for name in names})
            for replica in self.known
            for event in replica.ledger.events()
            if event["event"] == ASKED and event["monotonic"] >= since
        ]
        return sorted(found, key=lambda each: each.monotonic)
