"""
What is made of a history is linear in its events: twice as many take twice as long.

A gateway that reconnects at each call, or never stops retrying, leaves tens of thousands of them.
"""

import functools
import inspect
import json
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.harness.causes.busy import too_busy
from tests.harness.causes.case import Case, Finding
from tests.harness.causes.rules import Rule
from tests.harness.evidence.history import History
from tests.harness.evidence.playback import Tape
from tests.harness.report.html.evidence import evidence
from tests.harness.themes import modules
from tests.harness.world.ledger import Ledger
from tests.unit.helpers.growth import steps
from tests.unit.helpers.story import NAMES, Story

FEW, TWICE = 60, 120
LINEAR = 2.5
"""Times as many steps for twice as many events; what compares each with each other takes four times as many."""

NEGLIGIBLE = 3000
"""Steps: with fewer, what is done once counts too much."""

PICK_FIRST: dict[str, Any] = {
    "gateway_variables": {"GRPC_SERVICE_CONFIG": '{"loadBalancingConfig": [{"pick_first": {}}]}'}
}
OUTLIERS: dict[str, Any] = {
    "gateway_variables": {
        "GRPC_SERVICE_CONFIG": '{"loadBalancingConfig": [{"outlier_detection_experimental": {"interval": "0.2s"}}]}'
    }
}


def _reconnecting(count: int, *, names_ours: bool = True, restored: Mapping[str, Any] = MappingProxyType({})) -> Story:
    """Tell of calls each of which comes over a separate connection, and of a replica that is lost and returns."""
    story = (
        Story(names_ours=names_ours, **restored)
        .verb(1.05, "kill", "a")
        .verb(1.06, "start", "a")
        .event(1.06, "replica start", replica="a")
    )
    for number in range(count):
        at, name = 1.1 + number / 10, NAMES[number % 3]
        story.connected(at, name, f"p{number}", closed=at + 5).asked(at).call(at + 0.01, f"{name}:OK:p{number}")
    return story


def _in_turns(count: int) -> Story:
    """Tell of connections of one replica that are used in turn, and of calls among them that reach no replica."""
    story = Story(**PICK_FIRST)
    for number in range(count):
        at = 1.1 + number / 100
        story.connected(at, "a", f"p{number}").call(at, f"a:OK:p{number * 7 % count}", took=0.5)
        story.call(at, code="UNAVAILABLE", took=0.01 + 0.5 * (number % 2))
    return story


def _retrying(count: int) -> Story:
    """Tell of a call that never stops retrying, and of many that fail otherwise."""
    story = Story(**OUTLIERS).call(1.1, *(["a:UNAVAILABLE", "b:UNAVAILABLE"] * count), code="UNAVAILABLE", took=9.0)
    for number in range(count):
        story.call(1.2 + number / 10, "a:UNAVAILABLE", code="UNAVAILABLE", plan="UNAVAILABLE")
    return story


def _failing_names(count: int) -> Story:
    """Tell of queries that fail, of verbs without end, and of answers that differ each time."""
    story = Story()
    for number in range(count):
        at = 1.1 + number / 10
        story.asked(at, f"127.0.1.{number}").verb(at, "fail names", "name server", fault="SERVFAIL")
        story.event(at, "dialled", address=f"127.0.1.{number % 12}", then="close").call(at, code="UNAVAILABLE")
    return story


STORIES: dict[str, Callable[[int], Story]] = {
    "reconnecting": _reconnecting,
    "reconnecting with pick_first": lambda count: _reconnecting(count, restored=PICK_FIRST),
    "reconnecting without names": lambda count: _reconnecting(count, names_ours=False),
    "in turns": _in_turns,
    "retrying": _retrying,
    "failing names": _failing_names,
}
EVERY_STORY = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


def _rules() -> Iterator[Rule]:
    """Yield every rule of every theme."""
    for module in modules("causes"):
        for name, rule in inspect.getmembers(module, inspect.isfunction):
            hints = typing.get_type_hints(rule) if rule.__module__ == module.__name__ else {}
            if hints == {"case": Case, "return": Finding | None} and not name.startswith("_"):
                yield rule


def _grows(action: Callable[[int], object]) -> float:
    """Return how many times as many steps an action takes for twice as many events; 1 if they are few."""
    few, twice = (steps(functools.partial(action, count)) for count in (FEW, TWICE))
    return twice / few if twice > NEGLIGIBLE else 1.0


def _rule_grows(rule: Callable[[Case], object], story: Callable[[int], Story]) -> float:
    cases = {count: story(count).case() for count in (FEW, TWICE)}
    return _grows(lambda count: rule(cases[count]))


def _busy(case: Case) -> object:
    return too_busy(case)


@EVERY_STORY
def test_rules_are_linear_in_events(story: Callable[[int], Story]) -> None:
    """Each of them, from a history that nobody has looked at yet."""
    rules = [*_rules(), _busy]
    grown = {f"{rule.__module__}.{rule.__name__}": _rule_grows(rule, story) for rule in rules}

    assert len(rules) > 100
    assert {name: times for name, times in grown.items() if times > LINEAR} == {}


@EVERY_STORY
def test_a_history_and_its_page_are_linear_in_events(story: Callable[[int], Story]) -> None:
    """What rules and page read of it, and everything that the page shows."""
    given = {count: story(count).case().history for count in (FEW, TWICE)}
    shown = {count: story(count).case().history for count in (FEW, TWICE)}

    assert _grows(lambda count: (given[count].connections, given[count].verbs, given[count].calls)) <= LINEAR
    assert _grows(lambda count: evidence(shown[count], holds=False)) <= LINEAR


def _recording(count: int) -> Iterator[dict[str, Any]]:
    """Yield the record of a load that is looked at after each reply, with as many reads and blocks."""
    yield {"at": 0.0, "event": "began", "monotonic": 100.0, "slack": 0.6, "parts": True}
    order = {"sent": 0.0, "received": 0.0, "status": 200, "code": "OK", "served_by": "a", "message": "", "caller": 1}
    attempt = {"replica": "a", "method": "/x", "previous_attempts": None, "peer": "p", "deadline_left": None}
    for number in range(count):
        at, name = number / 10, f"o{number}"
        yield {"at": at, "event": "order", "id": name, **order, "sent": 100 + at}
        yield {"at": at, "event": "replica attempt", "id": name, "code": "OK", **attempt}
        yield {"at": at + 0.01, "event": "looked", "load": 100.0, "replies": [name]}
        yield {"at": at + 0.01, "event": "read", "on": "environment", "name": "replicas", "value": number}
        operation: dict[str, Any] = {"on": "orders", "name": "place", "arguments": {}, "result": None}
        yield {"at": at + 0.02, "event": "operation", "ended": 100.02 + at, **operation}


def test_a_replay_is_linear_in_events() -> None:
    """Of steps, looks, reads and blocks; each look also returns the replies, which are as many as were seen."""
    histories = {count: History.of(_recording(count)) for count in (FEW, TWICE)}

    def _play(count: int) -> None:
        tape = Tape(histories[count])
        for number in range(count):
            tape.read("environment", "replicas")
            tape.play("orders", "place", (), {})
            tape.block([f"o{number}"])
            tape.changed_after(tape.clock)
            tape.go_to(tape.clock)

    assert _grows(_play) <= LINEAR
    for count, history in histories.items():
        assert len(Tape(history).replies(100.0, ended=True)) == count


def test_blocks_are_linear_in_what_a_ledger_holds(tmp_path: Path) -> None:
    """A block reads its own attempts, not all that came before."""

    def _place(count: int) -> None:
        path = tmp_path / f"{count}.out"
        attempt = {"event": "attempt", "replica": "a", "method": "/x", "peer": "p", "code": "OK"}
        ledger = Ledger(path)
        with path.open("a", encoding="utf-8") as file:
            for number in range(count):
                more = {"id": f"o{number}", "monotonic": float(number), "previous_attempts": 0, "deadline_left": 1.0}
                file.write(json.dumps({**attempt, **more}) + "\n")
                file.flush()
                assert [found.id for found in ledger.attempts(float(number))] == [f"o{number}"]
                assert ledger.has(f"o{number}")

    assert _grows(_place) <= LINEAR
