"""Report folders as a run leaves them, made of synthetic results and timelines."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.harness.report.report_json import document
from tests.harness.report.result import Result
from tests.harness.subject.subject import Subject
from tests.harness.world.verdict import Verdict

Line = dict[str, Any]

REPLICAS = ("order-service-1", "order-service-2", "order-service-3")
RATE = 100.0
"""Calls per second of a synthetic load."""


def result(behaviour: str = "test_calls_go_round", **members: Any) -> Result:  # noqa: ANN401, a Result's members
    """Return a result that holds, with these members instead of its own."""
    environment, mutant = members.get("environment", "loopback"), members.get("mutant")
    name, _, parameter = behaviour.partition("[")
    run = "-".join(part for part in (environment, mutant, parameter.rstrip("]")) if part)
    file = members.get("file", "test_distribution.py")
    return Result(
        **{
            "id": f"tests/{file}::{name}[{run}]",
            "file": file,
            "behaviour": behaviour,
            "claim": f"{behaviour} is true.",
            "environment": "loopback",
            "mutant": None,
            "verdict": Verdict.CONFORMANT,
            "measured": "30 calls 10/10/10",
            "bound": "10 each",
            "message": "",
            "seconds": 1.25,
            "timeline": f"behaviours/{re.sub(r'[^A-Za-z0-9._-]+', '-', f'{name}-{run}')[:120]}/timeline.jsonl",
            **members,
        }
    )


def save(  # noqa: PLR0913, each test names what it is about
    folder: Path,
    results: Iterable[Result],
    lines: Iterable[Line] = (),
    *,
    name: str = "synthetic",
    not_judged: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
    about: Mapping[str, object] | None = None,
) -> Path:
    """
    Write a report folder in which each result has this timeline.

    `extra` are members that each result gets, `about` what there is to say of the subject besides its name.
    """
    every, kept = list(results), list(lines)
    for each in every:
        timeline = folder / each.timeline
        timeline.parent.mkdir(parents=True, exist_ok=True)
        timeline.write_text("".join(f"{json.dumps(line)}\n" for line in kept), encoding="utf-8")
    report = {
        **document(Subject(name=name, folder=folder), every, not_judged or {}),
        "exit_status": 0,
        "started": "2026-11-24T06:38:09+00:00",
        "seconds": 51.4,
    }
    for each in (*report["behaviours"], *report["negative_controls"]):
        each.update(extra or {})
    report["subject"].update(about or {})
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


def timeline(*parts: Iterable[Line]) -> list[Line]:
    """Return the lines of a timeline in order, with the environment ready after half a second."""
    ready = [*verb("restore", "loopback", 0.0, 0.5)]
    return sorted([*ready, *(line for part in parts for line in part)], key=lambda line: float(line["at"]))


def event(at: float, event: str, /, **members: Any) -> Line:  # noqa: ANN401, whatever an event has
    """Return one line."""
    return {"at": at, "time": 1795502309.0 + at, "event": event, **members}


def verb(name: str, on: str, asked: float, confirmed: float | None, **members: object) -> Iterator[Line]:
    """Yield what a verb leaves; it was never seen to take hold if `confirmed` is None."""
    yield event(asked, "asked", verb=name, on=on, **members)
    if confirmed is not None:
        yield event(confirmed, "confirmed", verb=name, on=on)


def call(  # noqa: PLR0913, one argument per fact
    at: float,
    order_id: str,
    *attempts: tuple[float, str, str | None],
    took: float = 0.004,
    code: str | None = "OK",
    message: str = "",
    served_by: str | None = None,
) -> Iterator[Line]:
    """Yield an order and its attempts, each of them seconds after it was sent, replica and code."""
    last = attempts[-1][1] if attempts and code == "OK" else None
    reply = {"status": 200 if code == "OK" else 503, "code": code, "served_by": served_by or last, "message": message}
    yield event(at, "order", id=order_id, sent=at, received=at + took, **reply)
    for number, (after, replica, answer) in enumerate(attempts):
        yield event(
            at + after,
            "replica attempt",
            replica=replica,
            id=order_id,
            method="/order.OrderService/GetOrder",
            previous_attempts=number or None,
            peer=f"ipv4:127.0.0.1:5{replica[-1:]}000",
            deadline_left=1.5 - after,
            code=answer,
        )


def load(since: float, count: int, over: Iterable[str] = REPLICAS) -> Iterator[Line]:
    """Yield calls in turn over these replicas."""
    names = list(over)
    for number in range(count):
        at = since + number / RATE
        yield from call(at, f"o{round(since * 1000)}-{number}", (0.001, names[number % len(names)], "OK"))


def _retried(since: float) -> Iterator[Line]:
    """Yield eight calls that a killed replica did not answer, and another one did."""
    attempts = (0.001, REPLICAS[0], None), (0.102, REPLICAS[1], "OK")
    for number in range(8):
        yield from call(since + number / 50, f"r{number}", *attempts, took=0.11)


def _failed(since: float) -> Iterator[Line]:
    """Yield six calls that failed UNAVAILABLE with each attempt, as their plan says."""
    plan = ((0.001, REPLICAS[1]), (0.1, REPLICAS[2]), (0.31, REPLICAS[1]))
    attempts = [(after, replica, "UNAVAILABLE") for after, replica in plan]
    message = 'HTTP 503: {"code": "UNAVAILABLE", "message": "planned by the order id"}'
    for number in range(6):
        order = f"f{number}~UNAVAILABLE"
        yield from call(since + number / 40, order, *attempts, took=0.32, code="UNAVAILABLE", message=message)


def outage(calls: int = 400) -> list[Line]:
    """Return a realistic timeline: a replica is killed under load, calls are retried and fail, it returns."""
    third = calls // 3
    killed, returned = 0.6 + third / RATE, 0.6 + 2 * third / RATE
    peers = {name: {"replica": name, "peer": f"ipv4:127.0.0.1:5{name[-1:]}000"} for name in REPLICAS}
    asked = {"name": "order-service", "protocol": "udp", "client": "127.0.0.1:43994"}
    return timeline(
        [event(0.3, "replica connection_opened", **peers[name]) for name in REPLICAS],
        [event(killed + 0.05, "replica connection_closed", **peers[REPLICAS[0]])],
        load(0.6, third),
        verb("kill", REPLICAS[0], killed, killed + 0.04),
        _retried(killed),
        _failed(killed),
        load(killed + 0.01, third, REPLICAS[1:]),
        verb("start", REPLICAS[0], returned - 0.4, returned),
        load(returned + 0.01, third),
        [
            event(0.2, "dns query", kind="A", answer=["127.0.0.2", "127.0.0.3"], rcode="NOERROR", **asked),
            event(killed + 0.1, "dns query", kind="AAAA", answer=[], rcode="NOERROR", **asked),
            event(killed + 0.2, "dns query", kind="A", answer=[], rcode="SERVFAIL", **asked),
        ],
        [event(killed + 0.1 * number, "gateway log", line=f"lost a connection, {number}") for number in range(4)],
    )
