"""Drivers: a line in, a line out, and an end to every call no matter what they print."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest

from tests.harness.world.driver import LONGEST_LINE, READY, Driver, driver_of
from tests.harness.world.exchange import NoAnswerError
from tests.harness.world.orders import Orders
from tests.harness.world.placing import Line
from tests.harness.world.verdict import InconclusiveError, SubjectUnusableError

SOON = 5.0
PATIENCE = 0.3

Program = Callable[[IO[str], Callable[[str], object]], object]
"""A driver: takes its standard input, and what prints a line."""


class Running:
    """Runs programs as drivers, each in a thread with its own ends of the pipes."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "out"
        self._threads: list[threading.Thread] = []
        self._drivers: list[Driver] = []

    def start(self, program: Program) -> Driver:
        """Run a program."""
        driver = Driver(self.output)
        given, printed = (os.dup(descriptor) for descriptor in driver.theirs)

        def run() -> None:
            with os.fdopen(given) as lines, os.fdopen(printed, "wb", buffering=0) as out:
                program(lines, lambda text: out.write(text.encode()))

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()
        driver.started()
        self._drivers.append(driver)
        return driver

    def end(self) -> None:
        """End all of them, as their input ends."""
        for driver in self._drivers:
            driver.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Run programs."""
    every = Running(tmp_path)
    yield every
    every.end()


def answer(line: str, **members: object) -> str:
    """Return the answer to a line."""
    return json.dumps({"call": json.loads(line)["call"], "code": "OK", **members}) + "\n"


def echo(lines: IO[str], write: Callable[[str], object]) -> None:
    """Answer each line at once, with what it was given."""
    write(READY + "\n")
    for line in lines:
        write("a word\n" + answer(line, given=json.loads(line)))


def test_each_call_has_a_line_and_an_answer(running: Running) -> None:
    """What is printed in addition is kept."""
    driver = running.start(echo)

    assert driver.ready.wait(SOON)
    assert driver.call({"id": "o1-1"}, SOON)["given"] == {"call": 1, "id": "o1-1"}
    assert driver.call({"id": "o1-2"}, SOON)["call"] == 2
    assert running.output.read_text() == "a word\na word\n"


def test_answers_may_come_in_any_order(running: Running) -> None:
    """Calls are under way at the same time."""

    def last_first(lines: IO[str], write: Callable[[str], object]) -> None:
        for line in reversed([next(lines) for _ in range(3)]):
            write(answer(line))

    driver = running.start(last_first)
    with ThreadPoolExecutor(3) as pool:
        numbers = {said["call"] for said in pool.map(lambda _: driver.call({}, SOON), range(3))}

    assert numbers == {1, 2, 3}


def silent(lines: IO[str], _write: Callable[[str], object]) -> None:
    """Read, and answer nothing."""
    for _ in lines:
        pass


def late(lines: IO[str], write: Callable[[str], object]) -> None:
    """Answer the first call once the second one is there."""
    first = next(lines)
    write(answer(next(lines)) + answer(first))


def test_a_call_without_an_answer_ends(running: Running) -> None:
    """With its deadline; an answer that comes later is ignored."""
    with pytest.raises(TimeoutError):
        running.start(silent).call({}, PATIENCE)
    driver = running.start(late)
    with pytest.raises(TimeoutError):
        driver.call({}, PATIENCE)

    assert driver.call({}, SOON)["call"] == 2


def test_a_driver_that_does_not_read_holds_no_one(running: Running) -> None:
    """Not even once its pipe is full."""
    stop = threading.Event()
    driver = running.start(lambda _lines, _write: stop.wait(30))
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(lambda _: _ends_of(driver, {"id": "x" * 3000}, PATIENCE), range(40)))
    stop.set()

    assert set(ends) == {"TimeoutError"}
    assert time.monotonic() - began < 8.0


def _ends_of(driver: Driver, request: dict[str, Any], seconds: float) -> str:
    try:
        driver.call(request, seconds)
    except (TimeoutError, NoAnswerError) as error:
        return type(error).__name__
    return "answered"


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ('{"call": 1, "code": "OK"}\n{"call": 1, "code": "OK"}\n', "the driver answered call 1, a second time"),
        ('{"call": 77, "code": "OK"}\n', "the driver answered call 77, which it was not given"),
        ('{"call": true, "code": "OK"}\n', "the driver answered call true, which it was not given"),
        ('{"call": "1", "code": "OK"}\n', 'the driver answered call "1", which it was not given'),
        ("x" * (LONGEST_LINE + 200_000), f"the driver printed more than {LONGEST_LINE} bytes in one line"),
    ],
    ids=["twice", "unknown", "true", "text", "long"],
)
def test_a_driver_that_breaks_the_rules_cannot_be_judged(running: Running, printed: str, told: str) -> None:
    """Each of them is one line, for every later call too."""

    def wrong(lines: IO[str], write: Callable[[str], object]) -> None:
        next(lines)
        write(printed)
        silent(lines, write)

    driver = running.start(wrong)
    for _ in range(2):
        with pytest.raises(SubjectUnusableError) as raised:
            _call_until_it_fails(driver)
        assert str(raised.value) == told


def _call_until_it_fails(driver: Driver) -> None:
    while True:  # the first call may have its answer before a second one is seen
        driver.call({}, SOON)


def test_a_driver_that_is_gone_answers_nothing(running: Running) -> None:
    """What was under way ends at once, and so does what comes later."""
    driver = running.start(lambda lines, _: next(lines))
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(NoAnswerError, match="has closed its standard"):
            driver.call({}, 30.0)

    assert time.monotonic() - began < 10.0


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ({"code": "OK", "ms": 4}, "OK", "driver: 4 ms"),
        ({"code": 0}, "OK", "driver: None ms"),
        ({"code": "UNAVAILABLE", "message": "gone"}, "UNAVAILABLE", "driver: code = UNAVAILABLE: gone"),
        ({"code": 14}, "UNAVAILABLE", "driver: code = UNAVAILABLE: "),
        ({"code": "Unavailable"}, "UNAVAILABLE", "driver: code = UNAVAILABLE: "),
        ({"code": False}, None, 'driver: no code in {"call": 1, "code": false}: '),
        ({"code": []}, None, 'driver: no code in {"call": 1, "code": []}: '),
        ({"code": {}}, None, 'driver: no code in {"call": 1, "code": {}}: '),
        ({"code": None}, None, 'driver: no code in {"call": 1, "code": null}: '),
    ],
)
def test_an_answer_tells_the_code(running: Running, said: dict[str, object], code: str | None, told: str) -> None:
    """By name or number; a call has its promised deadline, and all that can be passed on."""
    seen: list[dict[str, object]] = []

    def tells(lines: IO[str], write: Callable[[str], object]) -> None:
        for line in lines:
            seen.append(json.loads(line))
            write(answer(line, **said))

    driver = running.start(tells)
    placing = Line(lambda _: None, lambda _: "a", lambda: driver, 1.5)
    reply = Orders(str, lambda _: [], SOON, placing=placing).one()

    assert (reply.code, reply.message) == (code, told)
    assert reply.served_by == ("a" if code == "OK" else None)
    assert reply.status is not None
    assert seen[0].keys() == {"call", "id", "number", "uuid", "traceparent", "deadline"}
    assert (seen[0]["id"], seen[0]["deadline"]) == (reply.id, 1.5)


def test_only_a_driver_is_spoken_to() -> None:
    """Anything else cannot be judged."""
    with pytest.raises(InconclusiveError):
        driver_of(object())
