"""Where live output goes: a terminal whose last lines are redrawn, and anything else, which gets whole lines."""

import fcntl
import io
import os
import pty
import re
import select
import struct
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import ConsoleDimensions
from rich.text import Text

from tests.harness.report import screen
from tests.harness.report.outlet import Outlet
from tests.harness.report.screen import Lines, Terminal, size


@dataclass
class Pty:
    """A terminal of our own, and all that was written to it."""

    out: TextIO
    ours: int

    def resize(self, columns: int, lines: int) -> None:
        """Give it another size."""
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, words: str) -> str:
        """Return what is written until these words are. Raises TimeoutError."""
        sent = ""
        while words not in sent:
            if not select.select([self.ours], [], [], 10)[0]:
                raise TimeoutError(sent)
            sent += os.read(self.ours, 65536).decode()
        return sent

    def written(self) -> str:
        """Return what was written since the last look."""
        self.out.flush()
        sent = b""
        while True:
            try:
                sent += os.read(self.ours, 65536)
            except BlockingIOError:
                return sent.decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pty]:
    """Return a terminal of 80 columns and 24 lines."""
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    with os.fdopen(theirs, "w", encoding="utf-8") as out:
        made = Pty(out, ours)
        made.resize(80, 24)
        yield made
    os.close(ours)


def test_the_size_is_the_terminals_at_this_moment(terminal: Pty, tmp_path: Path) -> None:
    """Whatever stands in for standard output; COLUMNS and LINES come first, and there is a size without a terminal."""
    assert size(terminal.out, {}) == ConsoleDimensions(80, 24)
    terminal.resize(200, 50)
    assert size(terminal.out, {}) == ConsoleDimensions(200, 50)
    assert size(terminal.out, {"COLUMNS": "100", "LINES": ""}) == ConsoleDimensions(100, 50)
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        assert size(file, {}) == screen.FALLBACK
    assert size(io.StringIO(), {}) == screen.FALLBACK


def test_pytests_own_lines_go_straight_on_or_above(tmp_path: Path) -> None:
    """A whole line is there without a flush, as others write to the same place."""
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        outlet, above = Outlet(file), io.StringIO()
        assert outlet.write("a line\n") == 7
        assert (tmp_path / "log").read_text(encoding="utf-8") == "a line\n"
        outlet.divert(above)  # type: ignore[arg-type]  # as rich's own proxy
        outlet.write("another\n")
        outlet.flush()
        outlet.divert(None)
        outlet.write("straight on\n")

        assert above.getvalue() == "another\n"
        assert not outlet.isatty()
        assert outlet.fileno() == file.fileno()
    assert (tmp_path / "log").read_text(encoding="utf-8") == "a line\nstraight on\n"


def _terminal(made: Pty, bottom: list[str], *, colour: bool = True) -> tuple[Terminal, Outlet]:
    outlet = Outlet(made.out)
    return Terminal(made.out, outlet, colour=colour, bottom=lambda _: [Text(line) for line in bottom]), outlet


def test_a_terminal_is_left_as_it_was(terminal: Pty) -> None:
    """The cursor that was hidden is shown again, and what stood at the bottom is erased; a second end does nothing."""
    live, _ = _terminal(terminal, ["12 of 62"])
    live.start()
    live.start()
    drawn = terminal.written()
    live.stop()
    left = terminal.written()
    live.stop()

    assert drawn.count("\x1b[?25l") == 1
    assert "12 of 62" in drawn
    assert left.endswith("\x1b[2K")
    assert "\x1b[?25h" in left
    assert terminal.written() == ""


def test_lines_come_above_what_is_under_way(terminal: Pty) -> None:
    """Ours and pytest's own erase the bottom first and draw it again after, in one piece."""
    live, outlet = _terminal(terminal, ["12 of 62"])
    live.start()
    terminal.written()
    live.print(Text("calls go round", "green"))
    ours = terminal.written()
    outlet.write("[gw0] node down\n")
    pytests = terminal.written()
    live.stop()

    for line, sent in (("calls go round", ours), ("[gw0] node down", pytests)):
        assert sent.index("\x1b[2K") < sent.index(line) < sent.rindex("12 of 62")
    assert "\x1b[32mcalls go round" in ours


def test_without_colour_there_is_none(terminal: Pty) -> None:
    """NO_COLOR and --color=no are pytest's to read."""
    live, _ = _terminal(terminal, ["12 of 62"], colour=False)
    live.start()
    live.print(Text("calls go round", "bold red"))
    live.stop()

    assert not re.search(r"\x1b\[[0-9;]*m", terminal.written())


def test_the_bottom_fits_a_terminal_that_was_resized(terminal: Pty) -> None:
    """Each drawing asks for the size anew, and cuts what is too long."""
    live, _ = _terminal(terminal, ["x" * 300])
    live.start()
    terminal.written()
    terminal.resize(40, 24)
    sent = terminal.until("…")
    live.stop()

    assert f"{'x' * 38}…" in sent
    assert live.width == 40


def test_without_a_terminal_there_are_whole_lines_without_escapes(tmp_path: Path) -> None:
    """A line is written at once, in whatever style it has."""
    file = tmp_path / "log"
    with file.open("w", encoding="utf-8") as out:
        Lines(out, quiet=str).print(Text("calls go round", "bold red"))

        assert file.read_text(encoding="utf-8") == "calls go round\n"


def test_silence_ends_with_a_line_about_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds without a line there is one, and another one after as many more; none before the start."""
    said = threading.Semaphore(0)

    def quiet() -> str:
        said.release()
        return "12 of 62 behaviours"

    monkeypatch.setattr(screen, "EVERY", 0.01)
    monkeypatch.setattr(screen, "QUIET", 0.05)
    file = tmp_path / "log"
    with file.open("w", encoding="utf-8") as out:
        lines = Lines(out, quiet=quiet)
        assert not said.acquire(timeout=0.1)
        lines.start()
        lines.start()
        assert said.acquire(timeout=10)
        assert said.acquire(timeout=10)
        lines.stop()
        lines.stop()
        written = file.read_text(encoding="utf-8")

    assert set(written.splitlines()) == {"12 of 62 behaviours"}
