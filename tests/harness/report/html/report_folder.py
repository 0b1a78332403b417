"""A run as its folder holds it: report.json, the timelines, the logs."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.harness.evidence.history import History
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.evidence.saved_files import is_there, read
from tests.harness.report.older import todays

MOST_LOGS = 500
"""Files that the page lists; a run in three environments leaves a hundred."""


@dataclass(frozen=True)
class Saved:
    """
    One report folder; `page_folder` is where the page will be, so that its links lead there.

    What stands in the folder was written by a run, but about a gateway that is not ours, and may have come from
    elsewhere: nothing outside the folder is ever read or linked.
    """

    folder: Path
    document: Mapping[str, Any]
    page_folder: Path

    @classmethod
    def read(cls, folder: Path, page_folder: Path) -> "Saved":
        """Read a folder. Raises SavedRunError where there is no report.json, or one that is none of this suite's."""
        run = SavedRun.at(folder)
        return cls(run.folder, todays(run.document), page_folder)

    @property
    def name(self) -> str:
        """The subject's."""
        return str(self.document["subject"]["name"])

    @property
    def behaviours(self) -> Sequence[Mapping[str, Any]]:
        """The results about the subject."""
        return list(self.document["behaviours"])

    @property
    def controls(self) -> Sequence[Mapping[str, Any]]:
        """The results about mutants."""
        return list(self.document.get("negative_controls", ()))

    def link(self, path: str) -> str:
        """Return the link from the page to a file of this folder, "" if there is no such file in it."""
        here = is_there(self.folder, path)
        return "./" + quote(os.path.relpath(self.folder / path, self.page_folder)) if here else ""

    def history(self, result: Mapping[str, Any]) -> History | None:
        """Return what happened while a behaviour ran; None where nothing was kept."""
        path = str(result.get("timeline") or "")
        return History.in_text(read(self.folder, path)) if is_there(self.folder, path) else None

    def logs(self) -> Iterator[tuple[str, int]]:
        """Yield the logs and ledgers of the environments, at most MOST_LOGS of them, as path and size in bytes."""
        yield from islice(self._logs(), MOST_LOGS)

    def _logs(self) -> Iterator[tuple[str, int]]:
        for place, folders, files in os.walk(self.folder):  # which enters no folder through a link
            folders.sort()
            for name in sorted(files):
                path = Path(place, name).relative_to(self.folder)
                if (
                    path.suffix in {".log", ".out", ".yaml"}
                    and len(path.parts) > 1
                    and is_there(self.folder, str(path))
                ):
                    yield str(path), (self.folder / path).lstat().st_size
