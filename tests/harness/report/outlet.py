"""The way of pytest's own lines to the terminal, which they share with live output: nothing harmful passes."""

import io
from typing import TYPE_CHECKING, TextIO

from tests.harness.harmless import Gate

if TYPE_CHECKING:
    from rich.file_proxy import FileProxy


class Outlet(io.TextIOBase):
    """
    The file that pytest's own reporter writes to.

    While the last lines of the terminal are redrawn, what it prints comes above them; otherwise it goes straight on.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._above: FileProxy | None = None
        self._gate = Gate()

    def divert(self, above: "FileProxy | None") -> None:
        """Send what comes there instead; None for the file again."""
        self._above = above

    def write(self, text: str, /) -> int:
        """Write it where it belongs at the moment, lines without delay: others have their own way to the terminal."""
        (self._above or self._file).write(self._gate.passed(text))
        if "\n" in text:
            self._file.flush()
        return len(text)

    def flush(self) -> None:
        """Flush that."""
        (self._above or self._file).flush()

    def isatty(self) -> bool:
        """Say whether the file is a terminal."""
        return self._file.isatty()

    def fileno(self) -> int:
        """Return the file's."""
        return self._file.fileno()
