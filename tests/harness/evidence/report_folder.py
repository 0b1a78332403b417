"""
A saved run: what its report folder has about who was judged, by what, and with which result.

The folder may have come from elsewhere. It is read as data (saved_files.py), its report has the shape that readers rely
on (report_shape.py), and its texts are harmless.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.harness.evidence.renamed import present_id, present_row
from tests.harness.evidence.report_shape import ShapeError, report_in
from tests.harness.evidence.saved_files import UNREADABLE, is_there, read
from tests.harness.harmless import HarmlessError
from tests.harness.subject.keepalive import Keepalive
from tests.harness.subject.kept import of_kept
from tests.harness.subject.promises import Promises
from tests.harness.subject.streams import StreamPromises
from tests.harness.subject.subject import Subject


def evidence_path(node_id: str) -> str:
    """Return the path of a behaviour's timeline in a report folder."""
    path, _, behaviour = node_id.partition("@")[0].partition("::")  # xdist adds @group
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{Path(path).stem}-{behaviour}").strip("-")
    return f"behaviours/{name}/timeline.jsonl"


class SavedRunError(HarmlessError):
    """There is no saved run at the given path; the message names where and why."""


@dataclass(frozen=True)
class SavedRun:
    """The report.json of a run and its folder."""

    folder: Path
    document: Mapping[str, Any]

    @classmethod
    def at(cls, path: Path) -> "SavedRun":
        """Read a report folder, or the report.json in it. Raises SavedRunError."""
        file = path / "report.json" if path.is_dir() else path
        try:
            return cls(file.parent, report_in(file.parent, file.name))
        except OSError as error:
            raise SavedRunError(f"{file}: cannot be read: {error.strerror}") from None
        except ShapeError as error:
            raise SavedRunError(f"{file}: is not a report of this suite: {error}") from None
        except ValueError as error:
            raise SavedRunError(f"{file}: is not valid JSON: {error}") from None

    def __str__(self) -> str:
        """Its folder and its start time, for a line of text."""
        return f"{self.folder} ({self.document['started']})"

    @cached_property
    def rows(self) -> dict[str, Mapping[str, Any]]:
        """Every verdict, including negative controls, by the current id of its behaviour."""
        rows = map(present_row, (*self.document["behaviours"], *self.document["negative_controls"]))
        return {row["id"]: row for row in rows}

    @property
    def environments(self) -> set[str]:
        """The environments in which something was judged."""
        return {row["environment"] for row in self.rows.values()}

    @property
    def not_judged(self) -> Mapping[str, str]:
        """Why each behaviour that was not judged was not, by its current id."""
        return {present_id(name): reason for name, reason in self.document["not_judged"].items()}

    @property
    def from_outside(self) -> bool:
        """Whether the subject was a user's gateway, not the reference."""
        return bool(self.document["subject"].get("from_outside"))

    def message(self, node_id: str) -> str:
        """Return the message about a behaviour."""
        return str(self.rows.get(present_id(node_id), {}).get("message", ""))

    def timeline(self, node_id: str) -> str:
        """Return the path of a behaviour's timeline in the folder, "" if there is none."""
        row = self.rows.get(present_id(node_id), {})
        paths = [row.get("timeline"), *(evidence_path(name) for name in self._names(node_id))]
        return next((path for path in paths if path and is_there(self.folder, path)), "")

    def read(self, path: str) -> str:
        """Return the text of a file of this folder. Raises OSError or ValueError, with a reason in words."""
        return read(self.folder, path)

    def _names(self, node_id: str) -> list[str]:
        """Return every id that a behaviour may have in this report."""
        present = present_id(node_id)
        return [present, *(name for name in self.document["not_judged"] if present_id(name) == present)]

    def subject(self) -> Subject:
        """Return the subject and its promises. Raises SavedRunError if they are invalid."""
        about = self.document["subject"]
        try:
            promises = dict(self.document["promises"])
            promises["keepalive"] = Keepalive(**promises["keepalive"])
            promises["streams"] = StreamPromises(**promises.get("streams", {}))  # none before 0.2
            promises["retryable_codes"] = tuple(promises["retryable_codes"])
            return Subject(
                name=about["name"],
                folder=self.folder,
                language=about["language"],
                tier=about["tier"],
                command=("replayed",),
                image="replayed",
                promises=Promises(**promises),
                unsupported=frozenset(self.document["unsupported"]),
                known_failures=about.get("known_failures", {}),
                known_causes=about.get("known_causes", {}),
                library=about.get("library", ""),
                library_from=about.get("library_from", ""),
                ours=about.get("ours", False),
                **of_kept(about),
            )
        except UNREADABLE as error:
            raise SavedRunError(f"{self.folder}: its subject cannot be read: {error}") from None
