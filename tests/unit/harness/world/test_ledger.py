"""Reading a replica's ledger while it is written."""

import json
from pathlib import Path

import pytest

from tests.harness.world import ledger as module
from tests.harness.world.ledger import FENCE, Attempt, Ledger, connection_events
from tests.harness.world.verdict import InconclusiveError


def _line(order_id: str = "o1", monotonic: float = 1.0, **members: object) -> bytes:
    attempt = {
        "event": "attempt",
        "id": order_id,
        "replica": "order-service-1",
        "method": "/order.OrderService/GetOrder",
        "previous_attempts": 1,
        "peer": "127.0.0.1:40000",
        "deadline_left": 0.5,
        "code": "OK",
        "time": 1e9 + monotonic,
        "monotonic": monotonic,
        **members,
    }
    return json.dumps(attempt).encode() + b"\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the ledger will be written."""
    return tmp_path / "ledger.jsonl"


def _connection(event: str, peer: str, monotonic: float) -> bytes:
    return json.dumps({"event": event, "replica": "a", "peer": peer, "monotonic": monotonic}).encode() + b"\n"


def _append(file: Path, text: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(text)


def _ids(ledger: Ledger, since: float = 0.0) -> list[str]:
    return [attempt.id for attempt in ledger.attempts(since)]


def test_a_ledger_that_is_not_written_yet_is_empty(file: Path) -> None:
    """A replica that has not started has no events and no attempts."""
    ledger = Ledger(file)

    assert ledger.events() == []
    assert _ids(ledger) == []
    assert not ledger.has("o1")


def test_an_attempt_is_read_whole(file: Path) -> None:
    """Each member of a line is a member of the attempt; `arrived` is its monotonic time."""
    file.write_bytes(_line(monotonic=12.5))

    assert list(Ledger(file).attempts(0.0)) == [
        Attempt(
            id="o1",
            replica="order-service-1",
            method="/order.OrderService/GetOrder",
            previous_attempts=1,
            peer="127.0.0.1:40000",
            deadline_left=0.5,
            code="OK",
            arrived=12.5,
        )
    ]


def test_what_a_replica_does_not_know_is_none(file: Path) -> None:
    """An attempt without a retry header, a deadline or a code to send has None for each."""
    file.write_bytes(_line(previous_attempts=None, deadline_left=None, code=None))

    (attempt,) = Ledger(file).attempts(0.0)

    assert (attempt.previous_attempts, attempt.deadline_left, attempt.code) == (None, None, None)


def test_a_ledger_is_read_on_from_where_it_was_left(file: Path) -> None:
    """Lines that come later are added behind those read before, each once."""
    ledger = Ledger(file)
    read = []
    for number in range(1, 4):
        _append(file, _line(f"o{number}"))
        read.append(_ids(ledger))

    assert read == [["o1"], ["o1", "o2"], ["o1", "o2", "o3"]]
    assert len(ledger.events()) == 3


def test_a_line_that_is_half_written_waits_for_its_end(file: Path) -> None:
    """The start of a line is no event; the line is read once it is whole."""
    ledger, second = Ledger(file), _line("o2")
    _append(file, _line("o1") + second[:20])

    assert _ids(ledger) == ["o1"]

    _append(file, second[20:-1])

    assert _ids(ledger) == ["o1"]

    _append(file, second[-1:])

    assert _ids(ledger) == ["o1", "o2"]


def test_other_events_are_no_attempts(file: Path) -> None:
    """Starting and draining stand among the events and not among the attempts."""
    drain = json.dumps({"event": "drain", "replica": "order-service-1", "time": 1e9, "monotonic": 2.0}).encode()
    file.write_bytes(_line() + drain + b"\n")
    ledger = Ledger(file)

    assert [event["event"] for event in ledger.events()] == ["attempt", "drain"]
    assert _ids(ledger) == ["o1"]
    assert not ledger.has("drain")


def test_fences_are_no_evidence_but_can_be_found(file: Path) -> None:
    """The harness's own orders are left out of the attempts, and `has` tells whether one has arrived."""
    fence = f"{FENCE}7"
    ledger = Ledger(file)
    _append(file, _line("o1"))

    assert not ledger.has(fence)

    _append(file, _line(fence))

    assert ledger.has(fence)
    assert ledger.has("o1")
    assert _ids(ledger) == ["o1"]


def test_only_attempts_since_a_time_are_given(file: Path) -> None:
    """An attempt at exactly that time counts, an earlier one does not."""
    file.write_bytes(_line("early", 1.0) + _line("exact", 2.0) + _line("late", 3.0))

    assert _ids(Ledger(file), since=2.0) == ["exact", "late"]


@pytest.mark.parametrize(
    "line",
    [b"Listening on 5000\n", b"\n", b"[1, 2]\n", b'{"id": "o1"}\n', b'{"event": "x"}\n', b"null\n", b"\xff\xfe\n"],
    ids=["text", "empty", "list", "no event", "no time", "null", "no UTF-8"],
)
def test_a_line_that_is_no_ledger_entry_is_inconclusive(file: Path, line: bytes) -> None:
    """Something else that writes to the ledger is named with its line, and is never taken for the subject's doing."""
    file.write_bytes(_line() + line)

    with pytest.raises(InconclusiveError, match="holds a line that is not a ledger entry") as caught:
        Ledger(file).events()

    assert str(file) in str(caught.value)
    assert repr(line) in str(caught.value)


def test_what_is_forgotten_is_not_read_again(file: Path) -> None:
    """Earlier attempts are dropped with their ids; what comes later is read as before."""
    file.write_bytes(_line("early", 1.0) + _line("late", 3.0))
    ledger = Ledger(file)
    ledger.forget(2.0)

    assert _ids(ledger) == ["late"]
    assert not ledger.has("early")

    _append(file, _line("later", 4.0))

    assert _ids(ledger) == ["late", "later"]
    assert ledger.has("later")


def test_connections_that_are_open_are_not_forgotten(file: Path) -> None:
    """What is still open counts as opened before, a fence stays known as one, and the closed one is dropped."""
    file.write_bytes(
        _connection("connection_opened", "open", 1.0)
        + _connection("connection_opened", "closed", 1.1)
        + _connection("connection_closed", "closed", 1.2)
        + _connection("connection_opened", "fence", 1.3)
        + _line(f"{FENCE}1", 1.4, peer="fence")
        + _line(f"{FENCE}2", 1.5, peer="fence")
    )
    ledger, whole = Ledger(file), list(connection_events(Ledger(file).events(), 2.0))
    ledger.forget(2.0)

    assert [event["monotonic"] for event in ledger.events()] == [1.0, 1.3, 1.4]
    assert list(connection_events(ledger.events(), 2.0)) == whole
    assert [event["peer"] for event in whole] == ["open"]


def test_with_another_process_no_earlier_connection_is_open(file: Path) -> None:
    """Those of a replica that was killed ended with it, though nothing was logged."""
    start = json.dumps({"event": "start", "replica": "a", "monotonic": 1.5}).encode() + b"\n"
    file.write_bytes(_connection("connection_opened", "p", 1.0) + start)
    ledger = Ledger(file)
    ledger.forget(2.0)

    assert ledger.events() == []


def test_too_many_entries_are_inconclusive_and_evidence_of_the_first(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fences are still found among them, so that nothing waits in vain; the next behaviour begins with none."""
    monkeypatch.setattr(module, "MOST_EVENTS", 3)
    file.write_bytes(b"".join(_line(f"o{number}", float(number)) for number in range(5)) + _line(f"{FENCE}7", 5.0))
    ledger = Ledger(file)

    assert ledger.has(f"{FENCE}7")
    with pytest.raises(InconclusiveError, match=r"^ledger.jsonl got more than 3 entries in one behaviour$"):
        ledger.events()
    assert [event["id"] for event in ledger.evidence()] == ["o0", "o1", "o2"]
    assert ledger.left_out == 3

    ledger.forget(6.0)
    _append(file, _line("next", 7.0))

    assert _ids(ledger) == ["next"]


def test_entries_out_of_order_are_all_found(file: Path) -> None:
    """Two threads of a writer may swap their lines."""
    file.write_bytes(_line("o1", 1.0) + _line("o3", 3.0) + _line("o2", 2.0) + _line("o4", 4.0))
    ledger = Ledger(file)

    assert [_ids(ledger, since) for since in (2.0, 2.5)] == [["o3", "o2", "o4"], ["o3", "o4"]]

    ledger.forget(2.5)

    assert _ids(ledger, 2.5) == ["o3", "o4"]


def test_the_next_process_begins_a_new_line(file: Path) -> None:
    """What a killed one wrote of its last line is removed; a file that is large is emptied, as it has been read."""
    ledger = Ledger(file)
    _append(file, _line("o1") + _line("o2")[:20])
    ledger.hand_over()
    _append(file, _line("o3"))

    assert _ids(ledger) == ["o1", "o3"]


def test_a_large_file_is_emptied_for_the_next_process(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it held has been read, and stays known."""
    monkeypatch.setattr(module, "LARGE", 100)
    ledger = Ledger(file)
    _append(file, _line("o1") + _line("o2")[:20])
    ledger.hand_over()

    assert file.stat().st_size == 0

    _append(file, _line("o3"))

    assert _ids(ledger) == ["o1", "o3"]
