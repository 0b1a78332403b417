"""Progress on the way: what is waited for is said where it can be seen, and disturbs nothing else."""

import contextlib
import io
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.harness.plugin.progress import QuietLine, StatusLine, Teller, waits
from tests.harness.world.waits import Wait, under_way, waiting
from tests.unit.conftest import run

SLOW = '''
import time

from tests.harness.plugin import progress
from tests.harness.world.eventually import eventually

progress.QUIET = 0.8

def test_pigs(orders):
    """Pigs fly."""
    began = time.monotonic()
    for look in eventually(within=30, what="pigs fly"):
        with look:
            assert time.monotonic() - began > 2.5
'''

WAITING = r"pigs: waiting until pigs fly: \d\.\d of at most 30 s"


def test_the_wait_that_began_last_is_the_one_under_way() -> None:
    """Waits within waits are told from inside, and are over when they end, however they do."""
    outer, inner = Wait("it stays even", 5.0), Wait("a replica is ready", 10.0)
    with waiting(outer):
        with contextlib.suppress(RuntimeError), waiting(inner):
            assert under_way() is inner
            raise RuntimeError
        assert under_way() is outer
    assert under_way() is not outer
    assert (outer.so, inner.so) == (True, False)


def test_a_wait_is_told_in_words() -> None:
    """It says what for, since when, and for how long at most."""
    began = time.monotonic() - 1.42

    assert str(Wait("order-service-2 is ready", 6.0, began=began)) == "order-service-2 is ready: 1.4 of at most 6 s"
    assert str(Wait("nobody asks", 1.5, lasting=True, began=began)) == "nobody asks: 1.4 of 1.5 s"


def test_one_process_tells_and_another_one_reads(tmp_path: Path) -> None:
    """The present wait of each process is read, the longest first, and none where nobody waits."""
    first, second = Teller(tmp_path / "gw0.json"), Teller(tmp_path / "gw1.json")
    for teller in (first, second):
        teller.stop()  # told by hand from here on
        teller._behaviour = "calls go round"
    first.tell(Wait("a is ready", 6.0))
    second.tell(Wait("b is ready", 6.0, began=time.monotonic() - 3))
    (tmp_path / "gw2.json").write_text('{"half of', encoding="utf-8")

    assert [line.rpartition(": ")[0] for line in waits(tmp_path)] == [
        "calls go round: waiting until b is ready",
        "calls go round: waiting until a is ready",
    ]
    second.tell(None)
    assert next(waits(tmp_path)).startswith("calls go round: waiting until a is ready: 0.")
    first.tell(None)
    assert list(waits(tmp_path)) == []


def test_the_line_of_a_terminal_stays_out_of_what_scrolls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What scrolls is set once, and again for another size; the line is cut, counts the others, and is given back."""
    size = os.terminal_size((30, 24))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: size)
    out = io.StringIO()
    line = StatusLine(out)
    line.show(["waiting until order-service-2 is ready: 1.4 of at most 6 s", "another"])
    line.show([])
    size = os.terminal_size((30, 10))
    line.show(["x"])
    line.end()
    line.end()
    text = out.getvalue()

    assert text.startswith("\x1bD\x1b7\x1b[1;23r\x1b8\x1b[1A\x1b7\x1b[24;1H\x1b[2K\x1b[2mwaiting until order-serv (+1)")
    assert re.findall(r"\x1b\[1;(\d+)r", text) == ["23", "9"]
    assert text.endswith("\x1b7\x1b[10;1H\x1b[2K\x1b[r\x1b8")
    assert "\n" not in text


def test_without_a_terminal_a_line_comes_only_when_it_was_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line after some seconds without any other, and none while pytest prints or nothing is waited for."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    out, column = io.StringIO(), 7
    line = QuietLine(out, lambda: column)
    told = []
    for now, lines in ((9.9, ["a"]), (10.0, ["b"]), (19.9, ["c"]), (20.0, []), (20.1, ["d", "e"])):  # noqa: B007, the clock's
        line.show(lines)
        told.append(len(out.getvalue().split()))
        column = 0 if out.getvalue() else 7
    line.heard()
    now = 30.0
    line.show(["f"])

    assert told == [0, 1, 1, 1, 2]
    assert out.getvalue() == "\nb\nd\n"


def _on_a_terminal(folder: Path, *options: str) -> tuple[int, str]:
    """Run the suite in this folder on a terminal of its own; return the exit status and all that it was sent."""
    ours, theirs = pty.openpty()
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    process = subprocess.Popen(  # noqa: S603, our own pytest
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "LINES": "24", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    sent = b""
    with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123, a file descriptor
        while True:
            try:
                sent += terminal.read(65536)
            except OSError:  # nobody has the other end any more
                break
    return process.wait(60), sent.decode(errors="replace")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_terminal_shows_what_a_run_waits_for(workers: str, tmp_path: Path) -> None:
    """With and without workers the wait stands in the last line; in the end that is given back and no file is left."""
    run(tmp_path, SLOW, "--collect-only")
    status, sent = _on_a_terminal(tmp_path, workers)

    assert status == 0
    assert re.search(rf"\x1b\[24;1H\x1b\[2K\x1b\[2m{WAITING}", sent)
    assert sent.rfind("\x1b[r") > sent.rfind("waiting until")
    assert "1 passed" in sent
    assert not (tmp_path / "report" / ".progress").exists()


def test_where_there_is_no_terminal_a_long_wait_is_a_line(tmp_path: Path) -> None:
    """A wait that lasts is printed as a whole line of its own, without any control sequence."""
    outcome = run(tmp_path, SLOW)

    assert outcome.status == 0
    assert re.search(rf"^{WAITING}$", outcome.output, re.MULTILINE)
    assert "\x1b" not in outcome.output


def test_a_quiet_run_stays_quiet(tmp_path: Path) -> None:
    """With -q nothing is said on the way."""
    assert "waiting until" not in run(tmp_path, SLOW, "-q").output
