"""The timeline's picture: what is drawn where, and that it neither grows without bound nor lies about it."""

import re
from collections.abc import Iterable

import pytest

from tests.harness.evidence.history import History
from tests.harness.report.html.picture import CALLERS, LEFT, MOST_LANES, NAME_SERVER, RIGHT, WORLD, Picture, picture
from tests.unit.helpers.saved_report import REPLICAS, Line, call, event, load, outage, timeline, verb

ONE, TWO, THREE = REPLICAS


def _drawn(*parts: Iterable[Line]) -> Picture:
    drawn = picture(History.of(timeline(*parts)))
    assert drawn is not None
    return drawn


def _marks(drawn: Picture, kind: str) -> list[tuple[float, float]]:
    """Return where the marks of a kind are, those that are drawn from the end of another one included."""
    found = []
    for data in (data for name, data in drawn.paths if name == kind):
        at = 0.0
        for move, x, y, glyph in re.findall(r"([Mm])(-?[\d.]+) ?(-?[\d.]+)([^Mm]*)", data):
            if move == "M":
                at, lane = float(x), float(y) + (6 if glyph == "v12" else 0)
            elif glyph in {"h0", "v12"}:
                assert float(y) == (-12 if glyph == "v12" else 0)
                at += float(x)
            else:
                continue
            found.append((at, lane))
    return sorted(found)


def test_calls_and_attempts_stand_in_their_lanes_by_time() -> None:
    """A call is at the callers when it was sent, its attempt at its replica; failures have marks of their own."""
    drawn = _drawn(
        call(1.0, "a", (0.5, ONE, "OK")),
        call(1.0, "b", (1.0, TWO, "ABORTED"), code="ABORTED", took=1.5),
        call(1.0, "c", (0.5, THREE, None), code=None, took=2.0),
    )

    assert list(drawn.lanes) == [CALLERS, *REPLICAS]
    assert _marks(drawn, "call") == [(round(drawn.x(1.0)), drawn.lanes[CALLERS])]
    assert [x for x, _ in _marks(drawn, "failed")] == [round(drawn.x(2.5)), round(drawn.x(3.0))]
    assert _marks(drawn, "ok") == [(round(drawn.x(1.5)), drawn.lanes[ONE])]
    assert _marks(drawn, "bad") == [(round(drawn.x(2.0)), drawn.lanes[TWO])]
    assert _marks(drawn, "none") == [(round(drawn.x(1.5)), drawn.lanes[THREE])]
    assert drawn.x(drawn.start) == LEFT < drawn.x(1.0) < drawn.x(3.0) < drawn.x(drawn.end) == RIGHT


def test_only_calls_that_failed_or_were_retried_are_linked() -> None:
    """The link leads from the caller over each attempt back to the caller."""
    drawn = _drawn(call(1.0, "a", (0.5, ONE, "OK")), call(1.0, "b", (0.2, ONE, "UNAVAILABLE"), (0.4, TWO, "OK")))
    (link,) = [data for kind, data in drawn.paths if kind == "link"]

    assert link.count("M") == 1
    assert [float(y) for y in re.findall(r" (\d+)", link)] == [
        drawn.lanes[lane] for lane in (CALLERS, ONE, TWO, CALLERS)
    ]


def test_a_fault_is_shaded_from_asked_to_confirmed_and_until_its_opposite() -> None:
    """Hatched while it is only asked for, shaded while it is in effect, and what mends it ends it."""
    drawn = _drawn(load(0.6, 200), verb("kill", ONE, 1.0, 1.2), verb("start", ONE, 1.6, 2.0))
    spans = [drawn.x(at) for at in (1.0, 1.2, 1.2, 2.0, 1.6, 2.0)]

    assert [(band.kind, band.words) for band in drawn.bands] == [("asked", "kill"), ("down", ""), ("asked", "start")]
    assert [x for band in drawn.bands for x in (band.x, band.x + band.width)] == pytest.approx(spans, abs=0.2)
    assert {band.y for band in drawn.bands} == {drawn.lanes[ONE]}


def test_a_fault_that_nothing_ends_stays_in_force() -> None:
    """Without its opposite, or with that of another replica, the shade goes on to the end; a restart ends all."""
    lasting = _drawn(load(0.6, 100), verb("pause", ONE, 0.8, 0.9), verb("resume", TWO, 1.0, 1.1))
    ended = _drawn(load(0.6, 100), verb("pause", ONE, 0.8, 0.9), verb("restart", "loopback", 1.0, 1.1))
    (shade,) = [band for band in lasting.bands if band.kind == "down"]
    (short,) = [band for band in ended.bands if band.kind == "down"]

    assert shade.x + shade.width == pytest.approx(RIGHT, abs=0.2)
    assert short.x + short.width == pytest.approx(ended.x(1.1), abs=0.2)
    assert WORLD in ended.lanes


def test_a_fault_that_was_not_seen_is_hatched_and_never_in_force() -> None:
    """What was only asked for is not drawn as if it had happened."""
    drawn = _drawn(load(0.6, 100), verb("kill", ONE, 1.0, None))

    assert [(band.kind, band.words) for band in drawn.bands] == [("asked", "kill: not confirmed")]


def test_queries_show_what_they_came_to() -> None:
    """Addresses, none, or an error: three different marks; a new list at the name server is a fourth."""
    asked = {"name": "order-service", "kind": "A"}
    drawn = _drawn(
        load(0.6, 10),
        [event(0.61, "dns query", answer=["127.0.0.2"], rcode="NOERROR", **asked)],
        [event(0.63, "dns query", answer=[], rcode="NOERROR", **asked)],
        [event(0.65, "dns query", answer=[], rcode="silent", **asked)],
        [event(0.67, "published", addresses=["127.0.0.2"])],
    )
    kinds = ("query", "empty", "error", "published")

    assert [_marks(drawn, kind) for kind in kinds] == [
        [(round(drawn.x(at)), drawn.lanes[NAME_SERVER])] for at in (0.61, 0.63, 0.65, 0.67)
    ]


def test_a_dense_load_is_merged_and_counted() -> None:
    """Ten times the calls make no bigger picture, and the picture says how many marks stand for how many events."""
    some, many = _drawn(load(0.6, 5)), _drawn(outage(400))
    flood = _drawn(*(call(0.6 + number / 20000, f"o{number}", (0.0, ONE, "OK")) for number in range(20000)))

    assert not some.merged
    assert (some.marks, some.events) == (10, 10)
    assert many.events > 1.9 * 400
    assert flood.merged
    assert flood.events == 40000
    assert flood.marks <= 2 * (RIGHT - LEFT + 1)
    assert sum(len(data) for _, data in flood.paths) < 30000


def test_a_connection_is_drawn_while_it_is_known_to_be_there() -> None:
    """From its opening to its closing; one that only attempts tell of from the first of them to the last."""
    one = {"replica": ONE, "peer": "ipv4:127.0.0.1:51000"}
    drawn = _drawn(
        load(0.6, 90),
        [event(0.7, "replica connection_opened", **one), event(0.9, "replica connection_closed", **one)],
    )
    lines = _marks(drawn, "connection")

    assert lines[-1] == (round(drawn.x(0.7)), drawn.lanes[ONE] + 11)
    assert len(lines) == 3
    assert all(x >= LEFT for x, _ in lines)


def test_more_replicas_than_lanes_are_said_to_be_left_out() -> None:
    """A picture of a hundred replicas draws those that fit and counts the rest."""
    drawn = _drawn(load(0.6, 100, [f"order-service-{number}" for number in range(100)]))

    assert len(drawn.lanes) == 1 + MOST_LANES
    assert drawn.left_out == 100 - MOST_LANES


def test_nothing_that_happened_is_no_picture() -> None:
    """A behaviour that placed no order and asked nothing of the world has none."""
    assert picture(History.of(timeline())) is None
    assert picture(History.of([])) is None


def test_one_moment_is_enough_for_a_picture() -> None:
    """A single call without an answer has a span to draw."""
    drawn = _drawn(call(1.0, "a", took=0.0, code=None))

    assert drawn.ticks
    assert len(_marks(drawn, "failed")) == 1
