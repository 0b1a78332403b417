"""A run as its folder holds it: report.json, the timelines, the logs."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.harness.evidence.history import History
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.report.older import todays


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

    def file(self, path: str) -> Path | None:
        """Return a file of this folder, None if there is no such file in it."""
        file = self.folder / path
        inside = path and self.folder.resolve() in file.resolve().parents
        return file if inside and file.is_file() else None

    def link(self, path: str) -> str:
        """Return the link from the page to a file of this folder, "" if there is no such file in it."""
        file = self.file(path)
        return "./" + quote(os.path.relpath(file, self.page_folder)) if file else ""

    def history(self, result: Mapping[str, Any]) -> History | None:
        """Return what happened while a behaviour ran; None where nothing was kept."""
        file = self.file(str(result.get("timeline") or ""))
        return History.read(file) if file else None

    def logs(self) -> Iterator[tuple[str, int]]:
        """Yield every log and ledger of the environments, as path and size in bytes."""
        for file in sorted(self.folder.rglob("*")):
            path = file.relative_to(self.folder)
            if file.suffix in {".log", ".out", ".yaml"} and len(path.parts) > 1 and file.is_file():
                yield str(path), file.stat().st_size
