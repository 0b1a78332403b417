"""Calls that are placed one at a time: what arrives meanwhile is theirs, and what else arrives is no verdict."""

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness.world.order_ids import RUN
from tests.harness.world.reply import Reply
from tests.harness.world.serial import ARRIVALS, SERIAL, Owners, Serial
from tests.harness.world.verdict import InconclusiveError, NotJudgedError


class Fence:
    """Counts how often the replicas were asked whether they have read all."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        """Ask them."""
        self.count += 1


def attempt(at: float, previous: int | None = None, **also: Any) -> dict[str, Any]:  # noqa: ANN401, JSON
    """Return an attempt that carries nothing, as a ledger has it."""
    return {"id": "", "replica": "a", "monotonic": at, "previous_attempts": previous, "carried": "", **also}


def placed(serial: Serial, order_id: str, code: str = "OK", *, raises: Exception | None = None) -> list[float]:
    """Place an order, and return times before, during and after it."""
    times = [time.monotonic()]

    def _place() -> Reply:
        time.sleep(0.001)
        times.append(time.monotonic())
        time.sleep(0.001)
        if raises:
            raise raises
        return Reply(order_id, times[0], time.monotonic(), 0, code)

    if raises:
        with pytest.raises(type(raises)):
            serial.place(order_id, _place)
    else:
        serial.place(order_id, _place)
    time.sleep(0.001)
    return [*times, time.monotonic()]


def test_what_arrives_while_a_call_is_under_way_is_its_own() -> None:
    """Even if it is read later, or the call was never answered; before and after it is none's."""
    serial = Serial(Fence())
    before, during, after = placed(serial, "o1-1")
    _, failing, _ = placed(serial, "o1-2", raises=TimeoutError())

    assert serial.owner(attempt(during)) == "o1-1"
    assert serial.owner(attempt(failing)) == "o1-2"
    assert [serial.owner(attempt(at)) for at in (before - 1, before, after)] == ["", "", ""]


def test_a_call_that_begins_again_belongs_to_none() -> None:
    """It may be one of the subject's own; retries are numbered, and stay with their call."""
    serial = Serial(Fence())
    _, during, _ = placed(serial, "o1-1")
    assert [serial.owner(attempt(during, previous)) for previous in (None, None, 1)] == ["o1-1"] * 3
    assert serial.begun(1) == {2}

    serial.begins = 1
    _, during, _ = placed(serial, "o1-2")
    owners = [serial.owner(attempt(during, previous)) for previous in (None, 1, 2, None, 0)]
    assert owners == ["o1-2", "o1-2", "o1-2", "", ""]


@pytest.mark.parametrize(("code", "abandons", "fences"), [("OK", False, 0), ("ABORTED", False, 1), ("OK", True, 1)])
def test_nothing_of_a_call_arrives_after_it(code: str, abandons: bool, fences: int) -> None:  # noqa: FBT001, a case
    """Where something may be on its way, every replica has read what came before the next call begins."""
    fence = Fence()
    serial = Serial(fence)
    serial.abandons = abandons
    placed(serial, "o1-1", code)

    assert fence.count == fences


def test_no_two_calls_are_under_way() -> None:
    """However many callers there are."""
    serial, under_way, most = Serial(Fence()), threading.Semaphore(1), []

    def _place() -> Reply:
        most.append(under_way.acquire(blocking=False))
        time.sleep(0.001)
        under_way.release()
        return Reply("o", 0.0, 0.1, 0, "OK")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: serial.place(f"o1-{number}", _place), range(24)))

    assert most == [True] * 24


def test_a_ledger_gets_the_ids_of_calls() -> None:
    """Not for fences, and not where an id is there; each arrival is a call where nothing tells them apart."""
    serial = Serial(Fence())
    owners = Owners(serial)
    _, during, _ = placed(serial, "o1-1")
    known = [attempt(during, carried="request bytes", id="o1-9"), attempt(during, id="fence-1")]
    known.append(attempt(during, id=f"{RUN}-3"))

    assert owners(attempt(during))["id"] == ""
    owners.mode = SERIAL
    assert (owners(attempt(during))["id"], owners(attempt(during))["carried"]) == ("o1-1", SERIAL)
    assert owners(attempt(during, id="any~OK"))["id"] == "o1-1"
    assert owners(attempt(math.inf))["id"] == ""
    assert [owners(each) for each in known] == known
    owners.mode = ARRIVALS
    assert [owners(attempt(during))["id"] for _ in range(2)] == ["a-1", "a-2"]


def test_what_cannot_be_attributed_is_no_verdict() -> None:
    """Neither what arrived at other times, nor what needs several calls."""
    Serial.check_none_left(0)
    with pytest.raises(InconclusiveError, match=r"^2 calls reached the replicas that no request of the suite accounts"):
        Serial.check_none_left(2)
    with pytest.raises(NotJudgedError, match="one at a time can be judged, and not a load"):
        Serial.check_alone("a load")
