"""The verbs of a replica, in whatever environment: recorded, and counted once they were seen."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.harness.world import replica as module
from tests.harness.world.containers import restart_services
from tests.harness.world.ledger import FENCE, Ledger
from tests.harness.world.ledgers import HealthQuery, Ledgers
from tests.harness.world.replica import DrivenReplica, ReplicaOfInstances, report_all_serving
from tests.harness.world.timeline import Timeline, Verb
from tests.harness.world.verdict import InconclusiveError


class World:
    """Records verbs."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.asked: list[tuple[str, str, object]] = []
        self.replica_variables = {"WORLD": "0"}
        self.records_stay = False

    @contextlib.contextmanager
    def disturb(self, verb: str, on: str, **members: object) -> Iterator[Verb]:
        """Record one."""
        self.asked.append((verb, on, members.get("status")))
        with self.timeline.verb(verb, on, **members) as asked:
            yield asked


class Told(DrivenReplica):
    """A replica that writes what it is told into its ledger, unless it is deaf; its driver can do anything at once."""

    address = "here"
    running = False

    def __init__(self, path: Path, *, deaf: bool = False) -> None:
        self.name = "a"
        self.ledger = Ledger(path)
        self.placed: list[str] = []
        self.world = self._environment = World()
        self._deaf = deaf
        self.done: list[object] = []

    def do_stop(self) -> float:
        """Do it."""
        self.done.append("stopped")
        return 1.0

    do_kill = do_pause = do_resume = do_stop

    def do_start(self, variables: Mapping[str, str], *, moved: bool) -> float:
        """Note with what."""
        self.done.append((dict(variables), moved))
        return 2.0

    def place(self, order_id: str) -> None:
        """Take an order."""
        self.placed.append(order_id)
        if not self._deaf:
            line = {"event": "health", "replica": "a", "status": order_id.rpartition("=")[2], "monotonic": 1.0}
            with self.ledger.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def test_what_it_is_told_is_seen_in_its_ledger(tmp_path: Path) -> None:
    """It gets an order that is no evidence, the verb is recorded, and its ledger has what it says."""
    replica = Told(tmp_path / "a.out")
    replica.say_health("NOT_SERVING")
    (order,) = replica.placed

    assert order.startswith(FENCE)
    assert order.endswith("~OK:health=NOT_SERVING")
    assert replica.reported_health == "NOT_SERVING"
    assert replica.world.asked == [("say health", "a", "NOT_SERVING")]


def test_what_is_not_seen_to_be_said_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that does not write it down has not said it as far as anybody knows."""
    monkeypatch.setattr(module, "PATIENCE", 0.1)

    with pytest.raises(InconclusiveError, match="a reports NOT_SERVING"):
        Told(tmp_path / "a.out", deaf=True).say_health("NOT_SERVING")


def test_all_are_made_to_say_serving_again(tmp_path: Path) -> None:
    """Those that say so already are left alone."""
    ill, well = Told(tmp_path / "a.out"), Told(tmp_path / "b.out")
    ill.say_health("UNKNOWN")
    report_all_serving([ill, well])

    assert ill.reported_health == "SERVING"
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

    ledgers = Ledgers(lambda: [SimpleNamespace(name="a", ledger=Ledger(file))], list, lambda: None)

    assert ledgers.health_queries(since=1.5) == [
        HealthQuery(2.0, "a", "new", "Watch", "s"),
        HealthQuery(3.0, "a", "late", "Watch", "s"),
    ]


def test_each_verb_is_recorded_with_when_it_was_seen(tmp_path: Path) -> None:
    """Whatever the driver: the verb, the replica, and the moment that the driver returned."""
    replica = Told(tmp_path / "a.out")

    assert [replica.stop(), replica.kill(), replica.pause(), replica.resume()] == [1.0] * 4
    assert replica.start(moved=True, LOAD="1") == 2.0
    assert [verb for verb, *_ in replica.world.asked] == ["stop", "kill", "pause", "resume", "start"]
    assert replica.done[-1] == ({"WORLD": "0", "LOAD": "1"}, True)


def test_a_replica_that_runs_is_not_started_again(tmp_path: Path) -> None:
    """It would be two."""
    replica = Told(tmp_path / "a.out")
    replica.running = True

    with pytest.raises(InconclusiveError, match="a cannot be started: it is already running"):
        replica.start()
    assert replica.done == []


class Contained(ReplicaOfInstances[str]):
    """A replica in containers that are words, with a supervisor that does at once what it hears, and records it."""

    address = ""
    do_pause = do_resume = place = lambda *_: 0.0  # type: ignore[assignment]  # unused

    def __init__(self, path: Path, *, records_stay: bool) -> None:
        self.name, self.variables = "a", {"WORLD": "0"}
        self.ledger = Ledger(path)
        world = World()
        world.records_stay = records_stay
        self._environment = world
        self.done: list[str] = []

    @property
    def running(self) -> bool:
        """Unless its service is down."""
        return not self._down

    def do_stop_instance(self) -> float:
        """Note it."""
        self.done.append("container ended")
        return 1.0

    do_kill_instance = do_stop_instance

    def do_start_instance(self, variables: Mapping[str, str], *, moved: bool) -> float:
        """Note it."""
        self.done.append(f"new container with {sorted(variables)}{' elsewhere' if moved else ''}")
        return 2.0

    def signal_supervisor(self, signal: str) -> None:
        """Record what a supervisor would."""
        self.done.append(signal)
        event = {"event": "serving" if signal == "SIGHUP" else "ended", "monotonic": 0.0}
        with self.ledger.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


def test_a_replica_keeps_its_name_when_it_parts_from_its_container(tmp_path: Path) -> None:
    """What was never started has none, and what was left is the caller's."""
    replica = Contained(tmp_path / "a", records_stay=False)
    with pytest.raises(InconclusiveError, match="a was never started"):
        replica.instance  # noqa: B018, reading it is what raises
    replica._instance = "container"

    assert replica.instance == replica.detach_instance() == "container"
    assert replica.detach_instance() is None


def test_a_service_ends_in_a_container_that_lives_on_where_records_stay(tmp_path: Path) -> None:
    """Its supervisor hears of it, and the container is left alone; elsewhere the container ends."""
    replica = Contained(tmp_path / "a", records_stay=True)
    for end in (replica.kill, replica.stop):
        end()
        assert not replica.running
        replica.start()
        assert replica.running
    assert replica.done == ["SIGUSR1", "SIGHUP", "SIGUSR2", "SIGHUP"]

    other = Contained(tmp_path / "b", records_stay=False)
    other.kill()
    other.stop()
    assert other.done == ["container ended"] * 2


def test_a_service_that_moves_gets_a_new_container(tmp_path: Path) -> None:
    """A living container keeps its address, so one that moves is replaced."""
    replica = Contained(tmp_path / "a", records_stay=True)
    replica.kill()
    replica.start(moved=True)

    assert replica.done == ["SIGUSR1", "new container with ['WORLD'] elsewhere"]


def test_a_service_in_a_living_container_keeps_its_variables(tmp_path: Path) -> None:
    """Other variables need another container, and so another address: that is not what was asked for."""
    replica = Contained(tmp_path / "a", records_stay=True)
    replica.kill()
    with pytest.raises(InconclusiveError, match="a cannot have other variables in a container that lives on"):
        replica.start(HEALTH_DELAY_MS="1")


def test_all_services_restart_in_containers_that_live_on(tmp_path: Path) -> None:
    """Those that run are killed, and all are started."""
    replicas = [Contained(tmp_path / name, records_stay=True) for name in "ab"]
    replicas[0].kill()
    restart_services(replicas, {"WORLD": "0"})

    assert [replica.done for replica in replicas] == [["SIGUSR1", "SIGHUP"]] * 2
