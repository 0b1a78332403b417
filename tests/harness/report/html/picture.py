"""
The timeline of one behaviour as a picture: geometry only, templates/timeline.svg.jinja draws it.

Marks of one kind are one SVG path, on a grid of one unit; marks that fall on the same point of it are drawn once, and
the picture has a note on how many marks stand for how many events. So a picture is bounded, however much a load sends.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from markupsafe import Markup

from tests.harness.evidence.history import AskedVerb, Call, History, SeenAttempt, SeenQuery
from tests.harness.report.html.figures import UNDOING, connections, faults, in_ledgers, proper, reports, subchannels

LEFT, RIGHT = 132, 952
"""Where the time axis begins and ends; the whole picture is 960 units wide."""

TOP, LANE = 26, 34
MOST_LANES = 24
"""Replicas that are drawn; the picture of a run with more of them has a note."""

_DENSE = {"ok": (0, "h0"), "call": (12, "v12")}
"""
The two kinds of which a load leaves hundreds: a dot, by its round cap, and a stroke. Height and how it is drawn.

Each is drawn from the end of the one before it, which takes half the room.
"""

_GLYPHS = {
    "bad": "m-3.5-3.5l7 7m0-7l-7 7",
    "none": "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
    "failed": "m-4-4l8 8m0-8l-8 8",
    "query": "m0-4l4.5 8h-9z",
    "empty": "m0-4l4.5 8h-9z",
    "error": "m-3.5-3.5l7 7m0-7l-7 7",
    "published": "m0-5l5 5l-5 5l-5-5z",
    "line": "m0-3v6",
    "resolver": "m0-4l4.5 8h-9z",
    "picker": "m-3-3h6v6h-6z",
    "channel": "m0-6v12",
}
"""How a mark of each other kind is drawn from its point on: shapes differ, so that colour is not the only sign."""


@dataclass(frozen=True)
class Band:
    """Something that lasted, in one lane: from `x` on, `width` wide, in the row at `y`."""

    x: float
    width: float
    y: float
    kind: str
    words: str = ""


@dataclass
class Picture:
    """
    Everything to draw, `lanes` with the middle of each, `paths` as kind and path data.

    `marks` stand for `events` events; `left_out` replicas have no lane.
    """

    start: float
    end: float
    lanes: dict[str, float] = field(default_factory=dict)
    left_out: int = 0
    bands: list[Band] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    ticks: list[tuple[float, str]] = field(default_factory=list)
    paths: list[tuple[str, Markup]] = field(default_factory=list)
    events: int = 0
    marks: int = 0

    @property
    def height(self) -> int:
        """Units from top to bottom."""
        return TOP + LANE * len(self.lanes) + 22

    @property
    def merged(self) -> bool:
        """Whether some marks stand for more than one event."""
        return self.marks < self.events

    def x(self, at: float) -> float:
        """Return where a time lies."""
        share = (at - self.start) / (self.end - self.start)
        return LEFT + min(1.0, max(0.0, share)) * (RIGHT - LEFT)


CALLERS, NAME_SERVER, LOG, WORLD = "callers", "name server", "gateway log", "environment"
LIBRARY = "gRPC library"


def picture(history: History) -> Picture | None:
    """Return the picture of a behaviour from the moment the environment was ready, None where nothing happened."""
    own = proper(history)
    if not own.calls and not own.attempts and not faults(own):
        return None
    drawn = Picture(*_span(own))
    _lanes(drawn, history)
    _ticks(drawn)
    for verb in faults(own):
        _verb(drawn, own, verb)
    _states(drawn, history)
    _connections(drawn, history)
    _links(drawn, own.calls)
    _marks(drawn, own)
    return drawn


def _span(history: History) -> tuple[float, float]:
    """Return the first and the last moment to draw, with a little air."""
    times = [call.sent for call in history.calls] + [call.received for call in history.calls]
    times += [attempt.at for attempt in history.attempts]
    times += [at for verb in faults(history) for at in (verb.asked, verb.confirmed) if at is not None]
    start, end = min(times), max(times)
    air = max((end - start) * 0.01, 0.001)
    return start - air, end + air


def _lanes(drawn: Picture, history: History) -> None:
    replicas = in_ledgers(history)
    drawn.left_out = max(0, len(replicas) - MOST_LANES)
    elsewhere = [verb for verb in faults(proper(history)) if verb.on not in replicas]
    rows = [*([WORLD] if elsewhere else []), CALLERS, *replicas[:MOST_LANES]]
    rows += [NAME_SERVER] if history.queries or history.of_kind("published") else []
    rows += [LIBRARY] if reports(proper(history)) else []
    rows += [LOG] if proper(history).log else []
    drawn.lanes = {words: TOP + LANE * number + LANE / 2 for number, words in enumerate(rows)}


def _ticks(drawn: Picture) -> None:
    """Put five to ten round times on the axis."""
    raw = (drawn.end - drawn.start) / 8
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    digits = max(0, -math.floor(math.log10(step)))
    for number in range(math.ceil(drawn.start / step), math.floor(drawn.end / step) + 1):
        drawn.ticks.append((round(drawn.x(number * step), 1), f"{number * step:.{digits}f}"))


def _verb(drawn: Picture, history: History, verb: AskedVerb) -> None:
    """Hatch a verb from request to confirmation, and shade it at a replica from there on until its opposite."""
    seen = drawn.end if verb.confirmed is None else verb.confirmed
    words = verb.verb if verb.confirmed is not None else f"{verb.verb}: not confirmed"
    at_replica = verb.on in drawn.lanes
    y = drawn.lanes.get(verb.on, drawn.lanes.get(WORLD, 0.0))
    x, confirmed = drawn.x(verb.asked), drawn.x(seen)
    drawn.bands.append(Band(round(x, 1), round(max(confirmed - x, 1.5), 1), y, "asked", words))
    drawn.moments.append(round(confirmed, 1))
    if at_replica and verb.confirmed is not None and verb.verb not in UNDOING:
        x_end = drawn.x(_undone(history, verb, drawn.end))
        drawn.bands.append(Band(round(confirmed, 1), round(max(x_end - confirmed, 0.0), 1), y, "down"))


def _undone(history: History, hurt: AskedVerb, end: float) -> float:
    """Return when what a verb did to a replica was over."""
    later = [verb for verb in faults(history) if verb.asked > hurt.asked]
    over = [verb for verb in later if verb.verb == "restart" or (verb.verb in UNDOING and verb.on == hurt.on)]
    return next((verb.confirmed for verb in over if verb.confirmed is not None), end)


def _states(drawn: Picture, history: History) -> None:
    """Draw at the upper edge of a replica's lane in which state the gateway's library had its subchannel."""
    for replica, spells in subchannels(history).items():
        for state, since, until in spells:
            begin, end = drawn.x(since), drawn.x(drawn.end if until is None else until)
            if replica in drawn.lanes and end > begin:
                kind = f"state {state.lower()}"
                drawn.bands.append(Band(round(begin, 1), round(end - begin, 1), drawn.lanes[replica], kind))


def _connections(drawn: Picture, history: History) -> None:
    for used in connections(history):
        until = used.until(drawn.end)
        if used.replica not in drawn.lanes or until < drawn.start or used.since > drawn.end:
            continue
        x, end, y = drawn.x(used.since), drawn.x(until), drawn.lanes[used.replica] + 11
        opened = "v-2v4v-2" if used.opened is not None and used.opened >= drawn.start else ""
        closed = "v-2v4" if used.closed is not None else ""
        _path(drawn, "connection", [f"{round(x)} {round(y)}{opened}h{max(round(end - x), 1)}{closed}"])


def _marks(drawn: Picture, history: History) -> None:
    marks = [("call", call.sent, CALLERS) if call.ok else ("failed", call.received, CALLERS) for call in history.calls]
    marks += [(_outcome(attempt), attempt.at, attempt.replica) for attempt in history.attempts]
    marks += [(_answer(query), query.at, NAME_SERVER) for query in history.queries]
    marks += [("published", event.at, NAME_SERVER) for event in history.of_kind("published")]
    marks += [("line", at, LOG) for at, _ in history.log]
    marks += [(of, at, LIBRARY) for at, of in reports(history)]
    points: dict[str, dict[tuple[int, int], None]] = {}
    for kind, at, lane in marks:
        if lane in drawn.lanes:
            drawn.events += 1
            points.setdefault(kind, {})[round(drawn.x(at)), round(drawn.lanes[lane])] = None
    drawn.marks = sum(map(len, points.values()))
    for kind, grid in points.items():
        if kind in _DENSE:
            _path(drawn, kind, _rows(grid, *_DENSE[kind]))
        else:
            _path(drawn, kind, (f"{x} {y}{_GLYPHS[kind]}" for x, y in grid))


def _rows(grid: Iterable[tuple[int, int]], height: int, glyph: str) -> Iterator[str]:
    """Yield the strokes of each lane, one after the other from left to right."""
    rows: dict[int, list[int]] = {}
    for x, y in grid:
        rows.setdefault(y, []).append(x)
    for y, row in rows.items():
        first, *others = sorted(row)
        steps = (f"m{b - a}{-height or ' 0'}{glyph}" for a, b in pairwise([first, *others]))
        yield f"{first} {y - height // 2}{glyph}{''.join(steps)}"


def _outcome(attempt: SeenAttempt) -> str:
    return "none" if attempt.code is None else "ok" if attempt.code == "OK" else "bad"


def _answer(query: SeenQuery) -> str:
    if query.rcode != "NOERROR":
        return "error"
    return "query" if query.answer else "empty"


def _links(drawn: Picture, calls: Iterable[Call]) -> None:
    """Draw a line from each call that failed or was retried through its attempts to its reply."""
    lines: dict[str, None] = {}
    for call in calls:
        if call.ok and len(call.attempts) < 2:
            continue
        steps = [
            (call.sent, CALLERS),
            *((attempt.at, attempt.replica) for attempt in call.attempts),
            (call.received, CALLERS),
        ]
        places = [(round(drawn.x(at)), round(drawn.lanes[lane])) for at, lane in steps if lane in drawn.lanes]
        lines["L".join(f"{x} {y}" for x, y in places)] = None
    if lines:
        _path(drawn, "link", lines)


def _path(drawn: Picture, kind: str, strokes: Iterable[str]) -> None:
    """Add a path; it is made of numbers and the glyphs above alone, and must not be cut as a text would be."""
    drawn.paths.append((kind, Markup("".join(f"M{stroke}" for stroke in strokes))))  # noqa: S704
