"""A replica that is told what to say of its health, in whatever environment."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.harness.world import health
from tests.harness.world.health import HealthQuestion, HearsQuestions, SaysHealth, all_serving
from tests.harness.world.ledger import FENCE, Ledger
from tests.harness.world.timeline import Timeline, Verb
from tests.harness.world.verdict import InconclusiveError


class World:
    """Records verbs."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.asked: list[tuple[str, str, object]] = []

    @contextlib.contextmanager
    def disturb(self, verb: str, on: str, **members: object) -> Iterator[Verb]:
        """Record one."""
        self.asked.append((verb, on, members["status"]))
        with self.timeline.verb(verb, on, **members) as asked:
            yield asked


class Told(SaysHealth):
    """A replica that writes what it is told into its ledger, unless it is deaf."""

    def __init__(self, path: Path, *, deaf: bool = False) -> None:
        self.name = "a"
        self.ledger = Ledger(path)
        self.placed: list[str] = []
        self.world = self._world = World()
        self._deaf = deaf

    def place(self, order_id: str) -> None:
        """Take an order."""
        self.placed.append(order_id)
        if not self._deaf:
            line = {"event": "health", "replica": "a", "status": order_id.rpartition("=")[2], "monotonic": 1.0}
            with self.ledger.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


class Heard(HearsQuestions):
    """An environment of ledgers."""

    def __init__(self, known: list[SimpleNamespace]) -> None:
        self.known = known

    def fence(self) -> None:
        """Nothing has to be waited for."""


def test_what_it_is_told_is_seen_in_its_ledger(tmp_path: Path) -> None:
    """It gets an order that is no evidence, the verb is recorded, and its ledger has what it says."""
    replica = Told(tmp_path / "a.out")
    replica.say_health("NOT_SERVING")
    (order,) = replica.placed

    assert order.startswith(FENCE)
    assert order.endswith("~OK:health=NOT_SERVING")
    assert replica.said == "NOT_SERVING"
    assert replica.world.asked == [("say health", "a", "NOT_SERVING")]


def test_what_is_not_seen_to_be_said_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that does not write it down has not said it as far as anybody knows."""
    monkeypatch.setattr(health, "PATIENCE", 0.1)

    with pytest.raises(InconclusiveError, match="a says NOT_SERVING"):
        Told(tmp_path / "a.out", deaf=True).say_health("NOT_SERVING")


def test_all_are_made_to_say_serving_again(tmp_path: Path) -> None:
    """Those that say so already are left alone."""
    ill, well = Told(tmp_path / "a.out"), Told(tmp_path / "b.out")
    ill.say_health("UNKNOWN")
    all_serving([ill, well])

    assert ill.said == "SERVING"
    assert [order.rpartition("=")[2] for order in ill.placed] == ["UNKNOWN", "SERVING"]
    assert well.placed == []


def test_who_asked_since_a_moment(tmp_path: Path) -> None:
    """Questions of all ledgers, oldest first, those before the moment left out."""
    lines = [
        {"event": "health_asked", "replica": "a", "peer": peer, "by": "Watch", "service": "s", "monotonic": at}
        for peer, at in (("old", 1.0), ("late", 3.0), ("new", 2.0))
    ]
    file = tmp_path / "a.out"
    file.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"event": "exit", "monotonic": 4.0}]))

    heard = Heard([SimpleNamespace(ledger=Ledger(file))])

    assert heard.health_questions(since=1.5) == [
        HealthQuestion(2.0, "a", "new", "Watch", "s"),
        HealthQuestion(3.0, "a", "late", "Watch", "s"),
    ]
