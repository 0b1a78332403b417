"""What the gateway writes: each line with its time, and never too many."""

import time
from pathlib import Path

import pytest

from tests.harness.world.eventually import reached
from tests.harness.world.output import LINES, LONGEST, Line, Output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a file that an earlier gateway has written to."""
    file = tmp_path / "gateway.log"
    file.write_text("of an earlier behaviour\n", encoding="utf-8")
    return file


def _append(file: Path, text: bytes) -> float:
    with file.open("ab") as opened:
        opened.write(text)
    return time.monotonic()


def test_each_line_has_the_time_at_which_it_was_written(log: Path) -> None:
    """Lines written apart have times apart, each between its writing and the next event; earlier lines are left out."""
    output = Output({"stderr": log})
    before = time.monotonic()
    first = _append(log, b"dialling\n")
    growth = output._streams["stderr"]
    reached(lambda: growth.sizes, within=5, what="the first line is seen")
    second = _append(log, b"connected\nsubchannel READY\n")
    lines = output.stop()

    assert [(line.stream, line.text) for line in lines] == [
        ("stderr", "dialling"),
        ("stderr", "connected"),
        ("stderr", "subchannel READY"),
    ]
    assert before <= lines[0].at <= second
    assert first <= lines[1].at == lines[2].at <= time.monotonic()


def test_a_file_that_does_not_exist_yet_is_read_from_its_beginning(tmp_path: Path) -> None:
    """A stream that the first gateway has still to open is watched; a line without its end is kept as it is."""
    output = Output({"stdout": tmp_path / "gateway.out", "stderr": tmp_path / "none.log"})
    _append(tmp_path / "gateway.out", b"listening\nserv")

    assert [line.text for line in output.stop()] == ["listening", "serv"]


def test_what_is_no_text_is_shown_as_far_as_it_goes(log: Path) -> None:
    """Bytes that are no UTF-8 are replaced, and a line without end is cut."""
    output = Output({"stderr": log})
    _append(log, b"\xff\xfe\x00ok\r\n" + b"x" * 3 * LONGEST + b"\n")
    odd, long = output.stop()

    assert odd.text == "��\x00ok"
    assert long.text == "x" * LONGEST + "…"


def test_a_chatty_gateway_is_cut_in_the_middle_and_it_is_said_how_much(log: Path) -> None:
    """Of very many lines the first and the last are kept, with one line between them that counts the others."""
    output = Output({"stderr": log})
    _append(log, b"".join(b"trace %d\n" % number for number in range(LINES + 1234)))
    lines = output.stop()
    (gap,) = [line for line in lines if line.left_out]

    assert len(lines) == LINES + 1
    assert (lines[0].text, lines[LINES // 2 - 1].text) == ("trace 0", f"trace {LINES // 2 - 1}")
    assert (lines[LINES // 2 + 1].text, lines[-1].text) == (f"trace {LINES // 2 + 1234}", f"trace {LINES + 1233}")
    assert gap == Line(gap.at, "stderr", "… 1234 lines omitted here: gateway.log has them all", 1234)
    assert lines == sorted(lines, key=lambda line: line.at)


def test_as_many_lines_as_are_kept_are_all_there(log: Path) -> None:
    """At the limit nothing is left out."""
    output = Output({"stderr": log})
    _append(log, b"".join(b"trace %d\n" % number for number in range(LINES)))

    assert [line.text for line in output.stop()] == [f"trace {number}" for number in range(LINES)]
