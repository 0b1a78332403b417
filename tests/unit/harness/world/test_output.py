"""What the gateway writes: each line with its time, and never too many."""

import os
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.harness.world import output as module
from tests.harness.world.eventually import reached
from tests.harness.world.output import LINES, LONGEST, SHORTENED, TRUNCATED, Line, Output, last_output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a file that an earlier gateway has written to."""
    file = tmp_path / "gateway.log"
    file.write_text("of an earlier behaviour\n", encoding="utf-8")
    return file


Watch = Callable[[Mapping[str, Path]], Output]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Return what watches files until the test is over."""
    started: list[Output] = []

    def _watch(files: Mapping[str, Path]) -> Output:
        started.append(Output(files))
        return started[-1]

    yield _watch
    for output in started:
        output.stop()


def _append(file: Path, text: bytes) -> float:
    with file.open("ab") as opened:
        opened.write(text)
    return time.monotonic()


def test_each_line_has_the_time_at_which_it_was_written(log: Path, watch: Watch) -> None:
    """Lines written apart have times apart, each between its writing and the next event; earlier lines are left out."""
    output = watch({"stderr": log})
    before = time.monotonic()
    first = _append(log, b"dialling\n")
    growth = output._streams["stderr"]
    reached(lambda: growth.sizes, within=5, what="the first line is seen")
    second = _append(log, b"connected\nsubchannel READY\n")
    lines = output.lines()

    assert [(line.stream, line.text) for line in lines] == [
        ("stderr", "dialling"),
        ("stderr", "connected"),
        ("stderr", "subchannel READY"),
    ]
    assert before <= lines[0].at <= second
    assert first <= lines[1].at == lines[2].at <= time.monotonic()


def test_a_file_that_does_not_exist_yet_is_read_from_its_beginning(tmp_path: Path, watch: Watch) -> None:
    """A stream that the first gateway has still to open is watched; a line without its end is kept as it is."""
    output = watch({"stdout": tmp_path / "gateway.out", "stderr": tmp_path / "none.log"})
    _append(tmp_path / "gateway.out", b"listening\nserv")

    assert [line.text for line in output.lines()] == ["listening", "serv"]


def test_what_is_no_text_is_shown_as_far_as_it_goes(log: Path, watch: Watch) -> None:
    """Bytes that are no UTF-8 are replaced, and a line without end is cut."""
    output = watch({"stderr": log})
    _append(log, b"\xff\xfe\x00ok\r\n" + b"x" * 3 * LONGEST + b"\n")
    odd, long = output.lines()

    assert odd.text == "��\x00ok"
    assert long.text == "x" * LONGEST + "…"


def test_a_chatty_gateway_is_cut_in_the_middle_and_it_is_said_how_much(log: Path, watch: Watch) -> None:
    """Of very many lines the first and the last are kept, with one line between them that counts the others."""
    output = watch({"stderr": log})
    _append(log, b"".join(b"trace %d\n" % number for number in range(LINES + 1234)))
    lines = output.lines()
    (gap,) = [line for line in lines if line.left_out]

    assert len(lines) == LINES + 1
    assert (lines[0].text, lines[LINES // 2 - 1].text) == ("trace 0", f"trace {LINES // 2 - 1}")
    assert (lines[LINES // 2 + 1].text, lines[-1].text) == (f"trace {LINES // 2 + 1234}", f"trace {LINES + 1233}")
    assert gap == Line(gap.at, "stderr", "… 1234 lines omitted here: gateway.log has them all", 1234)
    assert lines == sorted(lines, key=lambda line: line.at)


def test_as_many_lines_as_are_kept_are_all_there(log: Path, watch: Watch) -> None:
    """At the limit nothing is left out."""
    output = watch({"stderr": log})
    _append(log, b"".join(b"trace %d\n" % number for number in range(LINES)))

    assert [line.text for line in output.lines()] == [f"trace {number}" for number in range(LINES)]


def test_each_behaviour_gets_its_own_lines(log: Path, watch: Watch) -> None:
    """The same watcher serves one behaviour after another."""
    output = watch({"stderr": log})
    _append(log, b"first\n")
    assert [line.text for line in output.lines()] == ["first"]
    _append(log, b"between\n")
    output.begin()
    _append(log, b"second\n")

    assert [line.text for line in output.lines()] == ["second"]


def test_a_log_that_its_writer_truncates_is_read_from_its_beginning(log: Path, watch: Watch) -> None:
    """`echo x > /dev/stderr` in a wrapper truncates the file: what is there is read, and what is not is named."""
    output = watch({"stderr": log})
    _append(log, b"lost\n" * 100)
    reached(lambda: output._streams["stderr"].sizes, within=5, what="it is seen to have grown")
    os.truncate(log, 0)
    _append(log, b"x\n")
    lines = [line.text for line in output.lines()]

    assert lines == [f"… lines are missing: {TRUNCATED}", "x"]
    assert last_output(log, since=1000, lines=8) == "; last output:\nx"


def test_a_log_of_any_size_is_cut_and_says_so(log: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning stays, what is written later is appended to it, and it is said that lines are missing."""
    monkeypatch.setattr(module, "MOST_BYTES", 10_000)
    output = watch({"stderr": log})
    _append(log, b"first\n" + b"x" * 99 + b"\n")
    for _ in range(20):
        _append(log, (b"y" * 99 + b"\n") * 100)
        reached(lambda: log.stat().st_size < 10_000, within=5, what="it is cut")
    _append(log, b"last\n")
    lines = [line.text for line in output.lines()]
    text = log.read_text(encoding="utf-8")

    assert lines[:2] == [f"… lines are missing: {SHORTENED}", "first"]
    assert lines[-1] == "last"
    assert text.startswith("of an earlier behaviour\nfirst\n")
    assert "bytes were cut here" in text


def test_a_line_without_end_costs_no_memory(log: Path, watch: Watch) -> None:
    """Of 50 MB without a newline the beginning is shown; neither that nor the last output reads all of it."""
    output = watch({"stderr": log})
    for _ in range(50):
        _append(log, b"x" * 1_000_000)
    tracemalloc.start()
    (line,) = output.lines()
    words = last_output(log, 0, 8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert line.text == "x" * LONGEST + "…"
    assert len(words) < 2 * LONGEST
    assert peak < 5_000_000


def test_long_lines_do_not_hide_the_last_ones(log: Path, watch: Watch) -> None:
    """The last lines are found behind lines longer than any piece that is read, and none is shown twice."""
    output = watch({"stderr": log})
    big = b"z" * 3_000_000 + b"\n"
    _append(log, b"".join(b"a %d\n" % number for number in range(LINES // 2)) + big * 3)
    _append(log, b"".join(b"b %d\n" % number for number in range(LINES // 2 - 1)) + b"end")
    lines = output.lines()

    assert [line.left_out for line in lines if line.left_out] == [3]
    assert [line.text for line in lines if not line.left_out] == [
        *(f"a {number}" for number in range(LINES // 2)),
        *(f"b {number}" for number in range(LINES // 2 - 1)),
        "end",
    ]
