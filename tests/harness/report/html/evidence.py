"""What the page shows of one behaviour's history: figures, picture, and the rows of its tables, each bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.harness.evidence.history import AskedVerb, Call, History, SeenQuery
from tests.harness.report.html import figures
from tests.harness.report.html.picture import Picture, picture

T = TypeVar("T")

MOST = 12
"""Rows of a table about a behaviour that does not hold; the timeline has them all."""

FEWER = 4
"""Rows about one that holds."""


@dataclass(frozen=True)
class Some(Generic[T]):
    """The first of some rows, and how many there are in all."""

    rows: Sequence[T]
    total: int

    @property
    def more(self) -> int:
        """How many rows are left out."""
        return self.total - len(self.rows)


def some(rows: Sequence[T], most: int) -> Some[T]:
    """Return the first rows: at most `most`."""
    return Some(rows[:most], len(rows))


@dataclass(frozen=True)
class Evidence:
    """Everything the page shows of a history; times are seconds since the behaviour began."""

    began: float
    picture: Picture | None
    calls: int
    failed: int
    attempts: int
    shares: Some[figures.Share]
    scenes: Sequence[figures.Scene]
    unseen: Sequence[AskedVerb]
    per_call: Sequence[tuple[int, int]]
    said_before: Sequence[tuple[str, int]]
    gaps: Sequence[float]
    telling: Some[Call]
    connections: Some[figures.Used]
    queries: Some[SeenQuery]
    states: Some[tuple[float, str, str]]
    log: Some[tuple[float, str]]
    cuts: Sequence[tuple[str, int]]

    @property
    def most_attempts(self) -> int:
        """The longest bar."""
        return max((max(share.attempts, share.replies) for share in self.shares.rows), default=0)


def evidence(history: History, *, holds: bool) -> Evidence:
    """Gather what the page shows of a history, less of it where the behaviour holds."""
    most = FEWER if holds else MOST
    own = figures.proper(history)
    return Evidence(
        began=figures.began(history),
        picture=picture(history),
        calls=len(own.calls),
        failed=sum(not call.ok for call in own.calls),
        attempts=len(own.attempts),
        shares=some(figures.shares(own, figures.names(history)), MOST),
        scenes=figures.scenes(own)[:MOST],
        unseen=[verb for verb in history.verbs if verb.confirmed is None],
        per_call=sorted(figures.per_call(own).items()),
        said_before=sorted(figures.said_before(own).items(), key=lambda item: (item[0] != "none", item[0]))[:MOST],
        gaps=figures.gaps(own)[:MOST],
        telling=some(figures.telling(own), most),
        connections=some(figures.connections(history), most),
        queries=some(history.queries, most),
        states=some(figures.states(own), most),
        log=some(list(reversed(history.log)), 0 if holds else MOST),
        cuts=[(event.members["of"], event.members["left_out"]) for event in history.of_kind("cut")][:MOST],
    )
